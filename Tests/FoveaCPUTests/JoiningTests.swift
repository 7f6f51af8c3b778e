import FoveaCPU
import FoveaGraph
import FoveaNN
import FoveaReference
import FoveaTensor
import FoveaZoo
import Testing

/// Concatenations and slices without copies: that there are none where there need not be, and that nothing is written over
/// that somebody still reads.
@Suite struct JoiningTests {
    /// How often each operation occurs in layers whose path begins with `prefix`.
    private func operations(_ graph: Graph, in prefix: String = "") throws -> [String: Int] {
        let plan = try CPUBackend(activationLayout: .channelsLast).compile(graph)
        var counts: [String: Int] = [:]
        for line in plan.explain().split(separator: "\n") {
            let words = line.split(separator: " ")
            if words.count > 2, words[2].hasPrefix(prefix) { counts[String(words[1]), default: 0] += 1 }
        }
        return counts
    }

    private func trainingGraph(_ name: String) throws -> Graph {
        var forward = try Zoo.network(named: name).trainingForward(batchSize: 2, usesDropout: false)
        let parameters = forward.graph.variables(.parameter).compactMap {
            forward.graph.value(ofVariable: $0.key)
        }
        for gradient in try forward.graph.gradients(of: forward.objective, withRespectTo: parameters) {
            try forward.graph.output("gradient \(forward.graph.outputs.count)", gradient)
        }
        return forward.graph
    }

    @Test("A dense block copies only what its convolutions read and write, and its input")
    func denseBlock() throws {
        let counts = try operations(try trainingGraph("densenet_tiny"))
        let (layers, blocks) = (7, 3)
        #expect(counts["concatenate"] == layers + blocks)
        #expect(counts["slice"] == layers)
        #expect(counts["batchNormGradient+relu+add"] == layers)
        #expect(counts["add"] == nil)
    }

    @Test("Branches that end in a normalization are joined and parted without copies")
    func inception() throws {
        let counts = try operations(try trainingGraph("googlenet_tiny"), in: "inception")
        #expect(counts["concatenate"] == nil && counts["slice"] == nil)
        #expect((counts["batchNorm+relu"] ?? 0) > 0)
    }

    /// What is built from an image `[2, channels, 3, 4]`, with a counter of the variables made.
    struct Case: CustomTestStringConvertible, Sendable {
        typealias Build = @Sendable (inout Graph, Graph.Value, inout Int) throws -> [Graph.Value]
        var testDescription: String
        var channels = 8
        var build: Build

        init(_ name: String, channels: Int = 8, _ build: @escaping Build) {
            (testDescription, self.channels, self.build) = (name, channels, build)
        }
    }

    private static func norm(_ graph: inout Graph, _ x: Graph.Value, _ count: inout Int) throws -> Graph.Value
    {
        count += 1
        let channels = graph.shape(of: x)[1]
        func variable(_ key: String, _ role: Graph.Variable.Role) throws -> Graph.Value {
            try graph.variable("\(key)\(count)", [channels], role: role, initial: .constant(1))
        }
        return try graph.activation(
            .relu,
            try graph.batchNorm(
                x, scale: variable("scale", .parameter), shift: variable("shift", .parameter),
                runningMean: variable("mean", .statistic), runningVariance: variable("variance", .statistic),
                epsilon: 1e-3, momentum: 0.1))
    }

    private static func convolution(
        _ graph: inout Graph, _ x: Graph.Value, _ filters: Int, _ count: inout Int, taps: Int = 1
    ) throws -> Graph.Value {
        count += 1
        let weight = try graph.variable(
            "weight\(count)", [filters, graph.shape(of: x)[1], taps, taps], initial: .constant(1))
        let padding = Edges(vertical: taps / 2, horizontal: taps / 2)
        return try graph.convolution(x, weight: weight, padding: padding)
    }

