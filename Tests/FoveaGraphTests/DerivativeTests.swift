import FoveaGraph
import FoveaReference
import FoveaTensor
import FoveaTestSupport
import Testing

/// How each operation is known to be right.
private enum Coverage {
    /// In the cases of the family, where its results are compared with differences.
    case differences(OperationFamily)
    /// It has no derivative; its results are compared with the formula by the named test, which fails to
    /// compile when gone.
    case formula(any Sendable.Type)
}

private let coverage: [String: Coverage] = [
    "constant": .differences(.slice),
    "convolution": .differences(.convolution),
    "convolutionInputGradient": .differences(.convolution),
    "convolutionParameterGradient": .differences(.convolution),
    "dense": .differences(.dense),
    "denseInputGradient": .differences(.dense),
    "denseParameterGradient": .differences(.dense),
    "pool": .differences(.pool),
    "poolGradient": .differences(.pool),
    "activation": .differences(.activation),
    "activationGradient": .differences(.activation),
    "parametricReLU": .differences(.parametricReLU),
    "parametricReLUGradient": .differences(.parametricReLU),
    "batchNorm": .differences(.batchNorm),
    "batchNormGradient": .differences(.batchNorm),
    "batchNormInference": .differences(.batchNormInference),
    "groupNorm": .differences(.groupNorm),
    "groupNormGradient": .differences(.groupNorm),
    "localResponseNorm": .differences(.localResponseNorm),
    "localResponseNormGradient": .differences(.localResponseNorm),
    "add": .differences(.add),
    "multiply": .differences(.multiply),
    "scale": .differences(.scale),
    "broadcast": .differences(.broadcast),
    "reduceSum": .differences(.reduceSum),
    "concatenate": .differences(.concatenate),
    "slice": .differences(.slice),
    "reshape": .differences(.reshape),
    "dropout": .differences(.dropout),
    "softmax": .differences(.softmax),
    "softmaxGradient": .differences(.softmax),
    "softmaxCrossEntropy": .differences(.softmaxCrossEntropy),
    "softmaxCrossEntropyGradient": .differences(.softmaxCrossEntropy),
    "meanSquaredError": .differences(.meanSquaredError),
    "meanSquaredErrorGradient": .differences(.meanSquaredError),
    "sumOfSquares": .differences(.sumOfSquares),
    "sgd": .formula(OptimizerTests.self),
    "adam": .formula(OptimizerTests.self),
]

@Suite struct DerivativeTests {
    @Test(arguments: OperationFamily.allCases)
    func differencesAgreeWithTheRules(family: OperationFamily) throws {
        var check = GradientCheck()
        // 81 indices pass through every combination of broadcasting.
        for index in 0..<81 { try check.run(try OperationCase.make(family, index: index, size: .small)) }
        #expect(check.worstError < 1e-6, "\(check.worst)")
        let hasDerivative = ![.sgd, .adam].contains(family)
        #expect(check.count >= (hasDerivative ? 80 : 0))
    }

