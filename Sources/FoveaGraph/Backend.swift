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

    /// A run in which each step is repeated and timed by itself, warm, on the memory that it works on.
    ///
    /// What a step writes is put back before each repetition, since some steps read it too, so that the run computes what
    /// ``Plan/execute()`` computes. It takes some 10 times as long.
    ///
    /// - Throws: ``PlanError`` where the backend fails.
    func executeStepsAlone() throws

    /// The steps of a run in order, with what was measured of them up to now.
    var stepProfiles: [StepProfile] { get }
}

/// What one step of a plan is and costs.
public struct StepProfile: Hashable, Sendable {
    /// The name of the operation and what was fused into it.
    public var operation: String
    /// The path of the layer.
    public var path: String
    /// The name of the implementation that the backend chose.
    public var implementation: String
    /// The bytes of the step's arguments as they lie in memory, each counted once whether it is read, written or both; scratch
    /// memory is not counted.
    public var byteCount: Int
    /// The floating-point operations; 0 where the step only moves data.
    public var flops: Int
    /// The mean time within profiled runs, in seconds; `nil` where there were none.
    public var seconds: Double?
    /// The median time of the step repeated by itself, in seconds; `nil` where it was not measured.
    public var secondsAlone: Double?

    /// The description of one step.
    public init(
        operation: String, path: String, implementation: String, byteCount: Int, flops: Int,
        seconds: Double? = nil, secondsAlone: Double? = nil
    ) {
        self.operation = operation
        self.path = path
        self.implementation = implementation
        self.byteCount = byteCount
        self.flops = flops
        self.seconds = seconds
        self.secondsAlone = secondsAlone
    }

    /// The bytes of the arguments over the mean time; `nil` where that was not measured.
    public var bytesPerSecond: Double? { rate(of: byteCount) }

    /// The floating-point operations over the mean time; `nil` where that was not measured.
    public var flopsPerSecond: Double? { rate(of: flops) }

    private func rate(of count: Int) -> Double? {
        seconds.flatMap { $0 > 0 ? Double(count) / $0 : nil }
    }
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
