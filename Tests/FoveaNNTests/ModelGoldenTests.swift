import FoveaFixtures
import FoveaGraph
import FoveaNN
import FoveaReference
import FoveaTensor
import FoveaZoo
import Testing

/// Whole networks against PyTorch's.
///
/// Those of full width are for backends that are faster than the reference.
@Suite("Golden networks")
struct ModelGoldenTests {
    /// Narrow variants of every family.
    static let networks = [
        "lenet5", "resnet20", "resnet20_b", "plain20", "resnet56", "plain56", "alexnet_tiny",
        "alexnet_lrn_tiny", "vgg_tiny", "vgg_bn_tiny", "googlenet_tiny",
        "inception_v1_aux_tiny", "resnet_tiny", "resnet_tiny_bottleneck", "resnext_tiny", "densenet_tiny",
        "xception_tiny", "inception_resnet_tiny", "seresnet_tiny", "se_inception_resnet_tiny",
    ]

    @Test(
        "agree with PyTorch in logits, loss, gradients and statistics",
        arguments: networks)
    func network(name: String) throws {
        let fixture: ModelFixture = try Fixtures.read(name)
        #expect(fixture.formula == Formula.version)
        let network = try Zoo.network(named: fixture.model)
        #expect(network.inputShape.dimensions == fixture.inputShape)
        let backend = ReferenceBackend(precision: .double)
        let x = Formula.data(Shape([fixture.batch] + fixture.inputShape), key: fixture.inputKey)

        let prediction = try backend.compile(network.predictionGraph(batchSize: fixture.batch))
        prediction.fillByFormula()
        let logits = try #require(try prediction.run(["input": x])["logits"])
        #expect(fixture.logits.error(of: logits) < 1e-5)

        var forward = try network.trainingForward(batchSize: fixture.batch, usesDropout: false)
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
        let heads = results["auxiliary"]?.scalars(as: Float.self).first ?? 0
        #expect(abs(Double(loss + heads) - fixture.loss) < 1e-5 * fixture.loss)
        for key in keys {
            let error = fixture.gradientError(of: try #require(results[key]), for: key)
            #expect(error < 1e-5, "\(key): \(error)")
        }
        for (position, variable) in training.graph.variables.enumerated() where variable.role == .statistic {
            let record = try #require(fixture.statistics[variable.key])
            #expect(record.error(of: training.variable(position)) < 1e-5)
        }
    }

    @Test("have the keys, shapes and count of torchvision's and timm's", arguments: wholeNetworks)
    func keys(name: String) throws {
        let fixture: ModelFixture = try Fixtures.read(name)
        let variables = try Zoo.network(named: name).variables()
        func shapes(_ role: Graph.Variable.Role) -> [String: [Int]] {
            Dictionary(
                uniqueKeysWithValues: variables.filter { $0.role == role }
                    .map { ($0.key, $0.type.shape.dimensions) })
        }
        #expect(shapes(.parameter) == fixture.gradients.mapValues(\.shape))
        #expect(shapes(.statistic) == fixture.statistics.mapValues(\.shape))
        let count = variables.filter { $0.role == .parameter }.map(\.type.shape.count).reduce(0, +)
        #expect(count == fixture.parameters)
    }

    static let wholeNetworks = [
        "alexnet", "alexnet_lrn", "vgg16", "googlenet", "inception_v1", "inception_v1_aux", "resnet50",
        "resnext50_32x4d",
        "densenet121", "xception", "inception_resnet_v2", "seresnet50",
    ]

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
