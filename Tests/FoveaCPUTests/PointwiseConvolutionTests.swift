import FoveaCPU
import FoveaGraph
import FoveaReference
import FoveaTensor
import Testing

/// The gradient of the weights of a 1x1 convolution over many pixels, which is a product of matrices.
@Suite struct PointwiseConvolutionTests {
    @Test(arguments: [(1, 3, 5), (3, 16, 1), (2, 33, 20), (4, 64, 48), (4, 48, 64), (4, 16, 8)], [1, 2])
    func agreesWithTheReference(shape: (batch: Int, channels: Int, filters: Int), threads: Int) throws {
        var graph = Graph()
        let x = try graph.input("x", TensorType([shape.batch, shape.channels, 33, 32]))
        let weight = try graph.variable(
            "weight", [shape.filters, shape.channels, 1, 1], initial: .constant(0))
        let bias = try graph.variable("bias", [shape.filters], initial: .constant(0))
        let y = try graph.convolution(x, weight: weight, bias: bias)
        try graph.outputGradients(of: y, withRespectTo: [weight, bias])

        let (plan, found) = try runOnRandomInputs(
            graph, on: CPUBackend(threads: threads, activationLayout: .channelsLast))
        let row = try #require(
            plan.explain().split(separator: "\n").first { $0.contains("ParameterGradient") })
        #expect(row.contains("gemm"))
        let (_, expected) = try runOnRandomInputs(graph, on: ReferenceBackend(precision: .double))
        let terms = Double(shape.batch * 33 * 32)
        // Sums in double of numbers below 1/2, rounded once.
        #expect(
            zip(found[1], expected[1]).allSatisfy {
                abs($0 - $1) <= 1e-6 * max(1, abs($1)) + terms * 1e-8
            })
        #expect(expected[1].contains { abs($0) > 1 })
        // The magnitudes of n products sum to about n/16; n roundings of partial sums below that add up like a random walk.
        let bound = terms.squareRoot() * terms / 16 * Double(Float.ulpOfOne) / 2
        #expect(zip(found[0], expected[0]).allSatisfy { abs($0 - $1) <= bound })
        #expect(expected[0].contains { abs($0) > 1 })
    }

    /// The gradient of the input, which on blocked images of many channels is a convolution with the weights transposed.
    @Test(
        arguments: [(96, 32), (100, 48), (128, 33), (40, 96)],
        [CPUBackend.ActivationLayout.channelsLast, .blocked])
    func inputGradientAgreesWithTheReference(
        shape: (channels: Int, filters: Int), layout: CPUBackend.ActivationLayout
    ) throws {
        var graph = Graph()
        let x = try graph.input("x", TensorType([2, shape.channels, 9, 7]))
        let weight = try graph.input("weight", TensorType([shape.filters, shape.channels, 1, 1]))
        let y = try graph.convolution(x, weight: weight)
        try graph.outputGradients(of: y, withRespectTo: [x, weight])

        let (plan, found) = try runOnRandomInputs(graph, on: CPUBackend(activationLayout: layout))
        let row = try #require(
            plan.explain().split(separator: "\n").first { $0.contains("convolutionInputGradient") })
        if layout == .blocked, row.contains("aBcd8b"), shape.channels >= 96 {
            #expect(row.contains("ABcd8b8a"))
        }
        let (_, expected) = try runOnRandomInputs(graph, on: ReferenceBackend(precision: .double))
        for (found, expected) in zip(found, expected) {
            #expect(zip(found, expected).allSatisfy { abs($0 - $1) <= 2e-5 })
            #expect(expected.contains { abs($0) > 0.5 })
        }
    }

    /// The end of a block of Inception-ResNet, in prediction, where weights are fixed, and in training.
    @Test(
        arguments: [CPUBackend.ActivationLayout.channelsLast, .blocked, .batchInnermost],
        [(isPointwise: true, isFixed: true), (true, false), (false, true)])
    func takesInAMultipleAndASum(
        layout: CPUBackend.ActivationLayout, kind: (isPointwise: Bool, isFixed: Bool)
    ) throws {
        var graph = Graph()
        let x = try graph.input("x", TensorType([8, 16, 9, 7]))
        let taps = kind.isPointwise ? 1 : 3
        let padding = Edges(vertical: taps / 2, horizontal: taps / 2)
        func parameter(_ name: String, _ shape: Shape) throws -> Graph.Value {
            kind.isFixed
                ? try graph.variable(name, shape, initial: .constant(0))
                : try graph.input(name, TensorType(shape))
        }
        let weight = try parameter("weight", [32, 16, taps, taps])
        let bias = try parameter("bias", [32])
        let slopes = try graph.input("slopes", TensorType([8, 32, 9, 7]))
        let residual = try graph.scale(slopes, by: 2)
        let y = try graph.convolution(x, weight: weight, bias: bias, padding: padding)
        let sum = try graph.add(residual, try graph.scale(y, by: 0.17))
        try graph.output("y", try graph.activation(.relu, sum))

        let (plan, found) = try runOnRandomInputs(
            graph, on: CPUBackend(activationLayout: layout), setsVariables: true)
        let table = plan.explain()
        #expect(table.contains("convolution+scale+add+relu") == (kind.isPointwise && kind.isFixed))
        #expect(table.contains("convolution+scale") == kind.isPointwise)
        let (_, expected) = try runOnRandomInputs(
            graph, on: ReferenceBackend(precision: .double), setsVariables: true)
        #expect(zip(found[0], expected[0]).allSatisfy { abs($0 - $1) <= 1e-5 })
        #expect(expected[0].contains { $0 > 0.1 } && expected[0].contains(0))
    }
}
