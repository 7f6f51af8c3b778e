import FoveaCPU
import FoveaGraph
import FoveaReference
import FoveaTensor
import Testing

/// The gradient of the weights of a 1x1 convolution over many pixels, which is a product of matrices.
@Suite struct PointwiseConvolutionTests {
    @Test(arguments: [(1, 3, 5), (3, 16, 1), (2, 33, 20), (4, 64, 48)], [1, 2])
    func agreesWithTheReference(shape: (batch: Int, channels: Int, filters: Int), threads: Int) throws {
        var graph = Graph()
        let x = try graph.input("x", TensorType([shape.batch, shape.channels, 33, 32]))
        let weight = try graph.variable(
            "weight", [shape.filters, shape.channels, 1, 1], initial: .constant(0))
        let bias = try graph.variable("bias", [shape.filters], initial: .constant(0))
        let y = try graph.convolution(x, weight: weight, bias: bias)
        let factors = try graph.input("factors", TensorType(graph.shape(of: y)))
        let objective = try graph.reduceSum(try graph.multiply(y, factors), to: .scalar)
        for (name, gradient) in zip(
            ["weight", "bias"], try graph.gradients(of: objective, withRespectTo: [weight, bias]))
        { try graph.output(name, gradient) }

        let plan = try CPUBackend(threads: threads, activationLayout: .channelsLast).compile(graph)
        let row = try #require(
            plan.explain().split(separator: "\n").first { $0.contains("ParameterGradient") })
        #expect(row.contains("gemm"))
        let reference = try ReferenceBackend(precision: .double).compile(graph)
        let random = RandomSource(seed: 1)
        for (position, input) in graph.inputs.enumerated() {
            let shape = graph.shape(of: input.value)
            let stream = random.stream(.other(position))
            let numbers = (0..<shape.count).map { stream.uniform(at: $0) - 0.5 }
            try plan.setInput(input.name, to: Tensor(numbers, shape: shape))
            try reference.setInput(input.name, to: Tensor(numbers, shape: shape))
        }
        try plan.execute()
        try reference.execute()
        let terms = Double(shape.batch * 33 * 32)
        let sums = reference.output(1).converted(to: .float64).scalars(as: Double.self)
        // Sums in double of numbers below 1/2, rounded once.
        #expect(
            zip(plan.output(1).scalars(as: Float.self), sums).allSatisfy {
                abs(Double($0) - $1) <= 1e-6 * max(1, abs($1)) + terms * 1e-8
            })
        #expect(sums.contains { abs($0) > 1 })
        let expected = reference.output(0).converted(to: .float64).scalars(as: Double.self)
        let found = plan.output(0).scalars(as: Float.self)
        // The magnitudes of n products sum to about n/16; n roundings of partial sums below that add up like a random walk.
        let bound = terms.squareRoot() * terms / 16 * Double(Float.ulpOfOne) / 2
        #expect(zip(found, expected).allSatisfy { abs(Double($0) - $1) <= bound })
        #expect(expected.contains { abs($0) > 1 })
    }

    /// The end of a block of Inception-ResNet.
    @Test(arguments: [CPUBackend.ActivationLayout.channelsLast, .blocked, .batchInnermost], [false, true])
    func takesInAMultipleAndASum(layout: CPUBackend.ActivationLayout, isPointwise: Bool) throws {
        var graph = Graph()
        let x = try graph.input("x", TensorType([8, 16, 9, 7]))
        let taps = isPointwise ? 1 : 3
        let padding = Edges(vertical: taps / 2, horizontal: taps / 2)
        let weight = try graph.input("weight", TensorType([32, 16, taps, taps]))
        let bias = try graph.input("bias", TensorType([32]))
        let slopes = try graph.input("slopes", TensorType([8, 32, 9, 7]))
        let residual = try graph.scale(slopes, by: 2)
        let y = try graph.convolution(x, weight: weight, bias: bias, padding: padding)
        let sum = try graph.add(residual, try graph.scale(y, by: 0.17))
        try graph.output("y", try graph.activation(.relu, sum))

        let plan = try CPUBackend(activationLayout: layout).compile(graph)
        #expect(plan.explain().contains("convolution+scale+add+relu") == isPointwise)
        let reference = try ReferenceBackend(precision: .double).compile(graph)
        let random = RandomSource(seed: 5)
        for (position, input) in graph.inputs.enumerated() {
            let shape = graph.shape(of: input.value)
            let stream = random.stream(.other(position))
            let tensor = Tensor((0..<shape.count).map { stream.uniform(at: $0) - 0.5 }, shape: shape)
            try plan.setInput(input.name, to: tensor)
            try reference.setInput(input.name, to: tensor)
        }
        try plan.execute()
        try reference.execute()
        let expected = reference.output(0).converted(to: .float64).scalars(as: Double.self)
        let found = plan.output(0).scalars(as: Float.self)
        #expect(zip(found, expected).allSatisfy { abs(Double($0) - $1) <= 1e-5 })
        #expect(expected.contains { $0 > 0.1 } && expected.contains(0))
    }
}
