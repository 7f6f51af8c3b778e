import FoveaGraph
import FoveaTensor

/// A description of a part of a network: hyper-parameters, no numbers.
///
/// Applied to a value of a graph, a layer adds its operations and declares its variables under the present path. The
/// sizes of its input are inferred from that value. The same description gives the graph for training and the one for
/// prediction.
public protocol Layer: Sendable {
    /// Adds the layer to the graph of `context`, applied to `input`, and gives its output.
    ///
    /// - Throws: `GraphError` with the path of the layer where the input does not fit it.
    func apply(to input: Graph.Value, in context: inout BuildContext) throws(GraphError) -> Graph.Value
}

/// A graph in the making, and what it is made for.
public struct BuildContext: Sendable {
    /// What a graph is made for.
    public enum Mode: Hashable, Sendable {
        /// Dropout acts, batch normalization uses the batch's statistics.
        case training
        /// Dropout is absent, batch normalization uses the running statistics.
        case prediction
    }

    /// The graph as far as it is built.
    public var graph: Graph
    /// What the graph is made for.
    public let mode: Mode
    /// Whether dropout acts in training; off where a gradient is to be compared with another.
    public let usesDropout: Bool
    /// The penalty on the weights of layers without one of their own.
    public let regularizer: Regularizer?
    /// The keys of the parameters that training leaves as they are.
    public let frozen: Set<String>
    /// The penalties declared so far, scalars; only in training.
    public private(set) var penalties: [Graph.Value] = []
    /// Whether the layers of auxiliary heads are added in prediction too, to learn what variables they have.
    let declaresHeads: Bool
    /// The auxiliary heads added so far.
    private(set) var heads: [Head] = []

    /// What an auxiliary head gives.
    struct Head {
        let path: String
        let result: Graph.Value
        let weight: Float
    }

    /// An empty graph to be made for `mode`.
    public init(
        mode: Mode, regularizer: Regularizer? = nil, usesDropout: Bool = true, frozen: Set<String> = []
    ) {
        self.init(
            mode: mode, regularizer: regularizer, usesDropout: usesDropout, frozen: frozen,
            declaresHeads: false)
    }

    init(
        mode: Mode, regularizer: Regularizer?, usesDropout: Bool, frozen: Set<String> = [],
        declaresHeads: Bool
    ) {
        graph = Graph()
        self.frozen = frozen
        self.mode = mode
        self.regularizer = regularizer
        self.usesDropout = usesDropout
        self.declaresHeads = declaresHeads
    }

    /// Notes that an auxiliary head at the present path gives `result`.
    mutating func addHead(_ result: Graph.Value, weight: Float) {
        heads.append(Head(path: graph.path, result: result, weight: weight))
    }

    /// The shape of `value`.
    public func shape(of value: Graph.Value) -> Shape { graph.shape(of: value) }

    /// Whether training leaves all the parameters `names` under the present path as they are.
    public func isFrozen(_ names: String...) -> Bool {
        let prefix = graph.path.isEmpty ? "" : graph.path + "."
        return !frozen.isEmpty && names.allSatisfy { frozen.contains(prefix + $0) }
    }

    /// Applies `layer` to `input` under `name` in the path; an empty name adds nothing to the path.
    public mutating func apply(
        _ layer: any Layer, named name: String = "", to input: Graph.Value
    ) throws(GraphError) -> Graph.Value {
        guard !name.isEmpty else { return try layer.apply(to: input, in: &self) }
        graph.pushScope(name)
        defer { graph.popScope() }
        return try layer.apply(to: input, in: &self)
    }
}

extension BuildContext {
    /// Declares the parameter `weight` of `shape`, with the penalty of the layer or else of the network; a frozen one has
    /// none.
    public mutating func weight(
        _ shape: Shape, _ initializer: Initializer, _ regularizer: Regularizer? = nil
    ) throws(GraphError) -> Graph.Value {
        let weight = try graph.variable("weight", shape, initial: initializer.initialValue(weight: shape))
        if mode == .training, !isFrozen("weight"), case .l2(let strength)? = regularizer ?? self.regularizer,
            strength != 0
        {
            guard strength > 0, strength.isFinite else {
                throw GraphError(path: graph.path, "the strength of a penalty is positive, not \(strength)")
            }
            penalties.append(try graph.l2Penalty(weight, strength: strength))
        }
        return weight
    }

    /// Declares the parameter `bias` of `count` numbers beside a weight of the shape `weight`.
    public mutating func bias(
        _ count: Int, _ initializer: Initializer, weight: Shape
    ) throws(GraphError) -> Graph.Value {
        try graph.variable("bias", [count], initial: initializer.initialValue(weight: weight))
    }
}
