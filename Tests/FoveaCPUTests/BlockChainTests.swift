import FoveaCPU
import FoveaGraph
import FoveaReference
import FoveaTensor
import Testing

/// Plans whose steps run one after the other on a block of the batch before they do so on the next.
@Suite struct BlockChainTests {
    /// Rows of 5 and 3 taps, which are filtered, and of 2, which are not; both poolings, and one that overlaps; dense layers.
    private static func network(batch: Int) throws -> Graph {
        var graph = Graph()
        let x = try graph.input("x", TensorType([batch, 1, 14, 13]))
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
        try graph.outputGradients(of: y, withRespectTo: sources)
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
        #expect(one.count == 12 && expected.count == 12)
        for (found, reference) in zip(one, expected) {
            let largest = reference.map { abs($0) }.max()!
            let error = zip(found, reference).map { abs($0 - $1) }.max()!
            #expect(error <= 2e-5 * largest)
            #expect(largest > 1e-6)
        }
    }
}
