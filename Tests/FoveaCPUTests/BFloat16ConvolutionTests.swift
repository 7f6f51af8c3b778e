import FoveaCPU
import FoveaGraph
import FoveaReference
import FoveaTensor
import Testing

/// Convolutions in products of bfloat16 numbers by Fovea's kernels, with all that is fused into them and the gradients of
/// their inputs and taps.
@Suite(
    .enabled(
        if: CPUBackend.hasBFloat16Kernels, "this processor has no instructions for bfloat16, or AMX"))
struct BFloat16ConvolutionTests {
    struct Problem: Sendable, CustomStringConvertible {
        var batch = 2
        var channels = 64
        var filters = 64
        var taps: Size2D = 1
        var stride: Size2D = 1
        var height = 5
        var width = 7
        var padding = Edges.zero
        var hasBias = false
        var isRectified = false
        var addsResidual = false
        var hasGradient = true
        var hasTapGradient = false

        var description: String {
            "\(batch)x\(channels)x\(height)x\(width) > \(filters), \(taps) s\(stride) p\(padding)"
                + (hasBias ? ", bias" : "") + (isRectified ? ", relu" : "")
                + (addsResidual ? ", residual" : "") + (hasTapGradient ? ", gradient of taps" : "")
        }

        /// The extents of the result.
        var result: Shape {
            [
                batch, filters,
                (height + padding.top + padding.bottom - taps.height) / stride.height + 1,
                (width + padding.left + padding.right - taps.width) / stride.width + 1,
            ]
        }
    }

    /// 1x1 taps: less than a tile of pixels, several chunks of them with a rest, channels that do not fill cache lines, several
    /// panels, strides.
    static let pointwise = [
        Problem(), Problem(batch: 1, filters: 128, height: 1, width: 1, hasBias: true),
        Problem(channels: 70, height: 9, width: 11, isRectified: true, hasGradient: false),
        Problem(
            batch: 3, channels: 128, filters: 192, height: 9, width: 10, hasBias: true, isRectified: true,
            addsResidual: true),
        Problem(channels: 96, stride: 2, height: 9, width: 8, hasBias: true, hasGradient: false),
        Problem(stride: Size2D(1, 3), isRectified: true, addsResidual: true, hasGradient: false),
    ]

    /// Gradients of 1x1 taps: one pixel, several chunks with an odd rest, more filters than channels and fewer, strides.
    static let tapGradients = [
        Problem(batch: 1, height: 1, width: 1, hasTapGradient: true),
        Problem(
            batch: 5, channels: 128, filters: 320, height: 11, width: 13, isRectified: true,
            hasTapGradient: true),
        Problem(batch: 3, channels: 256, filters: 64, height: 19, width: 27, hasTapGradient: true),
        Problem(
            batch: 7, filters: 128, stride: Size2D(2, 3), height: 19, width: 40, hasGradient: false,
            hasTapGradient: true),
    ]

    /// Few channels: rows of taps that do and do not fill pairs, and every padding.
    static let fewChannels = [
        Problem(
            channels: 3, taps: 7, stride: 2, height: 21, width: 18,
            padding: Edges(vertical: 3, horizontal: 3), hasBias: true, isRectified: true, hasGradient: false),
        Problem(
            batch: 1, channels: 1, taps: 5, height: 8, width: 6,
            padding: Edges(top: 1, left: 0, bottom: 2, right: 4), hasGradient: false),
        Problem(
            channels: 4, filters: 128, taps: 3, padding: Edges(vertical: 1, horizontal: 1), hasBias: true,
            addsResidual: true, hasGradient: false),
        Problem(
            channels: 2, taps: Size2D(1, 7), stride: Size2D(2, 3), height: 6, width: 40, isRectified: true,
            hasGradient: false),
    ]

    /// Minimal filtering: extents that tiles fill and do not, several panels and chunks of tiles, every padding.
    static let filtered = [
        Problem(taps: 3, height: 12, width: 8, padding: Edges(vertical: 1, horizontal: 1)),
        Problem(
            channels: 80, taps: 3, height: 9, width: 12, padding: .zero, hasBias: true, isRectified: true,
            hasGradient: false),
        Problem(
            batch: 9, channels: 128, filters: 192, taps: 3, height: 7, width: 7,
            padding: Edges(vertical: 1, horizontal: 1), hasBias: true, isRectified: true, addsResidual: true),
        Problem(
            taps: 3, height: 9, width: 10, padding: Edges(top: 2, left: 0, bottom: 1, right: 2),
            addsResidual: true),
    ]

    /// A convolution between 1x1 convolutions that change nothing, as images are stored between convolutions, and the gradient
    /// of its input.
    private func graph(of problem: Problem) throws -> Graph {
        var graph = Graph()
        func pass(_ value: Graph.Value, _ name: String) throws -> Graph.Value {
            let channels = graph.shape(of: value)[1]
            return try graph.convolution(
                value,
                weight: try graph.input("identity \(name)", TensorType([channels, channels, 1, 1])))
        }
        let input = try graph.input(
            "x", TensorType([problem.batch, problem.channels, problem.height, problem.width]))
        let x = problem.hasGradient || problem.hasTapGradient ? try pass(input, "x") : input
        let weight = try graph.input(
            "weight",
            TensorType([problem.filters, problem.channels, problem.taps.height, problem.taps.width]))
        let bias = problem.hasBias ? try graph.input("bias", TensorType([problem.filters])) : nil
        // Computed before the convolution, so that it can be added to in place.
        let residual =
            problem.addsResidual
            ? try graph.scale(
                try pass(try graph.input("residual", TensorType(problem.result)), "residual"), by: 2)
            : nil
        var y = try graph.convolution(
            x, weight: weight, bias: bias, stride: problem.stride, padding: problem.padding)
        if let residual { y = try graph.add(y, residual) }
        if problem.isRectified { y = try graph.activation(.relu, y) }
        y = try pass(y, "y")
        try graph.output("y", y)
        let sources = (problem.hasGradient ? [input] : []) + (problem.hasTapGradient ? [weight] : [])
        if !sources.isEmpty { try graph.outputGradients(of: y, withRespectTo: sources) }
        return graph
    }