    static let cases: [Case] = [
        Case("a part is read besides") { graph, x, n in
            let a = try norm(&graph, x, &n)
            let b = try norm(&graph, a, &n)
            return [try graph.concatenate([a, b]), try graph.activation(.tanh, b)]
        },
        Case("a part is an output") { graph, x, n in
            let a = try norm(&graph, x, &n)
            try graph.output("a", a)
            return [try graph.concatenate([x, a])]
        },
        Case("a part is there twice") { graph, x, n in
            let a = try norm(&graph, x, &n)
            return [try graph.concatenate([a, x, a])]
        },
        Case("a part is in two concatenations") { graph, x, n in
            let a = try norm(&graph, x, &n)
            return [try graph.concatenate([a, x]), try graph.concatenate([x, a])]
        },
        Case("concatenations are nested") { graph, x, n in
            let inner = try graph.concatenate([try norm(&graph, x, &n), try norm(&graph, x, &n)])
            let outer = try graph.concatenate([x, inner, try norm(&graph, inner, &n)])
            return [try graph.concatenate([outer, try norm(&graph, outer, &n)])]
        },
        Case("the channels do not fill vectors", channels: 5) { graph, x, n in
            let inner = try graph.concatenate([x, try norm(&graph, x, &n)])
            return [try graph.concatenate([inner, try norm(&graph, inner, &n)])]
        },
        Case("one channel", channels: 1) { graph, x, n in
            let inner = try graph.concatenate([try norm(&graph, x, &n), x])
            return [try graph.concatenate([inner, try norm(&graph, inner, &n)])]
        },
        Case("a convolution is added to what is joined") { graph, x, n in
            let a = try norm(&graph, x, &n)
            let joined = try graph.concatenate([a, x])
            let sum = try graph.add(joined, try convolution(&graph, x, 16, &n))
            return [sum, try norm(&graph, a, &n)]
        },
        Case("a convolution by minimal filtering is added to what is joined", channels: 16) { graph, x, n in
            let x = try convolution(&graph, x, 16, &n, taps: 3)
            let a = try norm(&graph, x, &n)
            let joined = try graph.concatenate([a, x])
            let sum = try graph.add(joined, try convolution(&graph, x, 32, &n, taps: 3))
            return [sum, try norm(&graph, a, &n)]
        },
        Case("a convolution is added to what slices lie in", channels: 16) { graph, x, n in
            let whole = try graph.scale(x, by: 2)
            let slice = try graph.slice(whole, start: 0, count: 8)
            let sum = try graph.add(whole, try convolution(&graph, x, 16, &n))
            return [sum, try norm(&graph, slice, &n)]
        },
        Case("slices of slices and of parts") { graph, x, n in
            let a = try norm(&graph, x, &n)
            let joined = try graph.concatenate([a, try norm(&graph, a, &n)])
            let slice = try graph.slice(joined, start: 4, count: 8)
            let inner = try graph.slice(slice, start: 2, count: 4)
            return [
                try norm(&graph, inner, &n), try norm(&graph, slice, &n), try norm(&graph, joined, &n),
                try norm(&graph, try graph.slice(a, start: 1, count: 3), &n),
            ]
        },
        Case("slices overlap") { graph, x, n in
            let a = try norm(&graph, x, &n)
            let first = try norm(&graph, try graph.slice(a, start: 0, count: 6), &n)
            let second = try norm(&graph, try graph.slice(a, start: 2, count: 6), &n)
            return [try graph.add(first, second), try graph.concatenate([second, a])]
        },
    ]

