import FoveaGraph

/// Layers one after the other: `y = fₙ(… f₂(f₁(x)))`.
///
/// Without layers it is the identity.
///
/// A child that is ``Layer/named(_:)`` adds its name to the path. Any other adds its position, counted from 0 over all
/// children, as PyTorch's `nn.Sequential` does: the weight of the second child has the key `1.weight`. An `if` that adds
/// nothing takes no position.
public struct Sequential: Layer {
    /// The layers, the first applied first.
    public var layers: [any Layer]

    /// The given layers one after the other.
    public init(_ layers: [any Layer]) {
        self.layers = layers
    }

    /// The layers that `layers` lists, one after the other.
    public init(@LayerBuilder _ layers: () -> [any Layer]) {
        self.init(layers())
    }

    /// Adds the layer to the graph of `context`.
    public func apply(to input: Graph.Value, in context: inout BuildContext) throws(GraphError) -> Graph.Value
    {
        var value = input
        for (position, layer) in layers.enumerated() {
            value = try context.apply(child: layer, at: position, to: value)
        }
        return value
    }
}

extension BuildContext {
    /// Applies `child`, under its own name or else under its position.
    mutating func apply(
        child: any Layer, at position: Int, to input: Graph.Value
    ) throws(GraphError) -> Graph.Value {
        if let named = child as? Named { return try named.apply(to: input, in: &self) }
        return try apply(child, named: String(position), to: input)
    }
}
