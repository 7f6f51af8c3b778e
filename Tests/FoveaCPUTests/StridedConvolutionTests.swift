import FoveaCPU
import FoveaGraph
import FoveaTensor
import Testing

/// The gradient of a strided 1x1 convolution on channels that do not fill a vector, where oneDNN's first choice is wrong now
/// and then (`Documentation/Decisions/0005-strided-1x1.md`).
@Suite struct StridedConvolutionTests {
    @Test(arguments: [3, 5, 12])
    func gradientIsTheSameEveryTime(channels: Int) throws {
        var graph = Graph()
        let x = try graph.input("x", TensorType([3, channels, 6, 4]))
        let weight = try graph.variable("weight", [3, channels, 1, 1], initial: .constant(0))
        let y = try graph.convolution(x, weight: weight, stride: 2)
        let factors = try graph.input("factors", TensorType(graph.shape(of: y)))
        let objective = try graph.reduceSum(try graph.multiply(y, factors), to: .scalar)
        try graph.output("gradient", try graph.gradients(of: objective, withRespectTo: [weight])[0])

        let plan = try CPUBackend(threads: 2, activationLayout: .channelsLast).compile(graph)
        let row = try #require(
            plan.explain().split(separator: "\n").first { $0.contains("ParameterGradient") })
        #expect(!row.contains("jit_1x1"))
        let random = RandomSource(seed: 1).stream(.other(0))
        for input in graph.inputs {
            let shape = graph.shape(of: input.value)
            let numbers = (0..<shape.count).map { random.uniform(at: $0) - 0.5 }
            try plan.setInput(input.name, to: Tensor(numbers, shape: shape))
        }
        try plan.execute()
        let first = plan.output(0)
        for _ in 0..<5000 {
            try plan.execute()
            #expect(plan.output(0) == first)
        }
    }
}
