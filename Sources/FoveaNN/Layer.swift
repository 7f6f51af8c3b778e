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

    /// An empty graph to be made for `mode`.
    public init(mode: Mode) {
        graph = Graph()
        self.mode = mode
    }

    /// The shape of `value`.
    public func shape(of value: Graph.Value) -> Shape { graph.shape(of: value) }

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
