import FoveaGraph
import FoveaNN
import FoveaReference
import FoveaTensor
import Testing

@Suite("Auxiliary heads")
struct AuxiliaryHeadTests {
    private static func network(weight: Float, task: Network.Task = .classification(classes: 3)) -> Network {
        Network(inputShape: [4], task: task) {
            Dense(units: 5).named("fc1")
            AuxiliaryHead(weight: weight) { Dense(units: 3).named("fc") }.named("aux")
            ReLU().named("relu")
            Dense(units: 3).named("fc2")
        }
    }

    private func run(_ graph: Graph) throws -> (plan: any Plan, results: [String: Tensor]) {
        let plan = try ReferenceBackend(precision: .double).compile(graph)
        let random = RandomSource(seed: 3)
        for (position, variable) in graph.variables.enumerated() {
            let stream = random.stream(.initialization(position))
            plan.setVariable(
                position, to: variable.initial.tensor(shape: variable.type.shape, stream: stream))
        }
        let stream = random.stream(.other(1))
        var inputs: [String: Tensor] = [:]
        for input in graph.inputs {
            let type = graph.type(of: input.value)
            inputs[input.name] =
                type.dtype == .int32
                ? Tensor([Int32(0), 2], shape: [2])
                : Tensor((0..<type.shape.count).map { stream.uniform(at: $0) - 0.5 }, shape: type.shape)
        }
        return (plan, try plan.run(inputs))
    }

    @Test("add weight times their loss to the objective, and nothing to the loss")
    func objective() throws {
        func values(_ weight: Float) throws -> (loss: Float, heads: Float, objective: Float) {
            var forward = try Self.network(weight: weight).trainingForward(batchSize: 2)
            try forward.graph.output("objective", forward.objective)
            try forward.graph.output("trainedLoss", forward.trainedLoss)
            try forward.graph.verify()
            let results = try run(forward.graph).results
            func scalar(_ name: String) -> Float { results[name]!.scalars(as: Float.self)[0] }
            #expect(scalar("trainedLoss") == scalar("objective"))
            return (scalar("loss"), scalar("auxiliary"), scalar("objective"))
        }
        let (whole, part) = (try values(1), try values(0.25))
        #expect(whole.loss == part.loss)
        #expect(abs(whole.heads * 0.25 - part.heads) < 1e-6 && part.heads > 0.1)
        #expect(abs(part.loss + part.heads - part.objective) < 1e-6)
    }

    @Test("take part in regression, too")
    func regression() throws {
        let forward = try Self.network(weight: 0.5, task: .regression(outputs: 3)).trainingForward(
            batchSize: 2)
        #expect(forward.graph.outputs.map(\.name) == ["loss", "prediction", "auxiliary"])
        #expect(try #require(run(forward.graph).results["auxiliary"]).scalars(as: Float.self)[0] > 0)
    }

    @Test("are absent from prediction, and their variables belong to the network")
    func prediction() throws {
        let network = Self.network(weight: 0.3)
        let graph = try network.predictionGraph(batchSize: 2)
        #expect(graph.variables.map(\.key) == ["fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"])
        #expect(!graph.nodes.contains { $0.path.hasPrefix("aux") })
        let training = try network.trainingForward(batchSize: 2).graph
        #expect(
            training.variables.map(\.key).filter { $0.hasPrefix("aux") } == ["aux.fc.weight", "aux.fc.bias"])
        #expect(try network.variables().map(\.key) == training.variables.map(\.key))
        #expect(training.nodes.contains { $0.path == "aux.loss" })
        let summary = try Summary(of: network)
        #expect(summary.parameters == 25 + 18 + 18)
        #expect(summary.macs == 20 + 15)
        #expect(summary.layers.filter { !$0.isTrainingOnly }.count == graph.nodes.count)
    }

    @Test("with a weight that is none, or a result that does not fit, are refused with their path")
    func errors() throws {
        for weight: Float in [0, -1, .nan, .infinity] {
            let error = try #require(
                #expect(throws: GraphError.self) {
                    try Self.network(weight: weight).predictionGraph(batchSize: 1)
                })
            #expect(error.path == "aux" && error.message.contains("\(weight)"))
        }
        let network = Network(inputShape: [4], task: .classification(classes: 3)) {
            AuxiliaryHead { Dense(units: 2).named("fc") }.named("aux")
            Dense(units: 3)
        }
        let error = try #require(
            #expect(throws: GraphError.self) { try network.trainingForward(batchSize: 2) })
        #expect(error.path.hasPrefix("aux") && error.message.contains("[N, 3]"))
    }
}
