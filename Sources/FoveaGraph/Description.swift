extension Graph: CustomStringConvertible {
    /// The whole graph as text, one line for each input, variable, node, assignment and output.
    public var description: String {
        var lines: [String] = []
        for input in inputs {
            lines.append("input \(name(of: input.value)) = \"\(input.name)\" : \(type(of: input.value))")
        }
        for (position, variable) in variables.enumerated() {
            let value = name(of: value(ofVariable: position))
            lines.append("\(variable.role) \(value) = \"\(variable.key)\" : \(variable.type)")
        }
        for node in nodes {
            let results = node.outputs.map(name(of:)).joined(separator: ", ")
            let arguments = node.inputs.map(name(of:)).joined(separator: ", ")
            let attributes = node.operation.rule.attributes
            let types = node.outputs.map { type(of: $0).description }.joined(separator: ", ")
            let path = node.path.isEmpty ? "" : "  // \(node.path)"
            lines.append(
                "\(node.phase) \(results) = \(node.operation.name)(\(arguments))"
                    + (attributes.isEmpty ? "" : " {\(attributes)}") + " : \(types)\(path)")
        }
        for assignment in assignments {
            lines.append("assign \"\(variables[assignment.variable].key)\" = \(name(of: assignment.value))")
        }
        for output in outputs { lines.append("output \"\(output.name)\" = \(name(of: output.value))") }
        return lines.joined(separator: "\n") + "\n"
    }

    /// The name of a value in the dump: `%12`.
    package func name(of value: Value) -> String { "%\(value.index)" }

    /// A value as a user knows it: by the name of its input or variable, or by the layer that computes it.
    package func description(of value: Value) -> String {
        switch origin(of: value) {
        case .input(let position): "the input '\(inputs[position].name)'"
        case .variable(let position): "the variable '\(variables[position].key)'"
        case .node(let position, _):
            "the output of '\(nodes[position].operation.name)' at '\(nodes[position].path)'"
        }
    }
}
