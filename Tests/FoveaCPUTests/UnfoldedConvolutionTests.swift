import CFoveaKernels
import FoveaCPU
import FoveaGraph
import FoveaReference
import FoveaTensor
import Testing

/// The gradients of strided convolutions that are products of matrices over fewer pixels.
@Suite struct UnfoldedConvolutionTests {
    struct Problem: Sendable {
        var size: Size2D
        var taps: Size2D
        var stride: Size2D
        var padding: Edges
        var batch = 8
    }

    /// Taps beyond some edges, all and none; several pieces of rows, and images whose last pixels no tap reads.
    static let problems = [
        Problem(size: Size2D(15, 17), taps: 3, stride: 2, padding: Edges(vertical: 1, horizontal: 1)),
        Problem(size: Size2D(18, 16), taps: 3, stride: 2, padding: .zero, batch: 10),
        Problem(
            size: Size2D(9, 40), taps: Size2D(1, 5), stride: Size2D(1, 3),
            padding: Edges(top: 0, left: 1, bottom: 0, right: 3)),
        Problem(size: Size2D(40, 9), taps: Size2D(4, 2), stride: Size2D(3, 1), padding: .zero, batch: 6),
    ]

    @Test(arguments: problems, [false, true])
    func weightGradientAgreesWithTheReference(problem: Problem, hasBias: Bool) throws {
        var graph = Graph()
        let x = try graph.input(
            "x", TensorType([problem.batch, 96, problem.size.height, problem.size.width]))
        let weight = try graph.input(
            "weight", TensorType([104, 96, problem.taps.height, problem.taps.width]))
        let bias = try graph.input("bias", TensorType([104]))
        let y = try graph.convolution(
            x, weight: weight, bias: hasBias ? bias : nil, stride: problem.stride, padding: problem.padding)
        try graph.outputGradients(of: y, withRespectTo: hasBias ? [weight, bias] : [weight])

        let results = try [1, 2].map {
            try runOnRandomInputs(graph, on: CPUBackend(threads: $0, activationLayout: .channelsLast))
        }
        #expect(results[0].plan.explain().contains("unfolded gemm"))
        let (_, expected) = try runOnRandomInputs(graph, on: ReferenceBackend(precision: .double))
        for (found, expected) in zip(results[0].outputs, expected) {
            #expect(zip(found, expected).allSatisfy { abs($0 - $1) <= 1e-4 })
            #expect(expected.contains { abs($0) > 1 })
        }
        #expect(results[1].outputs == results[0].outputs)
    }

    /// The first block of a stage: what two convolutions read, one of 1x1 taps at every other pixel.
    @Test(
        arguments: [CPUBackend.ActivationLayout.channelsLast, .blocked, .batchInnermost],
        [Size2D(2), Size2D(1, 3), Size2D(3, 2)])
    func stridedInputGradientAgreesWithTheReference(
        layout: CPUBackend.ActivationLayout, stride: Size2D
    ) throws {
        var graph = Graph()
        let x = try graph.input("x", TensorType([8, 32, 11, 14]))
        let shared = try graph.activation(.relu, x)
        let first = try graph.input("first", TensorType([16, 32, 1, 1]))
        let few = try graph.input("few", TensorType([48, 32, 1, 1]))
        let y = try graph.convolution(shared, weight: first)
        let z = try graph.convolution(shared, weight: few, stride: stride)
        let sums = try [y, z].enumerated().map { number, value in
            let factors = try graph.input("factors \(number)", TensorType(graph.shape(of: value)))
            return try graph.reduceSum(try graph.multiply(value, factors), to: .scalar)
        }
        let objective = try graph.add(sums[0], sums[1])
        for (number, gradient) in try graph.gradients(of: objective, withRespectTo: [x, first, few])
            .enumerated()
        {
            try graph.output("gradient \(number)", gradient)
        }

        let results = try [1, 2].map {
            try runOnRandomInputs(graph, on: CPUBackend(threads: $0, activationLayout: layout))
        }
        #expect(results[0].plan.explain().contains("add strided") == (layout == .channelsLast))
        let (_, expected) = try runOnRandomInputs(graph, on: ReferenceBackend(precision: .double))
        for outputs in results.map(\.outputs) {
            for (found, expected) in zip(outputs, expected) {
                #expect(zip(found, expected).allSatisfy { abs($0 - $1) <= 1e-4 })
                #expect(expected.contains { abs($0) > 1 })
            }
        }
        // The bits of oneDNN's products for AVX2 depend on the number of threads.
        if layout != .channelsLast || fovea_vector_lanes() == 16 {
            #expect(results[1].outputs[0] == results[0].outputs[0])
        }
    }
}
