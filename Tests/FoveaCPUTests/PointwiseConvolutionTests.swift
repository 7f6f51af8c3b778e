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
        let y = try graph.convolution(x, weight: weight)
        let factors = try graph.input("factors", TensorType(graph.shape(of: y)))
        let objective = try graph.reduceSum(try graph.multiply(y, factors), to: .scalar)
        try graph.output("gradient", try graph.gradients(of: objective, withRespectTo: [weight])[0])

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
        let expected = reference.output(0).converted(to: .float64).scalars(as: Double.self)
        let found = plan.output(0).scalars(as: Float.self)
        // The magnitudes of n products sum to about n/16; n roundings of partial sums below that add up like a random walk.
        let terms = Double(shape.batch * 33 * 32)
        let bound = terms.squareRoot() * terms / 16 * Double(Float.ulpOfOne) / 2
        #expect(zip(found, expected).allSatisfy { abs(Double($0) - $1) <= bound })
        #expect(expected.contains { abs($0) > 1 })
    }
}
