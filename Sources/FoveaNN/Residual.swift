import FoveaGraph

/// A block with a connection around it: `y = scale · body(x) + shortcut(x)`, the shortcut being the identity where none is
/// given.
///
/// Both must give the same shape. The layers of the body are named as in a ``Sequential`` at the path of the block, those
/// of the shortcut below the name `shortcutName`.
///
/// Source: He et al. 2015, "Deep residual learning", equations 1 and 2; scales below 1, which keep wide networks stable,
/// Szegedy et al. 2017, "Inception-v4", section 3.3. The activation after the sum is a layer of its own.
public struct Residual: Layer {
    /// The residual function.
    public var body: Sequential
    /// What the input passes through before the sum; without layers the identity.
    public var shortcut: Sequential
    /// The name of the shortcut in the path.
    public var shortcutName: String
    /// What the residual function is multiplied by.
    public var scale: Float

    /// A block of `body` with a connection through `shortcut` around it.
    public init(
        shortcutName: String = "shortcut", scale: Float = 1, @LayerBuilder _ body: () -> [any Layer],
        @LayerBuilder shortcut: () -> [any Layer] = { [] }
    ) {
        self.body = Sequential(body())
        self.shortcut = Sequential(shortcut())
        self.shortcutName = shortcutName
        self.scale = scale
    }

    /// Adds the layer to the graph of `context`.
    public func apply(to input: Graph.Value, in context: inout BuildContext) throws(GraphError) -> Graph.Value
    {
        let residual = try body.apply(to: input, in: &context)
        let around =
            shortcut.layers.isEmpty ? input : try context.apply(shortcut, named: shortcutName, to: input)
        guard context.shape(of: residual) == context.shape(of: around) else {
            throw GraphError(
                path: context.graph.path,
                """
                the body of the residual block gives \(context.shape(of: residual)), its shortcut \
                \(context.shape(of: around)); give the shortcut a 1x1 convolution with the body's filters and stride
                """)
        }
        let scaled = scale == 1 ? residual : try context.graph.scale(residual, by: scale)
        return try context.graph.add(scaled, around)
    }
}
