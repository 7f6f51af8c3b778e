import FoveaGraph

/// A layer under a name of its own in the path.
public struct Named: Layer {
    /// The name in the path; an empty one adds nothing to it.
    public var name: String
    /// What is named.
    public var layer: any Layer

    /// `layer` under `name`.
    public init(_ name: String, _ layer: any Layer) {
        self.name = name
        self.layer = layer
    }

    /// Adds the layer to the graph of `context`.
    public func apply(to input: Graph.Value, in context: inout BuildContext) throws(GraphError) -> Graph.Value
    {
        guard !name.contains(".") else {
            throw GraphError(
                path: context.graph.path, "the name '\(name)' contains a dot, which separates names in a path"
            )
        }
        return try context.apply(layer, named: name, to: input)
    }
}

extension Layer {
    /// The layer under `name` in the path, so that its weight has the key `name.weight`.
    ///
    /// With an empty name the layer adds nothing to the path, not even its position in a ``Sequential``.
    public func named(_ name: String) -> Named { Named(name, self) }
}