    /// Sums of slices of a gradient and gradients of normalizations, where somebody else reads the slice or the whole.
    static let sums: [Case] = [
        Case("the sum is in place") { graph, x, n in
            let g = try gradient(&graph, x, &n)
            let sum = try graph.add(try graph.slice(g, start: 0, count: 4), try gradient(&graph, x, &n, 4))
            return [try graph.concatenate([try norm(&graph, sum, &n), sum])]
        },
        Case("the whole is read later") { graph, x, n in
            let g = try gradient(&graph, x, &n)
            let sum = try graph.add(try graph.slice(g, start: 0, count: 4), try gradient(&graph, x, &n, 4))
            return [try norm(&graph, sum, &n), try norm(&graph, g, &n)]
        },
        Case("an overlapping slice is read later") { graph, x, n in
            let g = try gradient(&graph, x, &n)
            let other = try graph.slice(g, start: 3, count: 5)
            let sum = try graph.add(try graph.slice(g, start: 0, count: 4), try gradient(&graph, x, &n, 4))
            return [try norm(&graph, sum, &n), try norm(&graph, other, &n)]
        },
        Case("the slice is read later") { graph, x, n in
            let slice = try graph.slice(try gradient(&graph, x, &n), start: 0, count: 4)
            let sum = try graph.add(slice, try gradient(&graph, x, &n, 4))
            return [try norm(&graph, sum, &n), try norm(&graph, slice, &n)]
        },
        Case("the whole is an output") { graph, x, n in
            let g = try gradient(&graph, x, &n)
            try graph.output("whole", g)
            let sum = try graph.add(try graph.slice(g, start: 0, count: 4), try gradient(&graph, x, &n, 4))
            return [try norm(&graph, sum, &n)]
        },
    ]

    /// The gradient of a normalization of some channels of `x`, as a value to go on with.
    private static func gradient(
        _ graph: inout Graph, _ x: Graph.Value, _ n: inout Int, _ channels: Int = 8
    ) throws -> Graph.Value {
        let source = try graph.activation(.tanh, try convolution(&graph, x, channels, &n))
        let y = try graph.activation(.sigmoid, try norm(&graph, source, &n))
        return try graph.gradients(of: try graph.l2Penalty(y, strength: 1), withRespectTo: [source])[0]
    }

    @Test(
        arguments: cases + sums, [CPUBackend.ActivationLayout.channelsLast, .blocked, .batchInnermost])
    func meansTheSame(_ given: Case, _ layout: CPUBackend.ActivationLayout) throws {
        var graph = Graph()
        let isSum = Self.sums.contains { $0.testDescription == given.testDescription }
        let image = try graph.input("x", TensorType([2, given.channels, 3, 4]))
        var count = 0
        // An input of the graph as it is, and what is computed from it.
        let x = isSum ? image : try graph.activation(.tanh, image)
        let results = try given.build(&graph, x, &count)
        var objective: Graph.Value?
        for result in results {
            try graph.output("result \(graph.outputs.count)", result)
            let term = try graph.l2Penalty(try graph.activation(.sigmoid, result), strength: 1)
            objective = if let sum = objective { try graph.add(sum, term) } else { term }
        }
        if !isSum {
            let parameters = graph.variables.filter { $0.role == .parameter }
            let sources = [image] + parameters.compactMap { graph.value(ofVariable: $0.key) }
            for gradient in try graph.gradients(of: objective!, withRespectTo: sources) {
                try graph.output("gradient \(graph.outputs.count)", gradient)
            }
        }
        let plans: [any Plan] = [
            try CPUBackend(threads: 1, activationLayout: layout, convolutionAlgorithm: .winograd).compile(
                graph),
            try ReferenceBackend(precision: .double).compile(graph),
        ]
        for plan in plans {
            for (position, variable) in graph.variables.enumerated() {
                let numbers = Self.numbers(variable.type.shape.count, seed: position).map { 0.6 + 0.5 * $0 }
                plan.setVariable(position, to: Tensor(numbers, shape: variable.type.shape))
            }
            let shape = graph.shape(of: image)
            try plan.setInput("x", to: Tensor(Self.numbers(shape.count, seed: 99), shape: shape))
            try plan.execute()
            try plan.execute()
        }
        for (position, output) in graph.outputs.enumerated() {
            let numbers = plans.map { $0.output(position).converted(to: .float64).scalars(as: Double.self) }
            let scale = max(1, numbers[1].map(abs).max() ?? 0)
            let error = zip(numbers[0], numbers[1]).map { abs($0 - $1) }.max() ?? 0
            #expect(error <= 2e-5 * scale, "\(output.name)")
        }
    }

    /// Numbers in (-1, 1).
    private static func numbers(_ count: Int, seed: Int) -> [Float] {
        var random = RandomSource(seed: 7).stream(.other(seed), step: 0)
        return (0..<count).map { _ in Float(random.next() >> 40) * 0x1p-23 - 1 }
    }
}
