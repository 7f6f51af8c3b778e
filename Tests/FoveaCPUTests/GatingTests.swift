import FoveaCPU
import FoveaGraph
import FoveaReference
import FoveaTensor
import Testing

/// Images weighed by a number for each map, with what is computed in the same pass.
@Suite struct GatingTests {
    /// A block as squeeze-and-excitation makes it, with the gradients of a weighted sum.
    private func graph(shape: Shape, isResidual: Bool, gateFirst: Bool) throws -> Graph {
        var graph = Graph()
        let (a, b) = (try graph.input("a", TensorType(shape)), try graph.input("b", TensorType(shape)))
        let image = try graph.activation(.tanh, a)
        let averages = try graph.globalAveragePool(image)
        let gate = try graph.activation(.sigmoid, try graph.scale(averages, by: 30))
        var y = try gateFirst ? graph.multiply(gate, image) : graph.multiply(image, gate)
        if isResidual { y = try graph.activation(.relu, try graph.add(y, b)) }
        try graph.output("y", y)
        try graph.outputGradients(of: y, withRespectTo: isResidual ? [a, b] : [a])
        return graph
    }

    @Test(
        arguments: [CPUBackend.ActivationLayout.channelsLast, .blocked, .batchInnermost],
        [[3, 24, 9, 7], [2, 5, 4, 4], [1, 530, 3, 2], [8, 16, 1, 6]] as [Shape])
    func agreesWithTheReference(layout: CPUBackend.ActivationLayout, shape: Shape) throws {
        for (isResidual, gateFirst) in [(false, false), (true, true)] {
            let graph = try graph(shape: shape, isResidual: isResidual, gateFirst: gateFirst)
            let results = try [1, 2, 3].map {
                try runOnRandomInputs(graph, on: CPUBackend(threads: $0, activationLayout: layout))
            }
            let (_, expected) = try runOnRandomInputs(graph, on: ReferenceBackend(precision: .double))
            let explanation = results[0].plan.explain()
            #expect(explanation.contains("multiply+add+relu") == isResidual)
            #expect(explanation.contains("multiply+reduceSum"))
            #expect(explanation.contains("multiply+poolGradient"))
            for (found, expected) in zip(results[0].outputs, expected) {
                #expect(zip(found, expected).allSatisfy { abs($0 - $1) <= 2e-5 * max(1, abs($1)) })
                #expect(expected.contains { abs($0) > 0.05 })
            }
            #expect(results.allSatisfy { $0.outputs == results[0].outputs })
        }
    }

    /// What somebody else reads, or what is no whole map, stays a step of its own.
    @Test func takesNothingThatIsReadElsewhere() throws {
        var graph = Graph()
        let x = try graph.input("x", TensorType([2, 16, 6, 5]))
        let gate = try graph.input("gate", TensorType([2, 16, 1, 1]))
        let other = try graph.input("other", TensorType([2, 16, 6, 5]))
        let weighed = try graph.multiply(x, gate)
        try graph.output("weighed", weighed)
        try graph.output("sum", try graph.activation(.relu, try graph.add(weighed, other)))
        let product = try graph.multiply(x, other)
        try graph.output("product", product)
        try graph.output("sums", try graph.reduceSum(product, to: [2, 16, 1, 1]))
        try graph.output("channels", try graph.reduceSum(try graph.multiply(x, x), to: [1, 16, 1, 1]))
        let (plan, found) = try runOnRandomInputs(graph, on: CPUBackend(activationLayout: .channelsLast))
        let (_, expected) = try runOnRandomInputs(graph, on: ReferenceBackend(precision: .double))
        let explanation = plan.explain()
        #expect(!explanation.contains("multiply+"))
        for (found, expected) in zip(found, expected) {
            #expect(zip(found, expected).allSatisfy { abs($0 - $1) <= 1e-5 })
        }
    }
}
