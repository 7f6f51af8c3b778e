import FoveaTensor

/// What a network means: operations on values, in an order in which each can be computed.
///
/// A graph is made for one batch size, holds no numbers and allocates nothing for them. Values come from inputs, from
/// variables, or from nodes; each exists once and never changes. Variables change only by `assignments`, all of which
/// take effect after every node has been computed.
public struct Graph: Sendable {
    /// A value of the graph, valid in the graph that made it.
    public struct Value: Hashable, Sendable {
        package let index: Int

        package init(index: Int) {
            self.index = index
        }
    }

    /// Where a value comes from.
    public enum Origin: Hashable, Sendable {
        /// The input at the given position of `inputs`.
        case input(Int)
        /// The variable at the given position of `variables`, as it is before the run.
        case variable(Int)
        /// An output of the node at the given position of `nodes`.
        case node(Int, output: Int)
    }

    /// The part of a training step that a node belongs to.
    public enum Phase: String, Hashable, Sendable {
        case forward, backward, update
    }

    /// An operation applied to values.
    public struct Node: Sendable {
        /// The function from inputs to outputs.
        public let operation: Operation
        /// What the operation is applied to.
        public let inputs: [Value]
        /// What the operation gives.
        public let outputs: [Value]
        /// The path of the layer that added the node.
        public let path: String
        /// The part of a training step that the node belongs to.
        public let phase: Phase

        /// A node for a transform; whether it fits its graph, ``Graph/verify()`` says.
        package init(operation: Operation, inputs: [Value], outputs: [Value], path: String, phase: Phase) {
            self.operation = operation
            self.inputs = inputs
            self.outputs = outputs
            self.path = path
            self.phase = phase
        }
    }

    /// A value that the caller gives at each run.
    public struct Input: Sendable {
        /// The name by which callers know it.
        public let name: String
        /// The number.
        public let value: Value
    }

    /// A value that the caller gets from each run.
    public struct Output: Sendable {
        /// The name by which callers know it.
        public let name: String
        /// The number.
        public let value: Value
    }

    /// The new value that a variable has after a run.
    public struct Assignment: Sendable {
        /// The position of the variable in `variables`.
        public let variable: Int
        /// The number.
        public let value: Value
    }

    /// The operations, each after those whose outputs it uses.
    public package(set) var nodes: [Node] = []
    /// What the operation is applied to.
    public package(set) var inputs: [Input] = []
    /// What the operation gives.
    public package(set) var outputs: [Output] = []
    /// The named values that outlive a run.
    public package(set) var variables: [Variable] = []
    /// What the variables become after a run.
    public package(set) var assignments: [Assignment] = []

    private var types: [TensorType] = []
    private var origins: [Origin] = []
    private var variableValues: [Value] = []
    private var variablePositions: [String: Int] = [:]
    private var scope: [String] = []
    /// The phase of the nodes added next.
    package var phase = Phase.forward
    private var pathOverride: String?

    /// An empty graph.
    public init() {}

    /// The number of values.
    package var valueCount: Int { types.count }

    /// All values, in the order in which they were made.
    package var values: [Value] { types.indices.map(Value.init(index:)) }

    /// The shape and element type of `value`.
    public func type(of value: Value) -> TensorType { types[value.index] }

    /// The shape of `value`.
    public func shape(of value: Value) -> Shape { types[value.index].shape }

    /// Where `value` comes from.
    public func origin(of value: Value) -> Origin { origins[value.index] }

    /// The node that computes `value`, if one does.
    public func producer(of value: Value) -> Node? {
        if case .node(let node, _) = origins[value.index] { nodes[node] } else { nil }
    }

    /// The value that the variable at `position` has before the run.
    public func value(ofVariable position: Int) -> Value { variableValues[position] }

    /// The value of the variable under `key`, if there is one.
    public func value(ofVariable key: String) -> Value? { variablePositions[key].map { variableValues[$0] } }

    /// The variables of the given role.
    public func variables(_ role: Variable.Role) -> [Variable] { variables.filter { $0.role == role } }

    // MARK: Building

    /// The path of the layer being built.
    public var path: String { pathOverride ?? scope.joined(separator: ".") }

    /// Appends `name` to the path.
    package mutating func pushScope(_ name: String) { scope.append(name) }

