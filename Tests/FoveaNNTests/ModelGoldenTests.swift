import FoveaFixtures
import FoveaGraph
import FoveaNN
import FoveaReference
import FoveaTensor
import FoveaZoo
import Testing

/// Whole networks against PyTorch's.
///
/// ResNet-50 is for backends that are faster than the reference.
@Suite("Golden networks")
struct ModelGoldenTests {
    @Test(
        "agree with PyTorch in logits, loss, gradients and statistics",
        arguments: ["lenet5", "resnet_tiny", "resnet_tiny_bottleneck"])
    func network(name: String) throws {
        let fixture: ModelFixture = try Fixtures.read(name)
        #expect(fixture.formula == Formula.version)
        let network = try Zoo.network(named: fixture.model)
        #expect(network.inputShape.dimensions == fixture.inputShape)
        let backend = ReferenceBackend(precision: .double)
        let x = Formula.data(Shape([fixture.batch] + fixture.inputShape))

        let prediction = try backend.compile(network.predictionGraph(batchSize: fixture.batch))
        prediction.fillByFormula()
        let logits = try #require(try prediction.run(["input": x])["logits"])
        #expect(fixture.logits.error(of: logits) < 1e-5)

        var forward = try network.trainingForward(batchSize: fixture.batch)
        let keys = forward.graph.variables(.parameter).map(\.key)
        #expect(Set(keys) == Set(fixture.gradients.keys))
        let parameters = keys.compactMap { forward.graph.value(ofVariable: $0) }
        let gradients = try forward.graph.gradients(of: forward.objective, withRespectTo: parameters)
        for (key, gradient) in zip(keys, gradients) { try forward.graph.output(key, gradient) }
        let training = try backend.compile(forward.graph)
        training.fillByFormula()
        let labels = Formula.labels(fixture.batch, classes: fixture.classes)
        let results = try training.run(["input": x, "labels": labels])
        let loss = try #require(results["loss"]?.scalars(as: Float.self).first)
        #expect(abs(Double(loss) - fixture.loss) < 1e-5 * fixture.loss)
        for (key, record) in fixture.gradients {
            let error = record.error(of: try #require(results[key]))
            #expect(error < 1e-4, "\(key): \(error)")
        }
        for (position, variable) in training.graph.variables.enumerated() where variable.role == .statistic {
            let record = try #require(fixture.statistics[variable.key])
            #expect(record.error(of: training.variable(position)) < 1e-5)
        }
    }

    @Test("have the keys, shapes and count of torchvision's resnet50")
    func resnet50() throws {
        let fixture: ModelFixture = try Fixtures.read("resnet50")
        let graph = try Zoo.network(named: "resnet50").trainingForward(batchSize: fixture.batch).graph
        let parameters = graph.variables(.parameter)
        #expect(
            Dictionary(uniqueKeysWithValues: parameters.map { ($0.key, $0.type.shape.dimensions) })
                == fixture.gradients.mapValues(\.shape))
        let statistics = graph.variables(.statistic)
        #expect(
            Dictionary(uniqueKeysWithValues: statistics.map { ($0.key, $0.type.shape.dimensions) })
                == fixture.statistics.mapValues(\.shape))
        #expect(parameters.map(\.type.shape.count).reduce(0, +) == fixture.parameters)
    }

    #if DEBUG
        // The interpreter takes minutes for these in a debug build; `swift test -c release` runs all.
        static let trained = ["lenet5"]
        static let steps = 3
    #else
        static let trained = ["lenet5", "lenet5_relu", "mlp"]
        static let steps = 10
    #endif

    @Test(
        "follow PyTorch's losses over ten steps",
        arguments: trained, ["momentum", "nesterov", "adam"])
    func training(model: String, optimizer: String) throws {
        let fixture: TrainingFixture = try Fixtures.read("training")
        let run = try #require(fixture.runs.first { $0.model == model && $0.optimizer == optimizer })
        let network = try Zoo.network(named: model)
        let graph = try trainingGraph(network, batchSize: fixture.batch, optimizer: optimizer)
        let plan = try ReferenceBackend(precision: .float).compile(graph)
        plan.fillByFormula()
        try plan.setInput("input", to: Formula.data(Shape([fixture.batch] + network.inputShape.dimensions)))
        try plan.setInput("labels", to: Formula.labels(fixture.batch, classes: fixture.classes))
        try plan.setInput("rate", to: Tensor([run.rate], shape: .scalar))
        for (step, expected) in run.losses.prefix(Self.steps).enumerated() {
            if optimizer == "adam" { try plan.setInput("step", to: Tensor([Int32(step)], shape: .scalar)) }
            try plan.execute()
            let loss = Double(plan.output(0).scalars(as: Float.self)[0])
            #expect(abs(loss - expected) < 1e-4 * expected, "step \(step): \(loss), not \(expected)")
        }
        guard Self.steps == run.losses.count else { return }
        for (position, variable) in graph.variables.enumerated() where variable.role == .parameter {
            let error = try #require(run.weights[variable.key]).error(of: plan.variable(position))
            #expect(error < 1e-3, "\(variable.key): \(error)")
        }
    }

    /// A training step with the update as PyTorch's optimizer of that name makes it.
    private func trainingGraph(_ network: Network, batchSize: Int, optimizer: String) throws -> Graph {
        let forward = try network.trainingForward(batchSize: batchSize)
        var graph = forward.graph
        let keys = graph.variables(.parameter).map(\.key)
        let weights = keys.compactMap { graph.value(ofVariable: $0) }
        let gradients = try graph.gradients(of: forward.objective, withRespectTo: weights)
        let rate = try graph.input("rate", TensorType(.scalar))
        for (key, (weight, gradient)) in zip(keys, zip(weights, gradients)) {
            func slot(_ name: String) throws -> Graph.Value {
                try graph.variable(
                    "\(name).\(key)", graph.shape(of: weight), role: .slot, initial: .constant(0))
            }
            if optimizer == "adam" {
                let moments = (first: try slot("m"), second: try slot("v"))
                let results = try graph.adam(
                    weight, gradient: gradient, moments: moments, step: graph.stepInput(), learningRate: rate,
                    beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0)
                for (target, value) in zip([weight, moments.first, moments.second], results) {
                    try graph.assign(value, to: target)
                }
            } else {
                let velocity = try slot("velocity")
                let results = try graph.sgd(
                    weight, gradient: gradient, velocity: velocity, learningRate: rate, momentum: 0.9,
                    usesNesterov: optimizer == "nesterov", weightDecay: 0)
                for (target, value) in zip([weight, velocity], results) {
                    try graph.assign(value, to: target)
                }
            }
        }
        try graph.verify()
        return graph
    }
}
