import FoveaGraph
import FoveaNN
import FoveaZoo
import Testing

@Suite("The zoo")
struct ZooTests {
    @Test("has the published numbers", arguments: Zoo.entries.map(\.card.name))
    func numbers(name: String) throws {
        let card = try Zoo.entry(named: name).card
        let network = try Zoo.network(named: name)
        let variables = try network.variables()
        let parameters = variables.filter { $0.role == .parameter }.map(\.type.shape.count).reduce(0, +)
        let graph = try network.predictionGraph(batchSize: 1)
        let macs = graph.nodes.map { graph.cost(of: $0).macs }.reduce(0, +)
        #expect(parameters == card.parameters)
        #expect(macs == card.macs)
        let summary = try Summary(of: network)
        #expect(summary.parameters == card.parameters)
        #expect(summary.macs == card.macs)
    }

    @Test(
        "sees as much of the image as is published",
        arguments: [
            ("alexnet", 195), ("vgg16", 212), ("resnet50", 427), ("resnet50_v1", 483), ("densenet121", 2071),
            ("xception", 1083), ("inception_resnet_v2", 3039),
        ])
    func receptiveField(name: String, size: Int) throws {
        let summary = try Summary(of: try Zoo.network(named: name))
        #expect(summary.receptiveField?.size == [size, size])
    }

    @Test(
        "has no auxiliary heads in prediction",
        arguments: [("googlenet", 6_624_904), ("inception_v1_aux", 6_998_552)])
    func heads(name: String, parameters: Int) throws {
        let graph = try Zoo.network(named: name).predictionGraph(batchSize: 1)
        #expect(graph.variables(.parameter).map(\.type.shape.count).reduce(0, +) == parameters)
        #expect(!graph.variables.contains { $0.key.hasPrefix("aux") })
        #expect(!graph.nodes.contains { $0.path.hasPrefix("aux") })
    }

    @Test(
        "gives every parameter a gradient, and a graph that keeps the rules",
        arguments: Zoo.entries.map(\.card.name))
    func gradients(name: String) throws {
        var forward = try Zoo.network(named: name).trainingForward(batchSize: 2)
        let parameters = forward.graph.variables(.parameter).compactMap {
            forward.graph.value(ofVariable: $0.key)
        }
        let gradients = try forward.graph.gradients(of: forward.objective, withRespectTo: parameters)
        #expect(
            gradients.map { forward.graph.shape(of: $0) } == parameters.map { forward.graph.shape(of: $0) })
        try forward.graph.verify()
    }

    /// The rule that a network's variables are those of the training graph.
    ///
    /// A graph for prediction has the same, in the same
    /// order, but for those of auxiliary heads.
    @Test(
        "has the same variables in training and prediction, auxiliary heads left out",
        arguments: Zoo.entries.map(\.card.name))
    func modes(name: String) throws {
        let network = try Zoo.network(named: name)
        let training = try network.trainingForward(batchSize: 2).graph.variables
        let all = try network.variables()
        #expect(training.map(\.key) == all.map(\.key))
        #expect(training.map(\.type) == all.map(\.type))
        #expect(training.map(\.role) == all.map(\.role))
        let prediction = try network.predictionGraph(batchSize: 5).variables
        let kept = training.filter { !$0.key.hasPrefix("aux") }
        #expect(prediction.map(\.key) == kept.map(\.key))
        #expect(prediction.map(\.type) == kept.map(\.type))
        #expect(prediction.map(\.role) == kept.map(\.role))
    }

    /// The smallest images that the architectures take which do not take 32x32.
    static let smallest = [
        "alexnet": 63, "alexnet_lrn": 67, "inception_v1_aux": 79, "xception": 7, "inception_resnet": 75,
        "se_inception_resnet": 75,
    ]

    @Test("takes grey and small images, and says what is wrong with too small ones")
    func smallImages() throws {
        for entry in Zoo.entries where entry.card.input.rank == 3 && !entry.card.name.hasPrefix("mlp") {
            let name = entry.card.name
            let family = Self.smallest.keys.filter { name.hasPrefix($0) }.max { $0.count < $1.count }
            let side = family.map { Self.smallest[$0]! } ?? 32
            for side in [side, side + 9] {
                let graph = try Zoo.network(named: name, classes: 3, input: [1, side, side + 1])
                    .trainingForward(batchSize: 2).graph
                #expect(
                    graph.outputs.first { $0.name == "logits" }.map { graph.shape(of: $0.value) } == [2, 3])
            }
            guard family != nil else { continue }
            let error = try #require(
                #expect(throws: GraphError.self, "\(name)") {
                    try Zoo.network(named: name, input: [1, side - 1, side - 1]).trainingForward(batchSize: 2)
                })
            #expect(error.message.contains("use a larger input"))
        }
    }

    @Test("takes other classes and other inputs, as far as the arithmetic goes")
    func otherSizes() throws {
        let lenet = try Zoo.network(named: "lenet5", classes: 62, input: [3, 32, 40]).predictionGraph(
            batchSize: 2)
        #expect(lenet.outputs.map { lenet.shape(of: $0.value) } == [[2, 62], [2, 62]])
        let resnet = try Zoo.network(named: "resnet18", classes: 7, input: [1, 97, 33]).predictionGraph(
            batchSize: 1)
        #expect(resnet.value(ofVariable: "fc.weight").map { resnet.shape(of: $0) } == [7, 512])
        let error = try #require(
            #expect(throws: GraphError.self) {
                try Zoo.network(named: "lenet5", input: [1, 4, 4]).predictionGraph(batchSize: 1)
            })
        #expect(error.path == "conv2")
    }

    @Test("names what there is where a name is unknown")
    func unknown() throws {
        let error = try #require(#expect(throws: ZooError.self) { try Zoo.network(named: "resnet51") })
        #expect(error.message.contains("'resnet51'"))
        #expect(error.message.contains("resnet50"))
        #expect(throws: ZooError.self) { try Zoo.network(named: "mlp", classes: 0) }
        #expect(Set(Zoo.entries.map(\.card.name)).count == Zoo.entries.count)
    }

    @Test("starts blocks as the identity where asked to")
    func zeroInitialization() throws {
        let layers = ResNet(
            block: .bottleneck, depths: [1, 1, 1, 1], classes: 3, zeroInitializesResidual: true)
        let graph = try Network(inputShape: [3, 64, 64], task: .classification(classes: 3), layers: layers)
            .predictionGraph(batchSize: 1)
        for variable in graph.variables(.parameter)
        where variable.key.contains("bn") && variable.key.hasSuffix("weight") {
            guard case .constant(let value) = variable.initial else { Issue.record("not constant"); return }
            #expect(value == (variable.key.contains("bn3") ? 0 : 1))
        }
    }
}
