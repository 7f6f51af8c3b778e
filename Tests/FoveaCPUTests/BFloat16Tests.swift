import FoveaCPU
import FoveaFixtures
import FoveaGraph
import FoveaNN
import FoveaTensor
import FoveaTestSupport
import FoveaTraining
import FoveaZoo
import Testing

/// Plans that store values in bfloat16.
@Suite(
    .enabled(
        if: (try? CPUBackend.check(.bfloat16)) != nil, "this processor has no instructions for bfloat16"))
struct BFloat16Tests {
    @Test(arguments: OperationFamily.allCases)
    func familyAgreesWithReference(_ family: OperationFamily) throws {
        let report = try ConformanceSuite.run(
            backend: CPUBackend(precision: .bfloat16), family: family, count: 100, storage: .bfloat16)
        #expect(report.failures.isEmpty, "\(report)\n\(report.failures.prefix(2).joined(separator: "\n"))")
    }

    /// What lies between two convolutions reads and writes bfloat16, or is converted to float32 and back.
    ///
    /// The measure of what rounding does to a gradient, with the rectifiers and maxima that it turns, is what changing each
    /// given number by 2^-8 of itself does in float32.
    @Test(
        arguments: [
            "relu", "tanh", "sigmoid", "leaky 0.1", "elu", "gelu", "gelutanh", "swish", "hardsigmoid",
            "hardswish", "softplus", "prelu", "bn", "bn - relu", "ln", "in - relu", "gn4 - relu", "lrn",
            "maxpool 2", "maxpool 3 s2", "avgpool 2", "avgpool 3 s1", "relu - maxpool 3 s1 - bn",
        ],
        [CPUBackend.ActivationLayout.channelsLast, .blocked])
    func layerBetweenConvolutions(_ layer: String, _ layout: CPUBackend.ActivationLayout) throws {
        let text = "conv 24 k3 p1 - \(layer) - conv 16 k3 p1 - \(layer) - gap - fc 5"
        let network = Network(
            inputShape: [3, 12, 12], task: .classification(classes: 5), layers: try Notation(text))
        let float32 = CPUBackend(activationLayout: layout)
        let exact = try Self.gradients(of: network, on: float32, batchSize: 8)
        let changed = try Self.gradients(of: network, on: float32, batchSize: 8, changedBy: 0x1p-8)
        let rounded = try Self.gradients(
            of: network, on: CPUBackend(activationLayout: layout, precision: .bfloat16), batchSize: 8)
        #expect(rounded.explanation.contains(":bf16"))
        for (key, numbers) in exact.gradients {
            let error = Self.distance(of: try #require(rounded.gradients[key]), from: numbers)
            let expected = Self.distance(of: try #require(changed.gradients[key]), from: numbers)
            #expect(
                error < 3 * expected + 0.01 * Self.norm(numbers) + 1e-3 * exact.largestNorm,
                "\(key): \(error), not about \(expected), of \(Self.norm(numbers))")
        }
    }

    @Test func residualNetworkHasNoConversionsWithin() throws {
        let network = try Zoo.network(named: "resnet_tiny_bottleneck")
        let graph = try TrainingGraph.make(
            network: network, batchSize: 2, optimizer: SGD(momentum: 0.9)
        ).graph
        let explanation = try CPUBackend(precision: .bfloat16).compile(graph).explain()
        // The images, and the gradients of logits.
        #expect(explanation.contains("2 conversions"), "\(explanation)")
        #expect(explanation.contains("0 reorders"))
        let prediction = try CPUBackend(precision: .bfloat16).compile(network.predictionGraph(batchSize: 2))
        #expect(prediction.explain().contains("1 conversions"))
    }

    @Test func variablesStayAsTheyWereGiven() throws {
        let network = try Zoo.network(named: "lenet5_relu")
        let plan = try CPUBackend(precision: .bfloat16).compile(network.predictionGraph(batchSize: 3))
        for (position, variable) in plan.graph.variables.enumerated() {
            let tensor = Formula.data(variable.type.shape, key: variable.key)
            plan.setVariable(position, to: tensor)
            #expect(plan.variable(position) == tensor)
        }
    }

    private struct Result {
        var gradients: [String: [Float]]
        var explanation: String
        var largestNorm: Double { gradients.values.map(norm).max() ?? 0 }
    }

    /// The gradients of the parameters at their initial values, with these and the inputs changed by `share` of themselves, up
    /// or down.
    private static func gradients(
        of network: Network, on backend: CPUBackend, batchSize: Int, changedBy share: Float = 0
    ) throws -> Result {
        var forward = try network.trainingForward(batchSize: batchSize, usesDropout: false)
        let keys = forward.graph.variables(.parameter).map(\.key)
        let parameters = keys.compactMap { forward.graph.value(ofVariable: $0) }
        let gradients = try forward.graph.gradients(of: forward.objective, withRespectTo: parameters)
        for (key, gradient) in zip(keys, gradients) { try forward.graph.output(key, gradient) }
        let plan = try backend.compile(forward.graph)
        let source = RandomSource(seed: 0)
        var random = source.stream(.other(0))
        func change(_ tensor: Tensor) -> Tensor {
            Tensor(
                tensor.scalars(as: Float.self).map {
                    $0 * (1 + (random.next(below: 2) == 0 ? share : -share))
                }, shape: tensor.shape)
        }
        for (position, variable) in plan.graph.variables.enumerated() {
            let initial = variable.initial.tensor(
                shape: variable.type.shape, stream: source.stream(.initialization(position)))
            plan.setVariable(position, to: change(initial))
        }
        let results = try plan.run([
            "input": change(Formula.data(Shape([batchSize] + network.inputShape.dimensions))),
            "labels": Formula.labels(batchSize, classes: network.task.width),
        ])
        return Result(
            gradients: Dictionary(
                uniqueKeysWithValues: keys.map { ($0, results[$0]!.scalars(as: Float.self)) }),
            explanation: plan.explain())
    }

    private static func norm(_ numbers: [Float]) -> Double {
        numbers.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
    }

    private static func distance(of numbers: [Float], from exact: [Float]) -> Double {
        norm(zip(numbers, exact).map { $0 - $1 })
    }
}
