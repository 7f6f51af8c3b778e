import FoveaCPU
import FoveaGraph
import FoveaReference
import FoveaTensor
import Testing

/// Plans whose steps run one after the other on a block of the batch before they do so on the next.
@Suite struct BlockChainTests {
    /// Rows of 5 and 3 taps, which are filtered, and of 2, which are not; both poolings, and one that overlaps; dense layers.
    ///
    /// - Parameter isTraining: whether the gradients are those of a cross-entropy with respect to the parameters, as in training, and
    ///   not those of a sum, with respect to the images as well.
    private static func network(batch: Int, isTraining: Bool = false) throws -> Graph {
        var graph = Graph()
        let x = try graph.input("x", TensorType([batch, 1, 14, 13]))
        let labels = isTraining ? try graph.input("labels", TensorType([batch], .int32)) : nil
        var sources = [x]
        func parameter(_ shape: Shape) throws -> Graph.Value {
            let value = try graph.input("parameter \(sources.count)", TensorType(shape))
            sources.append(value)
            return value
        }
        var y = x
        for (filters, taps) in [(6, 5), (12, 3), (16, 2)] {
            y = try graph.convolution(
                y, weight: try parameter([filters, graph.shape(of: y)[1], taps, taps]),
                bias: try parameter([filters]), padding: Edges(vertical: taps / 2, horizontal: taps / 2))
            y = try graph.activation(filters == 12 ? .relu : .tanh, y)
            y =
                switch filters {
                case 6: try graph.averagePool(y, Window(kernel: 2, stride: 2))
                case 12: try graph.maxPool(y, Window(kernel: 2, stride: 2))
                default: try graph.averagePool(y, Window(kernel: 3))
                }
        }
        y = try graph.flatten(y)
        for units in [20, 5] {
            y = try graph.dense(
                y, weight: try parameter([units, graph.shape(of: y)[1]]), bias: try parameter([units]))
            if units == 20 { y = try graph.activation(.sigmoid, y) }
        }
        try graph.output("y", y)
        guard let labels else {
            try graph.outputGradients(of: y, withRespectTo: sources)
            return graph
        }
        let loss = try graph.softmaxCrossEntropy(y, labels: labels)
        try graph.output("loss", loss)
        for (number, gradient) in try graph.gradients(of: loss, withRespectTo: Array(sources.dropFirst()))
            .enumerated()
        {
            try graph.output("gradient \(number)", gradient)
        }
        return graph
    }

    /// Blocks that come out even among the threads and that do not, one block, and a batch that has none.
    @Test(arguments: [16, 24, 32, 48, 64, 80, 112])
    func agreesWithTheReferenceOnAnyThreads(batch: Int) throws {
        let graph = try Self.network(batch: batch)
        let (plan, one) = try runOnRandomInputs(graph, on: CPUBackend(threads: 1))
        #expect(plan.explain().contains("by blocks of the batch") == (batch % 16 == 0 && batch > 16))
        for threads in [2, 3] {
            let (_, several) = try runOnRandomInputs(graph, on: CPUBackend(threads: threads))
            let areEqual = zip(one, several).allSatisfy { $0.map(\.bitPattern) == $1.map(\.bitPattern) }
            #expect(areEqual, "1 and \(threads) threads")
        }
        let (_, expected) = try runOnRandomInputs(graph, on: ReferenceBackend(precision: .double))
        Self.expect(one, near: expected)
    }

    /// A whole training step runs in one chain, with what needs nothing of each other at the same time before and behind it.
    @Test(arguments: [16, 24, 32, 80]) func trainsAsTheReferenceOnAnyThreads(batch: Int) throws {
        let graph = try Self.network(batch: batch, isTraining: true)
        func run(on backend: some Backend) throws -> (table: String, outputs: [[Double]]) {
            let plan = try backend.compile(graph)
            let random = RandomSource(seed: 2)
            for (position, input) in graph.inputs.enumerated() {
                let shape = graph.shape(of: input.value)
                let numbers = (0..<shape.count).map { random.stream(.other(position)).uniform(at: $0) }
                if input.name == "labels" {
                    try plan.setInput(input.name, to: Tensor(numbers.map { Int32($0 * 5) }, shape: shape))
                } else {
                    try plan.setInput(input.name, to: Tensor(numbers.map { $0 - 0.5 }, shape: shape))
                }
            }
            for _ in 0..<2 { try plan.execute() }
            let outputs = graph.outputs.indices.map {
                plan.output($0).converted(to: .float64).scalars(as: Double.self)
            }
            return (plan.explain(), outputs)
        }
        let (table, one) = try run(on: CPUBackend(threads: 1))
        #expect(table.contains("ParameterGradient of poolGradient average, of tanh") == (batch % 16 == 0))
        #expect(table.contains("at the same time: steps"))
        for threads in [2, 3] {
            let several = try run(on: CPUBackend(threads: threads)).outputs
            let areEqual = zip(one, several).allSatisfy { $0.map(\.bitPattern) == $1.map(\.bitPattern) }
            #expect(areEqual, "1 and \(threads) threads")
        }
        let expected = try run(on: ReferenceBackend(precision: .double)).outputs
        Self.expect(one, near: expected)
    }

    private static func expect(_ outputs: [[Double]], near expected: [[Double]]) {
        #expect(outputs.count == 12 && expected.count == 12)
        for (found, reference) in zip(outputs, expected) {
            let largest = reference.map { abs($0) }.max()!
            let error = zip(found, reference).map { abs($0 - $1) }.max()!
            #expect(error <= 2e-5 * largest)
            #expect(largest > 1e-6)
        }
    }
}
