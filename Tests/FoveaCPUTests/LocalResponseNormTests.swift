import FoveaCPU
import FoveaGraph
import FoveaReference
import FoveaTensor
import Testing

/// Normalization across channels in kernels of Fovea.
@Suite struct LocalResponseNormTests {
    private struct Case: CustomTestStringConvertible {
        var channels: Int
        var size: Int
        var beta: Float
        var testDescription: String { "\(channels) channels, window \(size), beta \(beta)" }
    }

    /// The normalization behind a convolution, which decides the layout, and its gradient.
    private func graph(_ test: Case) throws -> Graph {
        var graph = Graph()
        let x = try graph.input("x", TensorType([3, 8, 11, 13]))
        let weight = try graph.input("weight", TensorType([test.channels, 8, 1, 1]))
        let y = try graph.convolution(try graph.scale(x, by: 4), weight: weight)
        let norm = Operation.LocalResponseNorm(
            region: .acrossChannels, size: test.size, alpha: 0.5, beta: test.beta, k: 2)
        let normalized = try graph.localResponseNorm(y, norm)
        try graph.output("normalized", normalized)
        try graph.outputGradients(of: normalized, withRespectTo: [y])
        return graph
    }

    @Test(
        arguments: [CPUBackend.ActivationLayout.channelsLast, .blocked],
        [
            Case(channels: 3, size: 5, beta: 0.75), Case(channels: 16, size: 1, beta: 0.5),
            Case(channels: 21, size: 3, beta: 0.75), Case(channels: 40, size: 5, beta: 0.75),
            Case(channels: 64, size: 5, beta: 1), Case(channels: 64, size: 9, beta: 0.75),
            Case(channels: 16, size: 41, beta: 0),
        ])
    private func agreesWithTheReference(layout: CPUBackend.ActivationLayout, test: Case) throws {
        let graph = try graph(test)
        let (plan, found) = try runOnRandomInputs(graph, on: CPUBackend(activationLayout: layout))
        let steps = try #require(plan as? any MeasuredPlan).stepProfiles
            .filter { $0.operation.hasPrefix("localResponseNorm") }
        #expect(steps.map(\.implementation) == ["fovea", "fovea"])
        let (_, expected) = try runOnRandomInputs(graph, on: ReferenceBackend(precision: .double))
        for (found, expected) in zip(found, expected) {
            #expect(zip(found, expected).allSatisfy { abs($0 - $1) <= 2e-6 * max(1, abs($1)) })
            #expect(expected.contains { abs($0) > 0.1 })
        }
    }

    @Test func bitsDoNotDependOnTheThreads() throws {
        let graph = try graph(Case(channels: 96, size: 5, beta: 0.75))
        let results = try [1, 2].map { try runOnRandomInputs(graph, on: CPUBackend(threads: $0)).outputs }
        #expect(results[0] == results[1])
    }
}
