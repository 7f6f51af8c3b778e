import FoveaCPU
import FoveaGraph
import FoveaReference
import FoveaTensor
import Testing

/// Gradients of convolutions that read the same images, taken together.
@Suite struct SiblingTests {
    struct Case: CustomTestStringConvertible, Sendable {
        var testDescription: String
        /// The filters of each branch.
        var filters: [Int]
        /// The branches whose gradients are taken together.
        var together: Int
        var batch = 2
        /// Whether the images go around the branches, too, and are rectified before them.
        var isResidual = false
        /// Whether the first two branches have one weight.
        var sharesWeight = false
        /// Whether the weights have a penalty.
        var isDecayed = false
    }

    static let cases = [
        Case(testDescription: "two with a residual", filters: [16, 8], together: 2, isResidual: true),
        Case(testDescription: "three with a residual", filters: [8, 3, 21], together: 3, isResidual: true),
        Case(testDescription: "three", filters: [16, 32, 1], together: 3),
        Case(testDescription: "four", filters: [4, 4, 8, 16], together: 4),
        Case(
            testDescription: "one weight", filters: [8, 8, 16], together: 3, isResidual: true,
            sharesWeight: true),
        // Each gradient is added to the penalty's before the next is there.
        Case(
            testDescription: "penalties", filters: [8, 16, 8], together: 0, isResidual: true, isDecayed: true),
        Case(testDescription: "few pixels", filters: [8, 16], together: 0, batch: 1, isResidual: true),
        Case(testDescription: "many filters", filters: [200, 300], together: 0, isResidual: true),
    ]

    @Test(arguments: cases)
    func agreesWithTheReference(given: Case) throws {
        var graph = Graph()
        let images = try graph.input("images", TensorType([given.batch, 6, 16, 34]))
        let first = try graph.variable("first", [8, 6, 1, 1], initial: .constant(0))
        let x = try norm(
            &graph, try graph.convolution(images, weight: first), "x", isRectified: given.isResidual)
        var branches: [Graph.Value] = []
        var weights: [Graph.Value] = []
        for (number, filters) in given.filters.enumerated() {
            if number != 1 || !given.sharesWeight {
                weights.append(
                    try graph.variable("weight\(number)", [filters, 8, 1, 1], initial: .constant(0)))
            }
            let y = try graph.convolution(x, weight: weights.last!)
            branches.append(try norm(&graph, y, "branch\(number)", isRectified: true))
        }
        var all = try graph.concatenate(branches)
        if given.isResidual { all = try graph.concatenate([all, x]) }
        var objective = try graph.l2Penalty(try graph.activation(.sigmoid, all), strength: 1)
        if given.isDecayed {
            for weight in weights {
                objective = try graph.add(objective, try graph.l2Penalty(weight, strength: 3))
            }
        }
        let sources = [images, first] + weights
        for (number, gradient) in try graph.gradients(of: objective, withRespectTo: sources).enumerated() {
            try graph.output("gradient \(number)", gradient)
        }

        let plans: [any Plan] = [
            try CPUBackend(activationLayout: .channelsLast).compile(graph),
            try ReferenceBackend(precision: .double).compile(graph),
        ]
        let steps = plans[0].explain()
        #expect(steps.contains("convolutionGradients of") == (given.together > 0))
        if given.together > 0 { #expect(steps.contains("convolutionGradients of \(given.together) ")) }
        for plan in plans {
            for (position, variable) in graph.variables.enumerated() {
                let shape = variable.type.shape
                plan.setVariable(
                    position, to: Tensor(Self.numbers(shape.count, stream: position), shape: shape))
            }
            let shape = graph.shape(of: images)
            try plan.setInput("images", to: Tensor(Self.numbers(shape.count, stream: 99), shape: shape))
            try plan.execute()
        }
        for (position, output) in graph.outputs.enumerated() {
            let found = plans.map { $0.output(position).converted(to: .float64).scalars(as: Double.self) }
            let largest = found[1].map { abs($0) }.max()!
            let error = zip(found[0], found[1]).map { abs($0 - $1) }.max()!
            // The gradient of weights before a normalization is small beside what it is a sum of.
            #expect(error <= 2e-5 * max(largest, 0.1), "\(output.name)")
            #expect(largest > 1e-4)
        }
    }

    private func norm(
        _ graph: inout Graph, _ x: Graph.Value, _ name: String, isRectified: Bool
    ) throws -> Graph.Value {
        let channels = Shape([graph.shape(of: x)[1]])
        func parameter(_ part: String, _ role: Graph.Variable.Role) throws -> Graph.Value {
            try graph.variable("\(name).\(part)", channels, role: role, initial: .constant(1))
        }
        let y = try graph.batchNorm(
            x, scale: try parameter("scale", .parameter), shift: try parameter("shift", .parameter),
            runningMean: try parameter("mean", .statistic),
            runningVariance: try parameter("variance", .statistic),
            epsilon: 1e-3, momentum: 0.1)
        return isRectified ? try graph.activation(.relu, y) : y
    }

    /// Numbers in 0.1 ..< 1.1.
    private static func numbers(_ count: Int, stream: Int) -> [Float] {
        let random = RandomSource(seed: 3).stream(.other(stream))
        return (0..<count).map { random.uniform(at: $0) + 0.1 }
    }
}
