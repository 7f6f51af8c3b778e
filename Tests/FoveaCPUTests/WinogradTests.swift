import FoveaCPU
import FoveaGraph
import FoveaReference
import FoveaTensor
import Testing

/// Convolutions by minimal filtering, with all that is fused into them and their gradients.
@Suite struct WinogradTests {
    struct Problem: Sendable, CustomStringConvertible {
        var batch = 2
        var channels = 32
        var filters = 16
        var taps = 3
        var groups = 1
        var height = 12
        var width = 8
        var padding = Edges(vertical: 1, horizontal: 1)
        var hasBias = false
        var activation: ActivationFunction?
        var addsResidual = false

        var description: String {
            "\(batch)x\(channels)x\(height)x\(width) > \(filters), \(taps)x\(taps) p\(padding) g\(groups)"
                + (hasBias ? ", bias" : "") + (activation.map { ", \($0)" } ?? "")
                + (addsResidual ? ", residual" : "")
        }
    }

    /// Extents that tiles fill and do not, less than a tile, panels of one to four vectors and of several, blocks of tiles
    /// of which the last is short, and every padding.
    static let problems = [
        Problem(), Problem(channels: 16, filters: 48, height: 13, width: 7, hasBias: true),
        Problem(batch: 1, filters: 80, height: 3, width: 2, hasBias: true, activation: .relu),
        Problem(filters: 144, height: 9, width: 10, padding: .zero, activation: .relu),
        Problem(
            batch: 3, channels: 96, filters: 112, height: 30, width: 29, hasBias: true, activation: .tanh),
        Problem(height: 6, width: 5, padding: Edges(top: 2, left: 0, bottom: 1, right: 2), hasBias: true),
        Problem(
            channels: 64, filters: 32, height: 14, width: 14, padding: Edges(vertical: 2, horizontal: 2),
            activation: .relu),
        Problem(batch: 8, channels: 128, filters: 128, height: 7, width: 7),
        Problem(hasBias: true, activation: .relu, addsResidual: true), Problem(addsResidual: true),
        Problem(hasBias: true, activation: .tanh, addsResidual: true),
        Problem(taps: 5, height: 11, width: 12, padding: Edges(vertical: 2, horizontal: 2), hasBias: true),
        Problem(channels: 48, filters: 80, taps: 5, height: 7, width: 9, padding: .zero, activation: .relu),
        Problem(
            batch: 3, taps: 5, height: 13, width: 8, padding: Edges(top: 4, left: 1, bottom: 0, right: 3),
            hasBias: true, activation: .tanh),
        Problem(channels: 64, filters: 64, groups: 16, hasBias: true, activation: .relu),
        Problem(channels: 128, filters: 128, groups: 16, height: 15, width: 9, hasBias: true),
        Problem(channels: 64, filters: 96, groups: 2, height: 9, width: 14),
        Problem(channels: 32, filters: 192, groups: 2, height: 5, width: 5, hasBias: true),
        Problem(batch: 1, channels: 32, filters: 32, taps: 5, groups: 4, height: 9, width: 9, padding: .zero),
    ]

    /// A convolution with what follows, and the gradients of a weighted sum of the result.
    private func graph(of problem: Problem, hasGradients: Bool = true) throws -> Graph {
        var graph = Graph()
        let x = try graph.input(
            "x", TensorType([problem.batch, problem.channels, problem.height, problem.width]))
        let weight = try graph.input(
            "weight",
            TensorType([problem.filters, problem.channels / problem.groups, problem.taps, problem.taps]))
        let bias = problem.hasBias ? try graph.input("bias", TensorType([problem.filters])) : nil
        // Computed before the convolution, so that it can be added to in place.
        let shape = Shape([problem.batch, problem.filters, problem.height, problem.width])
        let residual =
            problem.addsResidual
            ? try graph.scale(try graph.input("residual", TensorType(shape)), by: 2) : nil
        var y = try graph.convolution(
            x, weight: weight, bias: bias, padding: problem.padding, groups: problem.groups)
        if let residual { y = try graph.add(y, residual) }
        if let activation = problem.activation { y = try graph.activation(activation, y) }
        guard hasGradients else {
            try graph.output("y", try graph.scale(y, by: 0.5))
            return graph
        }
        try graph.output("y", y)
        let factors = try graph.input("factors", TensorType(graph.shape(of: y)))
        let objective = try graph.reduceSum(try graph.multiply(y, factors), to: .scalar)
        let sources = [x, weight] + (bias.map { [$0] } ?? [])
        for (number, gradient) in try graph.gradients(of: objective, withRespectTo: sources).enumerated() {
            try graph.output("gradient \(number)", gradient)
        }
        return graph
    }

