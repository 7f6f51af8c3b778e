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
        var taps: Size2D = 3
        var groups = 1
        var height = 12
        var width = 8
        var padding = Edges(vertical: 1, horizontal: 1)
        var hasBias = false
        var activation: ActivationFunction?
        var addsResidual = false

        var description: String {
            "\(batch)x\(channels)x\(height)x\(width) > \(filters), \(taps) p\(padding) g\(groups)"
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
        Problem(
            channels: 48, filters: 80, taps: Size2D(1, 7), height: 5, width: 17,
            padding: Edges(vertical: 0, horizontal: 3)),
        Problem(
            channels: 80, filters: 48, taps: Size2D(7, 1), height: 17, width: 5,
            padding: Edges(vertical: 3, horizontal: 0), hasBias: true, activation: .relu, addsResidual: true),
        Problem(
            batch: 1, taps: Size2D(1, 7), height: 3, width: 2,
            padding: Edges(top: 0, left: 6, bottom: 0, right: 1),
            hasBias: true),
        Problem(
            batch: 5, taps: Size2D(7, 1), height: 1, width: 3,
            padding: Edges(top: 2, left: 0, bottom: 4, right: 0),
            activation: .tanh, addsResidual: true),
        Problem(taps: Size2D(1, 7), height: 4, width: 11, padding: .zero, activation: .relu),
        Problem(taps: Size2D(7, 1), height: 10, width: 7, padding: .zero),
        Problem(
            channels: 64, filters: 96, taps: Size2D(1, 3), height: 8, width: 8,
            padding: Edges(vertical: 0, horizontal: 1),
            hasBias: true, activation: .relu),
        Problem(
            channels: 96, filters: 144, taps: Size2D(3, 1), height: 9, width: 7,
            padding: Edges(vertical: 1, horizontal: 0), hasBias: true),
        Problem(
            taps: Size2D(1, 3), height: 6, width: 3, padding: Edges(top: 0, left: 2, bottom: 0, right: 0),
            activation: .tanh),
        Problem(
            taps: Size2D(3, 1), height: 2, width: 9, padding: Edges(top: 0, left: 0, bottom: 2, right: 0),
            hasBias: true, activation: .relu, addsResidual: true),
        Problem(
            channels: 64, filters: 64, taps: Size2D(1, 7), groups: 16, height: 9, width: 9,
            padding: Edges(vertical: 0, horizontal: 3), hasBias: true),
        Problem(
            channels: 64, filters: 96, taps: Size2D(3, 1), groups: 2, height: 9, width: 14,
            padding: Edges(vertical: 1, horizontal: 0)),
    ]

    /// A convolution with what follows, and the gradients of a weighted sum of the result.
    ///
    /// - Parameter isBetweenOthers: whether 1x1 convolutions that change nothing read and write its images, as they are
    ///   stored between convolutions.
    private func graph(
        of problem: Problem, hasGradients: Bool = true, isBetweenOthers: Bool = false
    ) throws -> Graph {
        var graph = Graph()
        func pass(_ value: Graph.Value, _ name: String) throws -> Graph.Value {
            guard isBetweenOthers else { return value }
            let channels = graph.shape(of: value)[1]
            return try graph.convolution(
                value,
                weight: try graph.input("identity \(name)", TensorType([channels, channels, 1, 1])))
        }
        let input = try graph.input(
            "x", TensorType([problem.batch, problem.channels, problem.height, problem.width]))
        let x = try pass(input, "x")
        let weight = try graph.input(
            "weight",
            TensorType([
                problem.filters, problem.channels / problem.groups, problem.taps.height, problem.taps.width,
            ]))
        let bias = problem.hasBias ? try graph.input("bias", TensorType([problem.filters])) : nil
        // Computed before the convolution, so that it can be added to in place.
        let shape = Shape([problem.batch, problem.filters, problem.height, problem.width])
        let residual =
            problem.addsResidual
            ? try graph.scale(try pass(try graph.input("residual", TensorType(shape)), "residual"), by: 2)
            : nil
        var y = try graph.convolution(
            x, weight: weight, bias: bias, padding: problem.padding, groups: problem.groups)
        if let residual { y = try graph.add(y, residual) }
        if let activation = problem.activation { y = try graph.activation(activation, y) }
        y = try pass(y, "y")
        guard hasGradients else {
            try graph.output("y", try graph.scale(y, by: 0.5))
            return graph
        }
        try graph.output("y", y)
        try graph.outputGradients(of: y, withRespectTo: [input, weight] + (bias.map { [$0] } ?? []))
        return graph
    }

    /// - Parameter areImagesRounded: whether images have numbers that bfloat16 has.
    private func run(
        _ graph: Graph, on backend: some Backend, areImagesRounded: Bool = false
    ) throws -> (plan: any Plan, outputs: [[Double]]) {
        try runOnRandomInputs(graph, on: backend) { input, numbers in
            let shape = graph.shape(of: input.value)
            if input.name == "weight" {
                // Sums of about 1, for which tanh has a slope.
                let factor = 4 / Float(shape[1] * shape[2] * shape[3]).squareRoot()
                return numbers.map { factor * $0 }
            }
            if input.name.hasPrefix("identity") {
                return (0..<shape.count).map { $0 % (shape[1] + 1) == 0 ? 1 : 0 }
            }
            guard areImagesRounded, shape.rank == 4 else { return numbers }
            return numbers.map { Float(bitPattern: $0.bitPattern & 0xffff_0000) }
        }
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

    /// Between images in bfloat16 everything is float32: the result is as far from the exact one as rounding it takes it, and
    /// the gradients of taps and bias are as exact as those of images in float32.
    @Test(
        .enabled(if: (try? CPUBackend.check(.bfloat16)) != nil, "this processor has no bfloat16"),
        arguments: problems.filter { $0.activation != .tanh },
        [CPUBackend.ActivationLayout.channelsLast, .blocked])
    func roundsToBFloat16Once(_ problem: Problem, _ layout: CPUBackend.ActivationLayout) throws {
        for hasGradients in [true, false] {
            let graph = try graph(of: problem, hasGradients: hasGradients, isBetweenOthers: true)
            let backend = CPUBackend(
                activationLayout: layout, precision: .bfloat16, convolutionAlgorithm: .winograd)
            let (plan, found) = try run(graph, on: backend, areImagesRounded: true)
            let (_, expected) = try run(
                graph, on: ReferenceBackend(precision: .double), areImagesRounded: true)
            let rows = plan.explain().split(separator: "\n")
            let filtered = rows.filter { $0.contains("onvolution") && $0.contains("winograd") }
            #expect(filtered.count == (hasGradients ? 3 : 1))
            #expect(filtered.allSatisfy { $0.contains(":bf16") })
            for (position, (found, expected)) in zip(found, expected).enumerated() {
                let scale = (expected.reduce(0) { $0 + $1 * $1 } / Double(expected.count)).squareRoot()
                let isImage = position < 2
                let isRounded = found.allSatisfy { Float($0).bitPattern & 0xffff == 0 }
                #expect(isRounded == isImage)
                let excess = zip(found, expected).map { found, expected in
                    abs(found - expected) - (isImage ? Double(Float(expected).ulp) * 0x1p15 : 0)
                }
                #expect(excess.max()! < 2e-5 * scale)
            }
        }
    }

    @Test(arguments: CPUBackend.Precision.allCases.filter { (try? CPUBackend.check($0)) != nil })
    func hasTheSameBitsOnAnyNumberOfThreads(_ precision: CPUBackend.Precision) throws {
        let graph = try graph(
            of: Problem(batch: 5, channels: 48, filters: 80, height: 31, width: 22, hasBias: true),
            isBetweenOthers: precision == .bfloat16)
        let outputs = try [1, 2, 3].map {
            try run(
                graph, on: CPUBackend(threads: $0, precision: precision, convolutionAlgorithm: .winograd)
            ).outputs
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
