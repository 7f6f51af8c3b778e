import FoveaGraph
import FoveaNN
import FoveaZoo
import Testing

@Suite("The zoo")
struct ZooTests {
    @Test("has the published numbers", arguments: Zoo.entries.map(\.card.name))
    func numbers(name: String) throws {
        let card = try Zoo.entry(named: name).card
        let graph = try Zoo.network(named: name).predictionGraph(batchSize: 1)
        let parameters = graph.variables(.parameter).map(\.type.shape.count).reduce(0, +)
        let macs = graph.nodes.map { graph.cost(of: $0).macs }.reduce(0, +)
        #expect(parameters == card.parameters)
        #expect(macs == card.macs)
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

    @Test("has the same variables in training and prediction", arguments: Zoo.entries.map(\.card.name))
    func modes(name: String) throws {
        let network = try Zoo.network(named: name)
        let training = try network.trainingForward(batchSize: 2).graph.variables
        let prediction = try network.predictionGraph(batchSize: 5).variables
        #expect(training.map(\.key) == prediction.map(\.key))
        #expect(training.map(\.type) == prediction.map(\.type))
        #expect(training.map(\.role) == prediction.map(\.role))
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
