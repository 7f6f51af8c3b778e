import FoveaCPU
import FoveaGraph
import FoveaReference
import FoveaTensor
import Testing

/// What the plan does with single activations, normalizations and slices that the conformance suite does not show.
@Suite struct ElementwiseTests {
    // oneDNN's hard sigmoid is a minimum of a maximum, which take the number where there is one. What it gates stays not
    // a number.
    @Test(
        arguments: ActivationFunction.examples.filter { $0 != .hardSigmoid },
        [CPUBackend.ActivationLayout.channelsLast, .blocked])
    func notANumberIsNotHidden(function: ActivationFunction, layout: CPUBackend.ActivationLayout) throws {
        var graph = Graph()
        let x = try graph.input("x", TensorType([2, 17]))
        try graph.output("y", try graph.activation(function, x))
        let plan = try CPUBackend(threads: 1, activationLayout: layout).compile(graph)
        var numbers = [Float](repeating: 1, count: 34)
        for place in [0, 16, 33] { numbers[place] = .nan }
        let y = try plan.run(["x": Tensor(numbers, shape: [2, 17])])["y"]!.scalars(as: Float.self)
        #expect(y.indices.filter { y[$0].isNaN } == [0, 16, 33])
    }

    /// In the tails, where the result is a small difference of larger numbers, the error is one of the input's size.
    @Test(arguments: [ActivationFunction.gelu, .geluTanh, .swish, .elu(alpha: 1), .softplus])
    func tailsAreAsExactAsTheInput(function: ActivationFunction) throws {
        var graph = Graph()
        let numbers = (-1000...1000).map { Float($0) / 100 }
        let x = try graph.input("x", TensorType([numbers.count]))
        try graph.output("y", try graph.activation(function, x))
        let given = ["x": Tensor(numbers, shape: [numbers.count])]
        let found = try CPUBackend(threads: 1).compile(graph).run(given)["y"]!.scalars(as: Float.self)
        let expected = try ReferenceBackend(precision: .double).compile(graph).run(given)["y"]!
            .scalars(as: Float.self)
        for (position, x) in numbers.enumerated() {
            let error = abs(found[position] - expected[position])
            #expect(error <= 4e-7 * max(1, abs(x)), "\(function) of \(x)")
        }
    }

    /// Activations become a part of the step before them in prediction; in training only those whose derivative
    /// follows from the output.
    @Test(arguments: ActivationFunction.examples.filter { !hasKernel($0) })
    func activationsAreFused(function: ActivationFunction) throws {
        let row = "convolution+\(function) "
        let (prediction, training) = try explained(function)
        #expect(prediction.contains { $0.contains(row) })
        // oneDNN has something better than its plain loop for it.
        #expect(!prediction.contains { $0.contains(row) && $0.contains(" ref") })
        #expect(training.contains { $0.contains(row) } == function.derivativeFollowsFromOutput)
    }

    /// Those that oneDNN is slow at run in a kernel of Fovea after the convolution instead.
    @Test(arguments: ActivationFunction.examples.filter(hasKernel))
    func activationsThatOneDNNIsSlowAtFollow(function: ActivationFunction) throws {
        let (prediction, training) = try explained(function)
        for steps in [prediction, training] {
            #expect(!steps.contains { $0.contains("convolution+") })
            #expect(steps.contains { $0.contains(" \(function) ") && $0.contains(" fovea ") })
        }
    }

    private static func hasKernel(_ function: ActivationFunction) -> Bool {
        function == .tanh || function == .sigmoid
    }

    /// The steps of a convolution with an activation, and of these with the gradient of the weights.
    private func explained(
        _ function: ActivationFunction
    ) throws -> (prediction: [Substring], training: [Substring]) {
        var graph = Graph()
        let x = try graph.input("x", TensorType([2, 16, 8, 8]))
        let weight = try graph.variable("weight", [16, 16, 3, 3], initial: .constant(0))
        let y = try graph.activation(function, try graph.convolution(x, weight: weight))
        try graph.output("y", y)
        let backend = CPUBackend(threads: 1, activationLayout: .channelsLast)
        let prediction = try backend.compile(graph).explain()
        let objective = try graph.reduceSum(y, to: .scalar)
        try graph.output("dw", try graph.gradients(of: objective, withRespectTo: [weight])[0])
        let training = try backend.compile(graph).explain()
        return (prediction.split(separator: "\n"), training.split(separator: "\n"))
    }

