import FoveaTensor

/// Something that runs graphs: a plain interpreter, or a compiler for a processor.
public protocol Backend: Sendable {
    /// The name by which the command knows the backend, such as `cpu`.
    var name: String { get }

    /// Makes `graph` ready to run.
    ///
    /// Variables start out as zeros; see ``Plan/setVariable(_:to:)``.
    ///
    /// - Throws: `GraphError` where the graph breaks a rule, ``PlanError`` where the backend cannot run it.
    func compile(_ graph: Graph) throws -> any Plan
}

/// A graph made ready to run many times, with the memory for its variables and values.
///
/// A plan is used by one thread at a time. Inputs and outputs are in the logical layout, row-major.
public protocol Plan: AnyObject {
    /// What the plan computes.
    var graph: Graph { get }

    /// Lets `body` write the input at `position` of `graph.inputs`, all of its bytes. Inputs keep their content between runs.
    func withInput<Result>(_ position: Int, _ body: (UnsafeMutableRawBufferPointer) throws -> Result) rethrows
        -> Result

    /// Computes every node once and then carries out the assignments.
    ///
    /// - Throws: ``PlanError`` where the backend fails.
    func execute() throws

    /// Lets `body` read the output at `position` of `graph.outputs` as the last run left it.
    func withOutput<Result>(_ position: Int, _ body: (UnsafeRawBufferPointer) throws -> Result) rethrows
        -> Result

    /// The present content of the variable at `position` of `graph.variables`.
    func variable(_ position: Int) -> Tensor

    /// Replaces the content of the variable at `position` of `graph.variables`.
    ///
    /// - Precondition: `tensor` has the variable's shape and type.
    func setVariable(_ position: Int, to tensor: Tensor)

    /// What the plan does, step by step, as a table.
    func explain() -> String
}

/// A plan that can tell what its steps cost.
public protocol MeasuredPlan: Plan {
    /// Whether each step is timed from the next run on; ``Plan/explain()`` then shows the times.
    var isProfiling: Bool { get set }

    /// The bytes that the plan holds: variables, values, and what its steps need while they run.
    var plannedByteCount: Int { get }
}

/// What a backend cannot do, or failed at.
public struct PlanError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The path of the layer concerned; empty where there is none.
    public var path: String
    /// What failed and how to mend it.
    public var message: String

    /// An error at `path`.
    public init(path: String = "", _ message: String) {
        self.path = path
        self.message = message
    }

    /// What failed, where, and how to mend it.
    public var description: String { path.isEmpty ? message : "\(path): \(message)" }
}

extension Plan {
    /// Sets the given inputs, runs, and gives all outputs by name.
    ///
    /// - Throws: ``PlanError`` where a name is unknown or a tensor has not the input's shape and type.
    public func run(_ tensors: [String: Tensor]) throws -> [String: Tensor] {
        for (name, tensor) in tensors { try setInput(name, to: tensor) }
        try execute()
        var results: [String: Tensor] = [:]
        for (position, output) in graph.outputs.enumerated() {
            results[output.name] = self.output(position)
        }
        return results
    }

    /// Sets the input `name`.
    ///
    /// - Throws: ``PlanError`` where the name is unknown or the tensor has not the input's shape and type.
    public func setInput(_ name: String, to tensor: Tensor) throws {
        guard let position = graph.inputs.firstIndex(where: { $0.name == name }) else {
            throw PlanError(
                "there is no input '\(name)'; the inputs are \(graph.inputs.map(\.name).joined(separator: ", "))"
            )
        }
        let expected = graph.type(of: graph.inputs[position].value)
        guard expected == TensorType(tensor.shape, tensor.dtype) else {
            throw PlanError("input '\(name)' is \(expected), not \(tensor.dtype)\(tensor.shape)")
        }
        withInput(position) { bytes in tensor.withUnsafeBytes { bytes.copyMemory(from: $0) } }
    }

    /// The output at `position` of `graph.outputs` as the last run left it.
    public func output(_ position: Int) -> Tensor {
        let type = graph.type(of: graph.outputs[position].value)
        return withOutput(position) { bytes in
            Tensor(shape: type.shape, dtype: type.dtype) { $0.copyMemory(from: bytes) }
        }
    }
}