    /// - Parameter areWeightsRounded: whether weights, as images, are numbers that bfloat16 has.
    private func run(
        _ graph: Graph, on backend: some Backend, areWeightsRounded: Bool
    ) throws -> (plan: any Plan, outputs: [[Double]]) {
        func round(_ numbers: [Float]) -> [Float] {
            numbers.map { Float(bitPattern: $0.bitPattern & 0xffff_0000) }
        }
        return try runOnRandomInputs(graph, on: backend) { input, numbers in
            let shape = graph.shape(of: input.value)
            if input.name == "weight" {
                let factor = 4 / Float(shape[1] * shape[2] * shape[3]).squareRoot()
                let weights = numbers.map { factor * $0 }
                return areWeightsRounded ? round(weights) : weights
            }
            if input.name.hasPrefix("identity") {
                return (0..<shape.count).map { $0 % (shape[1] + 1) == 0 ? 1 : 0 }
            }
            return shape.rank == 4 ? round(numbers) : numbers
        }
    }

    private func rootMeanSquare(_ numbers: some Collection<Double>) -> Double {
        (numbers.reduce(0) { $0 + $1 * $1 } / Double(numbers.count)).squareRoot()
    }

    /// Of numbers that bfloat16 has, sums are float32, and the result is rounded once.
    @Test(arguments: pointwise + tapGradients + fewChannels)
    func roundsOnce(_ problem: Problem) throws {
        let graph = try graph(of: problem)
        let (plan, found) = try run(
            graph, on: CPUBackend(activationLayout: .channelsLast, precision: .bfloat16),
            areWeightsRounded: true)
        let (_, expected) = try run(
            graph, on: ReferenceBackend(precision: .double), areWeightsRounded: true)
        let rows = plan.explain().split(separator: "\n").filter { $0.contains("fovea:bf16") }
        #expect(
            rows.contains { $0.contains("convolution") && $0.contains("+relu") == problem.isRectified }
                && rows.contains { $0.contains("+add") } == problem.addsResidual)
        // The convolution after the problem's has a gradient of its input, too.
        #expect(
            rows.contains { $0.contains("InputGradient") } == (problem.hasGradient || problem.hasTapGradient))
        #expect(rows.contains { $0.contains("ParameterGradient") } == problem.hasTapGradient)
        for (found, expected) in zip(found, expected) {
            let scale = rootMeanSquare(expected)
            let excess = zip(found, expected).map { found, expected in
                abs(found - expected) - Double(Float(expected).ulp) * 0x1p15
            }
            #expect(excess.max()! < 2e-5 * scale)
            #expect(scale > 0.05)
        }
    }

    /// Rounding the transforms of inputs and weights takes the result about twice as far from the exact one as rounding the
    /// weights alone does (1.8 times with normally distributed numbers).
    @Test(arguments: filtered)
    func filteringDoublesTheError(_ problem: Problem) throws {
        let graph = try graph(of: problem)
        let (plan, found) = try run(
            graph, on: CPUBackend(activationLayout: .channelsLast, precision: .bfloat16),
            areWeightsRounded: false)
        let (_, direct) = try run(
            graph,
            on: CPUBackend(
                activationLayout: .channelsLast, precision: .bfloat16, convolutionAlgorithm: .direct),
            areWeightsRounded: false)
        let (_, expected) = try run(
            graph, on: ReferenceBackend(precision: .double), areWeightsRounded: false)
        let rows = plan.explain().split(separator: "\n").filter {
            $0.contains("onvolution") && $0.contains("winograd:bf16")
        }
        #expect(rows.count == (problem.hasGradient ? 2 : 1))
        for (position, expected) in expected.enumerated() {
            let scale = rootMeanSquare(expected)
            func error(_ numbers: [Double]) -> [Double] { zip(numbers, expected).map { $0 - $1 } }
            #expect(
                rootMeanSquare(error(found[position])) < 2.1 * rootMeanSquare(error(direct[position])))
            // A gradient is far off where rounding turns a rectifier.
            if position == 0 || !problem.isRectified {
                #expect(error(found[position]).map(abs).max()! < 0.04 * scale)
            }
            #expect(scale > 0.1)
        }
    }

    @Test func hasTheSameBitsOnAnyNumberOfThreads() throws {
        for problem in [Self.pointwise[3], Self.tapGradients[1], Self.fewChannels[0], Self.filtered[2]] {
            let graph = try graph(of: problem)
            let outputs = try [1, 2, 3].map {
                try run(
                    graph, on: CPUBackend(threads: $0, precision: .bfloat16), areWeightsRounded: false
                ).outputs
            }
            #expect(outputs[0] == outputs[1] && outputs[1] == outputs[2])
        }
    }
}
