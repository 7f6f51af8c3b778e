import FoveaGraph
import FoveaTensor
import FoveaTestSupport
import Testing

/// Each rule of the verifier, broken on purpose.
@Suite struct VerifierTests {
    private func smallGraph() throws -> Graph {
        var graph = Graph()
        let x = try graph.input("x", TensorType([2, 3]))
        _ = try graph.input("t", TensorType([2, 3]))
        let w = try graph.variable("w", [2, 3], initial: .constant(0))
        _ = try graph.variable("u", [4], initial: .constant(0))
        graph.pushScope("layer")
        let sum = try graph.add(x, w)
        let y = try graph.scale(sum, by: 2)
        try graph.assign(y, to: w)
        try graph.output("y", y)
        return graph
    }

    private func message(_ change: (inout Graph) -> Void) throws -> String {
        var graph = try smallGraph()
        try graph.verify()
        change(&graph)
        do {
            try graph.verify()
            return "no error"
        } catch {
            return "\(error)"
        }
    }

    private func node(
        like node: Graph.Node, operation: Operation? = nil, inputs: [Graph.Value]? = nil,
        outputs: [Graph.Value]? = nil
    ) -> Graph.Node {
        Graph.Node(
            operation: operation ?? node.operation, inputs: inputs ?? node.inputs,
            outputs: outputs ?? node.outputs,
            path: node.path, phase: node.phase)
    }

    @Test func whatTheBuilderMakesIsSound() throws {
        for family in OperationFamily.allCases {
            for index in 0..<10 { try OperationCase.make(family, index: index).graph.verify() }
        }
    }

    @Test func nodesOutOfOrder() throws {
        #expect(try message { $0.nodes.swapAt(0, 1) } == "layer: 'scale' uses %4 before it is computed")
        #expect(try message { $0.nodes.remove(at: 0) } == "layer: 'scale' uses %4 before it is computed")
    }

    @Test func inputAtTheWrongPlace() throws {
        #expect(try message { $0.inputs.swapAt(0, 1) } == "input 't' is not the value of its position")
    }

    @Test func variableOfAnotherType() throws {
        #expect(try message { $0.variables.swapAt(0, 1) } == "variable 'u' has not its own value and type")
    }

    @Test func wrongTypes() throws {
        let text = try message { graph in
            graph.nodes[1] = node(
                like: graph.nodes[1], operation: graph.nodes[0].operation,
                inputs: [graph.inputs[0].value, graph.value(ofVariable: 1)])
        }
        #expect(text.hasPrefix("layer: [2, 3] and [4] do not broadcast"))
        let mismatch = try message { graph in
            let u = graph.value(ofVariable: 1)
            graph.nodes[1] = node(like: graph.nodes[1], inputs: [u])
        }
        #expect(mismatch == "layer: 'scale' gives [float32[4]], not [float32[2, 3]]")
    }

    @Test func valuesComputedTwice() throws {
        let text = try message { graph in
            graph.nodes.append(graph.nodes[1])
        }
        #expect(text == "layer: %5 is not computed by one node only")
        let input = try message { graph in
            graph.nodes[1] = node(like: graph.nodes[1], outputs: [graph.inputs[1].value])
        }
        #expect(input == "layer: %1 is not computed by one node only")
    }

    @Test func outputsThatNoNodeComputes() throws {
        let text = try message { graph in
            graph.nodes.removeLast()
            graph.assignments = []
        }
        #expect(text == "output 'y' is never computed")
    }

    @Test func assignments() throws {
        #expect(
            try message { $0.assignments.append($0.assignments[0]) } == "variable 'w' is assigned twice")
        let text = try message { graph in
            let u = graph.value(ofVariable: 1)
            let x = graph.inputs[0].value
            try? graph.assign(x, to: u)
        }
        #expect(text == "variable 'u' (float32[4]) is assigned a float32[2, 3]")
    }
}