    /// Takes the last name off the path.
    package mutating func popScope() { scope.removeLast() }

    /// A value that the caller gives at each run.
    ///
    /// - Throws: `GraphError` where `name` is taken.
    public mutating func input(_ name: String, _ type: TensorType) throws(GraphError) -> Value {
        guard !inputs.contains(where: { $0.name == name }) else {
            throw GraphError(path: path, "there is already an input named '\(name)'")
        }
        try checkSize(of: type, what: "the input '\(name)'")
        let value = makeValue(type, .input(inputs.count))
        inputs.append(Input(name: name, value: value))
        return value
    }

    /// Names a value that the caller gets from each run.
    ///
    /// - Throws: `GraphError` where `name` is taken.
    public mutating func output(_ name: String, _ value: Value) throws(GraphError) {
        guard !outputs.contains(where: { $0.name == name }) else {
            throw GraphError(path: path, "there is already an output named '\(name)'")
        }
        outputs.append(Output(name: name, value: value))
    }

    /// Declares a variable under the path and `name`.
    ///
    /// - Throws: `GraphError` where the key is taken.
    public mutating func variable(
        _ name: String, _ shape: Shape, role: Variable.Role = .parameter, initial: InitialValue
    ) throws(GraphError) -> Value {
        let key = (scope + [name]).joined(separator: ".")
        guard variablePositions[key] == nil else {
            throw GraphError(
                path: path, "there is already a variable '\(key)'; give one of the two layers another name")
        }
        let type = TensorType(shape)
        try checkSize(of: type, what: "the variable '\(key)'")
        let value = makeValue(type, .variable(variables.count))
        variablePositions[key] = variables.count
        variables.append(Variable(key: key, type: type, role: role, initial: initial))
        variableValues.append(value)
        return value
    }

    /// Gives the variable that `variable` reads the value `value` after the run.
    package mutating func assign(_ value: Value, to variable: Value) throws(GraphError) {
        guard case .variable(let position) = origin(of: variable) else {
            throw GraphError(path: path, "only a variable can be assigned to")
        }
        assignments.append(Assignment(variable: position, value: value))
    }

    /// Applies `operation` to `inputs` and gives its outputs.
    ///
    /// - Throws: `GraphError` with the path of the layer where the shapes do not fit.
    package mutating func apply(_ operation: Operation, to inputs: [Value]) throws(GraphError) -> [Value] {
        let outputTypes: [TensorType]
        do {
            outputTypes = try operation.rule.outputTypes(for: inputs.map(type(of:)))
        } catch {
            throw GraphError(path: path, error.message)
        }
        for type in outputTypes { try checkSize(of: type, what: "the output of '\(operation.name)'") }
        let outputs = outputTypes.enumerated().map { output, type in
            makeValue(type, .node(nodes.count, output: output))
        }
        nodes.append(
            Node(operation: operation, inputs: inputs, outputs: outputs, path: path, phase: phase))
        return outputs
    }

    /// Runs `body` with the nodes it adds at the path of `node`, and in the given phase.
    package mutating func derived(
        from node: Node, phase: Phase, _ body: (inout Graph) throws(GraphError) -> Void
    ) throws(GraphError) {
        let saved = (self.phase, pathOverride)
        self.phase = phase
        pathOverride = node.path
        defer { (self.phase, pathOverride) = saved }
        try body(&self)
    }

    /// Throws where a value has more elements than a 32-bit index reaches, without overflow on the way: sizes come from
    /// text and files, and costs multiply two of them.
    private func checkSize(of type: TensorType, what: String) throws(GraphError) {
        var count = 1
        for extent in type.shape.dimensions where !type.shape.dimensions.contains(0) {
            let (product, overflow) = count.multipliedReportingOverflow(by: extent)
            guard !overflow, product <= Int(Int32.max) else {
                throw GraphError(
                    path: path,
                    "\(what), \(type.shape), has more than \(Int32.max) elements; use a smaller batch, image or layer"
                )
            }
            count = product
        }
    }

    private mutating func makeValue(_ type: TensorType, _ origin: Origin) -> Value {
        types.append(type)
        origins.append(origin)
        return Value(index: types.count - 1)
    }
}
