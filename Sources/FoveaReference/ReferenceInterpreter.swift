import FoveaGraph
import FoveaTensor

/// A graph computed node by node in plain loops, as a function from inputs and variables to outputs and
/// variables.
///
/// The graph's `float32` stands for real numbers: they are computed as `Scalar`. A value is let go after its
/// last use.
public struct ReferenceInterpreter<Scalar: ReferenceScalar>: Sendable {
    /// What is computed.
    public let graph: Graph
    /// For each node, the values that no later node, output or assignment uses.
    private let lastUses: [[Graph.Value]]

    /// An interpreter of `graph`.
    ///
    /// - Throws: `GraphError` where the graph breaks a rule, `PlanError` where a value is neither float32
    ///   nor int32.
    public init(_ graph: Graph) throws {
        try graph.verify()
        for value in graph.values where ![.float32, .int32].contains(graph.type(of: value).dtype) {
            throw PlanError(
                "the reference computes float32 and int32, and \(graph.description(of: value)) is \(graph.type(of: value))"
            )
        }
        self.graph = graph
        lastUses = Self.lastUses(in: graph)
    }

    /// What a run gives.
    public struct Results: Sendable {
        /// The outputs in the order of `graph.outputs`.
        public var outputs: [ReferenceValue<Scalar>]
        /// The variables in the order of `graph.variables`, after the assignments.
        public var variables: [ReferenceValue<Scalar>]
    }

    /// The outputs and the new variables for the given inputs and variables, in the order of the graph.
    ///
    /// - Throws: `PlanError` where a value is missing or has not the shape that the graph says.
    public func run(
        inputs: [ReferenceValue<Scalar>], variables: [ReferenceValue<Scalar>]
    ) throws(PlanError) -> Results {
        guard inputs.count == graph.inputs.count, variables.count == graph.variables.count else {
            throw PlanError(
                """
                the graph has \(graph.inputs.count) inputs and \(graph.variables.count) variables, \
                given were \(inputs.count) and \(variables.count)
                """)
        }
        var values = [ReferenceValue<Scalar>?](repeating: nil, count: graph.valueCount)
        for (input, value) in zip(graph.inputs, inputs) {
            values[input.value.index] = try checked(value, as: input.value)
        }
        for (position, value) in variables.enumerated() {
            let variable = graph.value(ofVariable: position)
            values[variable.index] = try checked(value, as: variable)
        }
        for (position, node) in graph.nodes.enumerated() {
            let outputs = Scalar.outputs(of: node, in: graph, inputs: node.inputs.map { values[$0.index]! })
            for (output, result) in zip(node.outputs, outputs) { values[output.index] = result }
            for value in lastUses[position] { values[value.index] = nil }
        }
        var newVariables = variables
        for assignment in graph.assignments {
            newVariables[assignment.variable] = values[assignment.value.index]!
        }
        return Results(outputs: graph.outputs.map { values[$0.value.index]! }, variables: newVariables)
    }

    /// The same for tensors: given real numbers of any type are converted to `Scalar`, in which the results
    /// are.
    package func run(
        inputs: [Tensor], variables: [Tensor] = []
    ) throws(PlanError) -> (outputs: [Tensor], variables: [Tensor]) {
        let results = try run(
            inputs: inputs.map { ReferenceValue($0) }, variables: variables.map { ReferenceValue($0) })
        return (results.outputs.map(\.tensor), results.variables.map(\.tensor))
    }

    private func checked(
        _ given: ReferenceValue<Scalar>, as value: Graph.Value
    ) throws(PlanError) -> ReferenceValue<Scalar> {
        let expected = graph.type(of: value)
        let type =
            switch given {
            case .real(let array): TensorType(array.shape, .float32)
            case .whole(let array): TensorType(array.shape, .int32)
            }
        guard type == expected else {
            throw PlanError("\(graph.description(of: value)) is \(expected), given was \(type)")
        }
        return given
    }

    private static func lastUses(in graph: Graph) -> [[Graph.Value]] {
        var seen = Set(graph.outputs.map(\.value)).union(graph.assignments.map(\.value))
        var result = [[Graph.Value]](repeating: [], count: graph.nodes.count)
        for (position, node) in graph.nodes.enumerated().reversed() {
            for value in node.inputs + node.outputs where seen.insert(value).inserted {
                result[position].append(value)
            }
        }
        return result
    }
}
