import FoveaCPU
import FoveaGraph
import FoveaReference
import FoveaTensor
import Testing

/// Sums of gradients that are computed in one pass with the gradient of a ReLU and a multiple of it.
@Suite struct CombinationTests {
    /// `relu(a + 0.17 b)`, which goes into as many sums as there are `branches`, and the gradients of both.
    private func graph(branches: Int, shape: Shape) throws -> Graph {
        var graph = Graph()
        let (a, b) = (try graph.input("a", TensorType(shape)), try graph.input("b", TensorType(shape)))
        let scaled = try graph.scale(
            try graph.multiply(b, try graph.input("slopes", TensorType(shape))), by: 0.17)
        let slopes = try graph.input("other slopes", TensorType(shape))
        let y = try graph.activation(.relu, try graph.add(try graph.multiply(a, slopes), scaled))
        var objective: Graph.Value?
        for branch in 0..<branches {
            let factors = try graph.input("branch \(branch)", TensorType(shape))
            let sum = try graph.reduceSum(try graph.multiply(y, factors), to: .scalar)
            objective = try objective.map { try graph.add($0, sum) } ?? sum
        }
        for (name, gradient) in zip(["a", "b"], try graph.gradients(of: objective!, withRespectTo: [a, b])) {
            try graph.output(name, gradient)
        }
        return graph
    }

    @Test(arguments: [(1, 2), (2, 1), (3, 2), (4, 2), (5, 1), (9, 2)])
    func agreesToTheBit(branches: Int, threads: Int) throws {
        let graph = try graph(branches: branches, shape: [2, 24, 33, 31])
        let (plan, found) = try runOnRandomInputs(
            graph, on: CPUBackend(threads: threads, activationLayout: .channelsLast))
        let (_, expected) = try runOnRandomInputs(graph, on: ReferenceBackend(precision: .float))
        let explanation = plan.explain()
        #expect(explanation.contains("gradient of relu+scale"))
        #expect(explanation.contains("sum of \(min(branches, 4))") == (branches > 1))
        #expect(found == expected)
        for found in found {
            #expect(found.contains { $0 > 0 } && found.contains { $0 == 0 } && found.contains { $0 < 0 })
        }
    }
}
