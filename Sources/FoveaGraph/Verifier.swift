extension Graph {
    /// Throws where the graph breaks a rule that every transform must keep: each value is computed before it is used and
    /// once, every node has the types its operation gives, every assignment fits its variable and is the only one.
    package func verify() throws(GraphError) {
        var known = Set<Value>()
        for (position, input) in inputs.enumerated() {
            guard origin(of: input.value) == .input(position) else {
                throw GraphError("input '\(input.name)' is not the value of its position")
            }
            known.insert(input.value)
        }
        for position in variables.indices {
            let value = value(ofVariable: position)
            guard origin(of: value) == .variable(position), type(of: value) == variables[position].type else {
                throw GraphError("variable '\(variables[position].key)' has not its own value and type")
            }
            known.insert(value)
        }
        for (position, node) in nodes.enumerated() {
            for input in node.inputs where !known.contains(input) {
                throw GraphError(
                    path: node.path, "'\(node.operation.name)' uses \(name(of: input)) before it is computed")
            }
            let expected: [TensorType]
            do {
                expected = try node.operation.rule.outputTypes(for: node.inputs.map(type(of:)))
            } catch {
                throw GraphError(path: node.path, error.message)
            }
            guard expected == node.outputs.map(type(of:)) else {
                throw GraphError(
                    path: node.path,
                    "'\(node.operation.name)' gives \(expected), not \(node.outputs.map(type(of:)))")
            }
            for (index, output) in node.outputs.enumerated() {
                guard origin(of: output) == .node(position, output: index), known.insert(output).inserted
                else {
                    throw GraphError(path: node.path, "\(name(of: output)) is not computed by one node only")
                }
            }
        }
        for output in outputs where !known.contains(output.value) {
            throw GraphError("output '\(output.name)' is never computed")
        }
        var assigned = Set<Int>()
        for assignment in assignments {
            let variable = variables[assignment.variable]
            guard known.contains(assignment.value), type(of: assignment.value) == variable.type else {
                throw GraphError(
                    "variable '\(variable.key)' (\(variable.type)) is assigned a \(type(of: assignment.value))"
                )
            }
            guard assigned.insert(assignment.variable).inserted else {
                throw GraphError("variable '\(variable.key)' is assigned twice")
            }
        }
    }
}
