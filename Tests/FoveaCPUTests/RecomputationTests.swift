import FoveaCPU
import FoveaFixtures
import FoveaGraph
import FoveaNN
import FoveaTensor
import FoveaTestSupport
import FoveaTraining
import FoveaZoo
import Testing

/// Plans that forget activations and compute them once more.
@Suite struct RecomputationTests {
    static let layouts = [CPUBackend.ActivationLayout.channelsLast, .blocked, .batchInnermost]

    @Test(
        "Every gradient and statistic has the same bits",
        arguments: [
            "resnet_tiny", "resnet_tiny_bottleneck", "resnet56", "densenet_tiny", "googlenet_tiny",
            "xception_tiny", "inception_resnet_tiny", "seresnet_tiny",
            "conv 8 k3 p1 - bn - swish - conv 8 k3 p1 - bn - prelu - conv 8 k3 p1 - bn - gelu - gap - fc 3",
        ], layouts)
    func gradients(of model: String, _ layout: CPUBackend.ActivationLayout) throws {
        let network = try Self.network(model)
        let kept = try Self.run(network, on: CPUBackend(activationLayout: layout))
        let recomputed = try Self.run(
            network, on: CPUBackend(activationLayout: layout, recomputesActivations: true))
        #expect(!kept.explanation.contains("recomputed"))
        #expect(recomputed.explanation.contains("recomputed batchNorm"))
        #expect(kept.tensors.count > 10 && kept.tensors.keys == recomputed.tensors.keys)
        for (name, tensor) in kept.tensors { #expect(recomputed.tensors[name] == tensor, "\(name)") }
    }

    @Test(
        "Every gradient has the same bits in bfloat16",
        .enabled(
            if: (try? CPUBackend.check(.bfloat16)) != nil, "this processor has no instructions for bfloat16"),
        arguments: ["resnet_tiny_bottleneck", "densenet_tiny", "seresnet_tiny"])
    func bfloat16(model: String) throws {
        let network = try Self.network(model)
        let kept = try Self.run(network, on: CPUBackend(precision: .bfloat16))
        let recomputed = try Self.run(
            network, on: CPUBackend(precision: .bfloat16, recomputesActivations: true))
        #expect(recomputed.explanation.contains("recomputed batchNorm"))
        for (name, tensor) in kept.tensors { #expect(recomputed.tensors[name] == tensor, "\(name)") }
    }

    /// What the backward part reads again may have been overwritten, moved or given another name in the forward part.
    @Test(
        "Random graphs agree with the reference",
        arguments: [
            OperationFamily.reuse, .convolutionStack, .residualBlock, .inceptionBlock, .squeezeExcitation,
            .normalizedStack, .normalizedSum,
        ], layouts)
    func families(_ family: OperationFamily, _ layout: CPUBackend.ActivationLayout) throws {
        let report = try ConformanceSuite.run(
            backend: CPUBackend(activationLayout: layout, recomputesActivations: true), family: family,
            count: 40)
        #expect(report.failures.isEmpty, "\(report)\n\(report.failures.prefix(3).joined(separator: "\n"))")
    }

    /// A value that is kept only to compute others of it must not be the memory in which a convolution adds up.
    @Test("A sum into the memory of a value that ends a chain")
    func overwrittenEnd() throws {
        let tensors = try [false, true].map { recomputes in
            var graph = Graph()
            let weight = try graph.variable("weight", [4, 4, 1, 1], initial: .constant(0))
            var sum = try graph.input("input", TensorType([2, 4, 3, 3]))
            // One more than the longest chain.
            for number in 0..<6 {
                func vector(_ name: String) throws -> Graph.Value {
                    try graph.variable("\(number).\(name)", [4], initial: .constant(0))
                }
                let normalized = try graph.batchNorm(
                    try graph.convolution(sum, weight: weight), scale: try vector("scale"),
                    shift: try vector("shift"), runningMean: try vector("mean"),
                    runningVariance: try vector("variance"), epsilon: 1e-3, momentum: 0.1)
                sum = try graph.add(normalized, sum)
            }
            let last = try graph.convolution(try graph.activation(.tanh, sum), weight: weight)
            let objective = try graph.l2Penalty(try graph.add(last, sum), strength: 1)
            try graph.output("gradient", try graph.gradients(of: objective, withRespectTo: [weight])[0])
            let plan = try CPUBackend(activationLayout: .channelsLast, recomputesActivations: recomputes)
                .compile(graph)
            for (position, variable) in graph.variables.enumerated() {
                plan.setVariable(position, to: Formula.data(variable.type.shape, key: variable.key))
            }
            #expect(plan.explain().contains("convolution+add"))
            return try #require(try plan.run(["input": Formula.data([2, 4, 3, 3])])["gradient"])
        }
        #expect(tensors[0] == tensors[1])
    }

    @Test("Some steps of training leave the same weights", arguments: ["resnet_tiny", "densenet_tiny"])
    func training(model: String) throws {
        let network = try Self.network(model)
        let graph = try TrainingGraph.make(network: network, batchSize: 8, optimizer: SGD(momentum: 0.9))
            .graph
        let plans = try [false, true].map { recomputes in
            try CPUBackend(recomputesActivations: recomputes).compile(graph)
        }
        for plan in plans {
            Self.initialize(plan)
            try plan.setInput("learningRate", to: Tensor([Float(0.05)], shape: []))
            for step in 0..<4 {
                try Self.setBatch(of: network, in: plan, key: "input \(step)")
                try plan.execute()
            }
        }
        for (position, variable) in graph.variables.enumerated() {
            #expect(plans[0].variable(position) == plans[1].variable(position), "\(variable.key)")
        }
    }

    @Test(
        "A plan needs less memory",
        arguments: [("densenet_tiny", 0.75), ("resnet_tiny_bottleneck", 0.8), ("resnet56", 0.6)])
    func memory(model: String, share: Double) throws {
        let network = try Self.network(model)
        let byteCounts = try [false, true].map { recomputes in
            try PlannedMemory(
                of: network, batchSize: 32,
                backend: CPUBackend(activationLayout: .channelsLast, recomputesActivations: recomputes))
        }
        let found = Double(byteCounts[1].training) / Double(byteCounts[0].training)
        #expect(found < share)
        #expect(byteCounts[0].prediction == byteCounts[1].prediction)
    }

    @Test("A chain of sums is not recomputed all at once")
    func chain() throws {
        // Each stage of resnet56 has nine blocks, and each block a sum.
        let network = try Self.network("resnet56")
        let explanation = try Self.run(
            network, on: CPUBackend(activationLayout: .channelsLast, recomputesActivations: true)
        ).explanation
        let operations = explanation.split(separator: "\n").map {
            $0.split(separator: "  ").dropFirst().first.map {
                String($0.drop { $0 == " " })
            } ?? ""
        }
        let longest = operations.split { $0 != "recomputed batchNorm+add+relu" }.map(\.count).max() ?? 0
        #expect((2...5).contains(longest))
        let count = operations.count { $0 == "recomputed batchNorm+add+relu" }
        #expect((15..<27).contains(count))
    }

    @Test("Nothing is recomputed where nothing is gained", arguments: ["lenet5_relu", "vgg_tiny", "mlp"])
    func nothingToGain(model: String) throws {
        let network = try Self.network(model)
        let explanation = try Self.run(network, on: CPUBackend(recomputesActivations: true)).explanation
        #expect(!explanation.contains("recomputed"))
    }

    // MARK: Support

    private static func network(_ model: String) throws -> Network {
        guard model.contains(" - ") else { return try Zoo.network(named: model) }
        return Network(
            inputShape: [3, 12, 12], task: .classification(classes: 3), layers: try Notation(model))
    }

    private struct Result {
        /// Gradients and statistics by name.
        var tensors: [String: Tensor]
        var explanation: String
    }

    private static func run(_ network: Network, on backend: CPUBackend) throws -> Result {
        var forward = try network.trainingForward(batchSize: 8, usesDropout: false)
        let keys = forward.graph.variables(.parameter).map(\.key)
        let parameters = keys.compactMap { forward.graph.value(ofVariable: $0) }
        let gradients = try forward.graph.gradients(of: forward.objective, withRespectTo: parameters)
        for (key, gradient) in zip(keys, gradients) { try forward.graph.output("gradient \(key)", gradient) }
        let plan = try backend.compile(forward.graph)
        initialize(plan)
        try setBatch(of: network, in: plan, key: "input")
        try plan.execute()
        var tensors: [String: Tensor] = [:]
        for (position, output) in forward.graph.outputs.enumerated() {
            tensors[output.name] = plan.output(position)
        }
        for (position, variable) in forward.graph.variables.enumerated() {
            tensors[variable.key] = plan.variable(position)
        }
        return Result(tensors: tensors, explanation: plan.explain())
    }

    private static func initialize(_ plan: any Plan) {
        let source = RandomSource(seed: 0)
        for (position, variable) in plan.graph.variables.enumerated() {
            let stream = source.stream(.initialization(position))
            plan.setVariable(
                position, to: variable.initial.tensor(shape: variable.type.shape, stream: stream))
        }
    }

    private static func setBatch(of network: Network, in plan: any Plan, key: String) throws {
        try plan.setInput(
            "input", to: Formula.data(Shape([8] + network.inputShape.dimensions), key: key))
        try plan.setInput("labels", to: Formula.labels(8, classes: network.task.width))
    }
}