    private func run(_ graph: Graph, on backend: some Backend) throws -> (plan: any Plan, outputs: [[Double]])
    {
        let plan = try backend.compile(graph)
        let random = RandomSource(seed: 1)
        for (position, input) in graph.inputs.enumerated() {
            let shape = graph.shape(of: input.value)
            let stream = random.stream(.other(position))
            // Sums of about 1, for which tanh has a slope.
            let factor = input.name == "weight" ? 4 / Float(shape[1] * shape[2] * shape[3]).squareRoot() : 1
            try plan.setInput(
                input.name,
                to: Tensor((0..<shape.count).map { factor * (stream.uniform(at: $0) - 0.5) }, shape: shape))
        }
        try plan.execute()
        let outputs = graph.outputs.indices.map {
            plan.output($0).converted(to: .float64).scalars(as: Double.self)
        }
        return (plan, outputs)
    }

    @Test(arguments: problems, [CPUBackend.ActivationLayout.channelsLast, .blocked])
    func agreesWithTheReference(_ problem: Problem, _ layout: CPUBackend.ActivationLayout) throws {
        for hasGradients in [true, false] {
            let graph = try graph(of: problem, hasGradients: hasGradients)
            let (plan, found) = try run(
                graph, on: CPUBackend(activationLayout: layout, convolutionAlgorithm: .winograd))
            let (_, expected) = try run(graph, on: ReferenceBackend(precision: .double))
            // Only a sum that goes in place before an activation other than ReLU is left to the definition.
            let isLeft = problem.addsResidual && problem.activation == .tanh
            let rows = plan.explain().split(separator: "\n")
            let filtered = rows.count { $0.contains("onvolution") && $0.contains("winograd") }
            #expect(filtered == (hasGradients ? 3 : 1) - (isLeft ? 1 : 0))
            for (found, expected) in zip(found, expected) {
                let error = zip(found, expected).map { ($0 - $1) * ($0 - $1) }
                let scale = expected.reduce(0) { $0 + $1 * $1 } / Double(expected.count)
                let mean = error.reduce(0, +) / Double(error.count)
                // Direct convolution is at 1e-7 to 4e-7 of the root mean square.
                #expect(mean.squareRoot() < 1.5e-6 * scale.squareRoot())
                #expect(error.max()!.squareRoot() < 2e-5 * scale.squareRoot())
                #expect(scale > 0)
            }
        }
    }

    @Test func hasTheSameBitsOnAnyNumberOfThreads() throws {
        let graph = try graph(
            of: Problem(batch: 5, channels: 48, filters: 80, height: 31, width: 22, hasBias: true))
        let outputs = try [1, 2, 3].map {
            try run(graph, on: CPUBackend(threads: $0, convolutionAlgorithm: .winograd)).outputs
        }
        #expect(outputs[0] == outputs[1] && outputs[1] == outputs[2])
    }

    @Test("Weights that nothing changes are transformed once")
    func fixedWeights() throws {
        var graph = Graph()
        let x = try graph.input("x", TensorType([4, 16, 32, 32]))
        let weight = try graph.variable("weight", [16, 16, 3, 3], initial: .constant(0.5))
        let y = try graph.convolution(x, weight: weight, padding: Edges(vertical: 1, horizontal: 1))
        try graph.output("y", y)
        let rows = try CPUBackend().compile(graph).explain().split(separator: "\n")
        let transform = try #require(rows.first { $0.contains("transformTaps") })
        #expect(transform.hasPrefix("once"))
    }

    @Test(
        "What has stride, gaps, groups, other taps or channels that do not fill vectors runs by the definition"
    )
    func others() throws {
        typealias Case = (
            channels: Int, kernel: Int, stride: Size2D, padding: Edges, dilation: Size2D, groups: Int
        )
        let cases: [Case] = [
            (16, 3, 2, .zero, 1, 1), (16, 3, 1, .zero, 2, 1), (32, 3, 1, .zero, 1, 16),
            (48, 3, 1, .zero, 1, 16),
            (16, 7, 1, .zero, 1, 1),
            (17, 3, 1, .zero, 1, 1), (16, 3, 1, Edges(vertical: 3, horizontal: 3), 1, 1),
        ]
        for (channels, kernel, stride, padding, dilation, groups) in cases {
            var graph = Graph()
            let x = try graph.input("x", TensorType([2, channels, 20, 20]))
            let weight = try graph.input(
                "weight", TensorType([groups == 16 ? 48 : 32, channels / groups, kernel, kernel]))
            let y = try graph.convolution(
                x, weight: weight, stride: stride, padding: padding, dilation: dilation, groups: groups)
            try graph.output("y", y)
            let rows = try CPUBackend(convolutionAlgorithm: .winograd).compile(graph).explain()
            #expect(!rows.contains("winograd"))
        }
    }
}