    /// Large enough for several threads, which give the bits of one, whether they share a sample or not.
    @Test(arguments: [1, 4, 48], [1, 3])
    func groupNormalizationIsTheSameOnAnyNumberOfThreads(groups: Int, batch: Int) throws {
        for parameters: Shape in [[48], [48, 30, 31]] {
            var graph = Graph()
            let x = try graph.input("x", TensorType([batch, 48, 30, 31]))
            let scale = try graph.variable("scale", parameters, initial: .constant(1))
            let shift = try graph.variable("shift", parameters, initial: .constant(0))
            let y = try graph.groupNorm(x, groups: groups, affine: (scale, shift), epsilon: 1e-5)
            let squares = try graph.multiply(y, try graph.multiply(y, x))
            let objective = try graph.reduceSum(squares, to: .scalar)
            for gradient in try graph.gradients(of: objective, withRespectTo: [x, scale, shift]) {
                try graph.output("gradient \(graph.outputs.count)", gradient)
            }
            func run(_ backend: any Backend) throws -> [Tensor] {
                let plan = try backend.compile(graph)
                let random = RandomSource(seed: 1).stream(.other(0))
                func numbers(_ shape: Shape) -> Tensor {
                    Tensor((0..<shape.count).map { 3 * random.uniform(at: $0) - 1 }, shape: shape)
                }
                for (position, variable) in graph.variables.enumerated() {
                    plan.setVariable(position, to: numbers(variable.type.shape))
                }
                try plan.setInput("x", to: numbers(graph.shape(of: x)))
                try plan.execute()
                return (0..<3).map { plan.output($0) }
            }
            let results = try run(CPUBackend(threads: 1))
            #expect(try run(CPUBackend(threads: 2)) == results)
            for (found, expected) in zip(results, try run(ReferenceBackend(precision: .double))) {
                let pairs = zip(found.scalars(as: Float.self), expected.scalars(as: Float.self))
                let scale = expected.scalars(as: Float.self).map(abs).max() ?? 0
                #expect(pairs.allSatisfy { abs($0 - $1) <= 2e-5 * scale })
            }
        }
    }

    /// The gradient that comes back from a dense layer is an image of one pixel, of which any order of axes is the same.
    @Test func theGradientOfGlobalPoolingIsNoPlainLoop() throws {
        var graph = Graph()
        let x = try graph.input("x", TensorType([4, 32, 7, 7]))
        let weight = try graph.variable("w", [32, 32, 1, 1], initial: .constant(0))
        let pooled = try graph.globalAveragePool(try graph.convolution(x, weight: weight))
        let dense = try graph.variable("fc", [8, 32], initial: .constant(0))
        let objective = try graph.reduceSum(
            try graph.dense(try graph.flatten(pooled), weight: dense), to: .scalar)
        try graph.output("dw", try graph.gradients(of: objective, withRespectTo: [weight])[0])
        let rows = try CPUBackend(threads: 1, activationLayout: .channelsLast).compile(graph).explain()
            .split(separator: "\n").filter { $0.contains("poolGradient") }
        #expect(rows.count == 1)
        for row in rows { #expect(!row.contains(" ref")) }
    }

    /// The gradients of joined branches are cut out in the layout that they have.
    @Test(arguments: [CPUBackend.ActivationLayout.channelsLast, .blocked])
    func slicesStayInTheirLayout(layout: CPUBackend.ActivationLayout) throws {
        var graph = Graph()
        let x = try graph.input("x", TensorType([2, 16, 6, 6]))
        var branches: [Graph.Value] = []
        var weights: [Graph.Value] = []
        for branch in 0..<2 {
            weights.append(try graph.variable("w\(branch)", [32, 16, 3, 3], initial: .constant(0)))
            branches.append(try graph.convolution(x, weight: weights[branch]))
        }
        let joined = try graph.concatenate(branches)
        let last = try graph.variable("last", [16, 64, 3, 3], initial: .constant(0))
        let objective = try graph.reduceSum(try graph.convolution(joined, weight: last), to: .scalar)
        for (branch, gradient) in try graph.gradients(of: objective, withRespectTo: weights).enumerated() {
            try graph.output("dw\(branch)", gradient)
        }
        let rows = try CPUBackend(threads: 1, activationLayout: layout).compile(graph).explain()
            .split(separator: "\n").filter { $0.contains(" slice ") }
        #expect(rows.count == 2)
        for row in rows { #expect(!row.contains(" abcd"), "\(row)") }
    }
}