    @Test func everyOperationHasARow() {
        #expect(
            Set(Operation.allNames).subtracting(coverage.keys) == [], "operations without a row in `coverage`"
        )
        #expect(Set(coverage.keys).subtracting(Operation.allNames) == [], "rows of operations that are gone")
        #expect(Set(Operation.allNames).count == Operation.allNames.count)
    }

    @Test func casesHoldTheOperationsThatTheTablePromises() throws {
        for (name, row) in coverage {
            guard case .differences(let family) = row else { continue }
            let graphs = try (0..<20).map { try OperationCase.make(family, index: $0, size: .small).graph }
            #expect(
                graphs.contains { $0.nodes.contains { $0.operation.name == name } },
                "\(name) is not in \(family)")
        }
    }

    @Test func allNamesAreTheNamesSeen() throws {
        var seen = Set<String>()
        for family in OperationFamily.allCases {
            for index in 0..<20 {
                seen.formUnion(try OperationCase.make(family, index: index).graph.nodes.map(\.operation.name))
            }
        }
        #expect(seen == Set(Operation.allNames))
    }

    @Test func aWrongDerivativeIsFound() throws {
        // The check itself: a gradient output that is another value must not pass.
        var given = try OperationCase.make(.dense, index: 1, size: .small)
        let gradient = given.gradients[0]
        let right = given.graph.outputs[gradient.output]
        given.graph.phase = .backward
        let wrong = try given.graph.scale(right.value, by: 1.0001)
        try given.graph.output("wrong", wrong)
        given.gradients = [
            OperationCase.Gradient(source: gradient.source, output: given.graph.outputs.count - 1)
        ]
        var check = GradientCheck()
        try check.run(given)
        #expect(check.worstError > 1e-5)
    }

    @Test func rectifierHasDerivativeZeroAtZero() throws {
        var graph = Graph()
        let x = try graph.input("x", TensorType([4]))
        let sum = try graph.reduceSum(try graph.activation(.relu, x), to: .scalar)
        try graph.output("dx", try graph.gradients(of: sum, withRespectTo: [x])[0])
        let given = Tensor([-1, -0.0, 0, 1] as [Double], shape: [4])
        let results = try ReferenceInterpreter<Double>(graph).run(inputs: [given])
        #expect(results.outputs[0].scalars(as: Double.self) == [0, 0, 0, 1])
    }

    @Test func maximumPassesTheGradientToTheFirstOfTies() throws {
        var graph = Graph()
        let x = try graph.input("x", TensorType([1, 1, 3, 3]))
        let y = try graph.maxPool(x, Window(kernel: 2))
        let factors = try graph.input("factors", TensorType([1, 1, 2, 2]))
        let sum = try graph.reduceSum(try graph.multiply(y, factors), to: .scalar)
        try graph.output("dx", try graph.gradients(of: sum, withRespectTo: [x])[0])
        let numbers: [Double] = [
            5, 5, 1,
            5, 5, 7,
            0, 7, 7,
        ]
        let results = try ReferenceInterpreter<Double>(graph).run(inputs: [
            Tensor(numbers, shape: [1, 1, 3, 3]), Tensor([1, 2, 4, 8] as [Double], shape: [1, 1, 2, 2]),
        ])
        #expect(
            results.outputs[0].scalars(as: Double.self) == [
                1, 0, 0,
                0, 0, 2 + 8,
                0, 4, 0,
            ])
    }

    @Test func paddingNeverWinsAMaximum() throws {
        var graph = Graph()
        let x = try graph.input("x", TensorType([1, 1, 1, 1]))
        let window = Window(kernel: 3, padding: Edges(vertical: 1, horizontal: 1))
        try graph.output("y", try graph.maxPool(x, window))
        let results = try ReferenceInterpreter<Float>(graph).run(inputs: [
            Tensor([-3] as [Float], shape: [1, 1, 1, 1])
        ])
        #expect(results.outputs[0].scalars(as: Float.self) == [-3])
    }

    @Test func gradientAccumulatesOncePerUse() throws {
        var graph = Graph()
        let x = try graph.input("x", TensorType([2]))
        let square = try graph.multiply(x, x)
        let thrice = try graph.add(try graph.add(x, x), x)
        let sum = try graph.reduceSum(try graph.add(square, thrice), to: .scalar)
        let gradient = try graph.gradients(of: sum, withRespectTo: [x])[0]
        try graph.output("dx", gradient)
        try graph.verify()
        // Five uses (two in the square, three in the sums) are joined by four additions.
        #expect(graph.nodes.count { $0.phase == .backward && $0.operation.name == "add" } == 4)
        let results = try ReferenceInterpreter<Double>(graph).run(inputs: [
            Tensor([3, -1] as [Double], shape: [2])
        ])
        #expect(results.outputs[0].scalars(as: Double.self) == [9, 1])
    }

    @Test func backwardNodesStandAtThePathOfTheirForwardNode() throws {
        var graph = Graph()
        let x = try graph.input("x", TensorType([2, 3]))
        graph.pushScope("fc1")
        let weight = try graph.variable("weight", [4, 3], initial: .constant(0))
        let y = try graph.dense(x, weight: weight)
        graph.popScope()
        let sum = try graph.reduceSum(y, to: .scalar)
        _ = try graph.gradients(of: sum, withRespectTo: [weight])
        let backward = graph.nodes.filter { $0.phase == .backward && $0.operation.name.hasPrefix("dense") }
        // Only the weight was asked for, so no gradient of the input is computed.
        #expect(backward.map(\.operation.name) == ["denseParameterGradient"])
        #expect(backward.map(\.path) == ["fc1"])
        #expect(graph.phase == .forward)
    }

    @Test func objectivesThatHaveNoGradientAreRefused() throws {
        var graph = Graph()
        let x = try graph.input("x", TensorType([2, 3]))
        let unused = try graph.variable("unused", [1], initial: .constant(0))
        #expect(throws: GraphError("only a scalar has a gradient; the objective is float32[2, 3]")) {
            _ = try graph.gradients(of: x, withRespectTo: [x])
        }
        let sum = try graph.reduceSum(x, to: .scalar)
        #expect(throws: GraphError("the objective does not depend on the variable 'unused'")) {
            _ = try graph.gradients(of: sum, withRespectTo: [unused])
        }
        let mean = try graph.variable("mean", [3], initial: .constant(0))
        graph.pushScope("bn")
        let y = try graph.batchNormInference(
            x, scale: mean, shift: mean, mean: mean, variance: mean, epsilon: 1e-5)
        graph.popScope()
        let total = try graph.reduceSum(y, to: .scalar)
        #expect(throws: GraphError(path: "bn", "the statistics of 'batchNormInference' have no derivative")) {
            _ = try graph.gradients(of: total, withRespectTo: [mean])
        }
    }
}
