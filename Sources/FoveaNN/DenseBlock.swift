import FoveaGraph

/// Layers of which each sees the input and the outputs of all before it, joined along the channels.
///
/// `x₀ = input`, `xₖ = fₖ([x₀, x₁, … xₖ₋₁])`, and the output is `[x₀, x₁, … xₙ]`: the channels of the input, then those
/// that each layer added. Layers are named as in a ``Sequential``.
///
/// - Input: `[N, C, H, W]`. Output: `[N, C + C₁ + … + Cₙ, H, W]`; without layers the input.
/// - Throws `GraphError` where a layer changes the spatial extent.
/// - Source: Huang et al. 2017, "Densely connected convolutional networks", equation 2.
public struct DenseBlock: Layer {
    /// The layers, the first applied first.
    public var layers: [any Layer]

    /// The given layers, densely connected.
    public init(_ layers: [any Layer]) {
        self.layers = layers
    }

    /// The layers that `layers` lists, densely connected.
    public init(@LayerBuilder _ layers: () -> [any Layer]) {
        self.init(layers())
    }

    /// Adds the layer to the graph of `context`.
    public func apply(to input: Graph.Value, in context: inout BuildContext) throws(GraphError) -> Graph.Value
    {
        // Joining to what is joined already gives the same as joining all parts anew, and a gradient with two slices for
        // each layer in place of one for each pair of layers.
        var features = input
        for (position, layer) in layers.enumerated() {
            let added = try context.apply(child: layer, at: position, to: features)
            features = try context.graph.concatenate([features, added])
        }
        return features
    }
}
