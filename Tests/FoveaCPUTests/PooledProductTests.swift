import FoveaCPU
import FoveaGraph
import FoveaReference
import FoveaTensor
import Testing

/// Convolutions that oneDNN may compute as products of matrices in row-major order, with a pooling behind them
/// (`Documentation/Decisions/0002-activation-layout.md`).
@Suite struct PooledProductTests {
    @Test(arguments: [true, false]) func poolsInBlocksAndAgreesWithTheReference(isMaximum: Bool) throws {
        var graph = Graph()
        let x = try graph.input("x", TensorType([2, 3, 63, 59]))
        let taps = try graph.input("taps", TensorType([32, 3, 11, 11]))
        let bias = try graph.input("bias", TensorType([32]))
        let padding = Edges(vertical: 2, horizontal: 2)
        let image = try graph.activation(
            .relu, try graph.convolution(x, weight: taps, bias: bias, stride: 4, padding: padding))
        let window = Window(kernel: 3, stride: 2)
        let y = isMaximum ? try graph.maxPool(image, window) : try graph.averagePool(image, window)
        try graph.output("y", y)
        try graph.outputGradients(of: y, withRespectTo: [taps, bias])

        let (plan, found) = try runOnRandomInputs(graph, on: CPUBackend(activationLayout: .blocked))
        let pools = plan.explain().split(separator: "\n").filter { $0.contains(" pool") }
        #expect(pools.count == 2)
        #expect(!pools.contains { $0.contains("simple_nchw") || $0.contains(" ref:") })
        let (_, expected) = try runOnRandomInputs(graph, on: ReferenceBackend(precision: .double))
        #expect(found.count == 3)
        for (output, reference) in zip(found, expected) {
            let largest = reference.map { abs($0) }.max()!
            #expect(zip(output, reference).allSatisfy { abs($0 - $1) <= 1e-5 * largest })
            #expect(largest > 1e-3)
        }
    }
}
