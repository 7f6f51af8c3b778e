import FoveaTensor

extension Graph {
    /// Adds the gradient of `objective` with respect to each of `values`.
    ///
    /// Reverse accumulation: the nodes are walked from the last to the first, and each adds its derivative for those of
    /// its inputs through which one of `values` reaches the objective. Nodes are added in the backward phase under the
    /// path of the node they derive from.
    ///
    /// - Throws: `GraphError` where the objective is not a scalar, does not depend on one of `values`, or depends on it
    ///   through an operation without a derivative.
    package mutating func gradients(of objective: Value, withRespectTo values: [Value]) throws(GraphError)
        -> [Value]
    {
        guard shape(of: objective) == .scalar else {
            throw GraphError("only a scalar has a gradient; the objective is \(type(of: objective))")
        }
        let reached = valuesReached(from: values)
        let saved = phase
        phase = .backward
        defer { phase = saved }

        var gradients: [Value: Value] = [:]
        if reached[objective.index] { gradients[objective] = try constant(1) }
        for node in nodes.reversed() where node.outputs.contains(where: { gradients[$0] != nil }) {
            let needed = node.inputs.map { reached[$0.index] }
            guard needed.contains(true) else { continue }
            try derived(from: node, phase: .backward) { graph throws(GraphError) in
                let inputGradients = try node.operation.rule.inputGradients(
                    of: node, given: node.outputs.map { gradients[$0] }, needed: needed, in: &graph)
                for (index, input) in node.inputs.enumerated() where needed[index] {
                    guard let gradient = inputGradients[index] else { continue }
                    gradients[input] =
                        if let sum = gradients[input] { try graph.add(sum, gradient) } else { gradient }
                }
            }
        }
        var results: [Value] = []
        for value in values {
            guard let gradient = gradients[value] else {
                throw GraphError("the objective does not depend on \(description(of: value))")
            }
            results.append(gradient)
        }
        return results
    }

    /// Whether each value depends on one of `sources`.
    private func valuesReached(from sources: [Value]) -> [Bool] {
        var reached = [Bool](repeating: false, count: valueCount)
        for source in sources { reached[source.index] = true }
        for node in nodes where node.inputs.contains(where: { reached[$0.index] }) {
            for output in node.outputs { reached[output.index] = true }
        }
        return reached
    }
}
