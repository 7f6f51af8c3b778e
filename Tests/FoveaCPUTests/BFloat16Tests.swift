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
    /// A gradient differs by the rounding of what it is made of, about 2^-9 each and some ten of them, and by the rectifiers
    /// and maxima that rounding turns. One layer wrong in a tenth of its elements is off by more.
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
        let exact = try Self.gradients(
            of: network, on: CPUBackend(activationLayout: layout), batchSize: 8)
        let rounded = try Self.gradients(
            of: network, on: CPUBackend(activationLayout: layout, precision: .bfloat16), batchSize: 8)
        #expect(rounded.explanation.contains(":bf16"))
        for (key, numbers) in exact.gradients {
            let error = Self.relativeError(of: try #require(rounded.gradients[key]), from: numbers)
            // The gradient of what a normalization takes off again is rounding alone.
            let isZero = Self.norm(numbers) < 1e-5 * exact.largestNorm
            #expect(isZero || error < 0.05, "\(key): \(error)")
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

    /// The gradients of the parameters at their initial values.
    private static func gradients(
        of network: Network, on backend: CPUBackend, batchSize: Int
    ) throws -> Result {
        var forward = try network.trainingForward(batchSize: batchSize, usesDropout: false)
        let keys = forward.graph.variables(.parameter).map(\.key)
        let parameters = keys.compactMap { forward.graph.value(ofVariable: $0) }
        let gradients = try forward.graph.gradients(of: forward.objective, withRespectTo: parameters)
        for (key, gradient) in zip(keys, gradients) { try forward.graph.output(key, gradient) }
        let plan = try backend.compile(forward.graph)
        let source = RandomSource(seed: 0)
        for (position, variable) in plan.graph.variables.enumerated() {
            plan.setVariable(
                position,
                to: variable.initial.tensor(
                    shape: variable.type.shape, stream: source.stream(.initialization(position))))
        }
        let results = try plan.run([
            "input": Formula.data(Shape([batchSize] + network.inputShape.dimensions)),
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

    private static func relativeError(of numbers: [Float], from exact: [Float]) -> Double {
        norm(zip(numbers, exact).map { $0 - $1 }) / norm(exact)
    }
}
