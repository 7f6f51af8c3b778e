import FoveaCPU
import FoveaGraph
import FoveaReference
import FoveaTensor
import Testing

/// Dense products on vectors that are stored with the samples of a batch side by side.
@Suite struct BatchInnermostDenseTests {
    /// What stands between the two products.
    enum Middle: String, CaseIterable {
        case nothing, relu, tanh, gelu, softmax, sum, concatenation, slice, image
    }

    /// Feature counts that are and are not whole vectors, one sample vector and several, one unit.
    @Test(
        arguments: [(8, 3, 1), (16, 5, 8), (40, 2, 7), (48, 4, 24)],
        Middle.allCases)
    func agreesWithTheReference(size: (batch: Int, channels: Int, units: Int), middle: Middle) throws {
        var graph = Graph()
        let x = try graph.input("x", TensorType([size.batch, 2, 6, 5]))
        let taps = try graph.input("taps", TensorType([size.channels, 2, 3, 3]))
        let image = try graph.activation(.tanh, try graph.convolution(x, weight: taps))
        let features = size.channels * 12
        let first = try graph.input("first", TensorType([12, features]))
        let bias = try graph.input("bias", TensorType([12]))
        let flat = try graph.flatten(image)
        let hidden = try graph.dense(flat, weight: first, bias: bias)
        let between =
            switch middle {
            case .nothing: hidden
            case .relu: try graph.activation(.relu, hidden)
            case .tanh: try graph.activation(.tanh, hidden)
            case .gelu: try graph.activation(.gelu, hidden)
            case .softmax: try graph.softmax(hidden)
            case .sum: try graph.add(hidden, try graph.activation(.tanh, hidden))
            case .concatenation:
                try graph.concatenate([hidden, try graph.activation(.sigmoid, hidden)])
            case .slice: try graph.slice(hidden, start: 3, count: 5)
            case .image: try graph.flatten(try graph.reshape(hidden, to: [size.batch, 3, 2, 2]))
            }
        let width = graph.shape(of: between)[1]
        let second = try graph.input("second", TensorType([size.units, width]))
        let y = try graph.dense(between, weight: second)
        try graph.output("hidden", hidden)
        try graph.output("y", y)
        try graph.outputGradients(of: y, withRespectTo: [x, taps, first, bias, second])

        let (plan, found) = try runOnRandomInputs(
            graph, on: CPUBackend(activationLayout: .batchInnermost))
        let rows = plan.explain().split(separator: "\n").filter { $0.contains(" dense") }
        let layout = size.batch % 16 == 0 ? "Abcd16a" : "bcda"
        #expect(rows.contains { $0.contains("dense ") && $0.contains("\(layout) > \(layout)") })
        #expect(rows.contains { $0.contains("denseInputGradient") && $0.contains("> \(layout)") })
        let (_, expected) = try runOnRandomInputs(graph, on: ReferenceBackend(precision: .double))
        #expect(found.count == 7)
        for (output, reference) in zip(found, expected) {
            let largest = reference.map { abs($0) }.max()!
            #expect(zip(output, reference).allSatisfy { abs($0 - $1) <= 4e-6 * max(largest, 1) })
            #expect(largest > 1e-3)
        }
    }
}
