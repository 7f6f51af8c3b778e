import FoveaGraph
import FoveaTensor

/// Feature maps with maps of zeros after them: `[N, C, H, W]` to `[N, channels, H, W]`.
///
/// The shortcut without parameters of residual networks. Source: He et al. 2015, section 3.3, option A.
///
/// - Throws `GraphError` where the input has more channels already.
public struct ZeroPadChannels: Layer {
    /// The number of output channels.
    public var channels: Int

    /// Zeros up to `channels` channels.
    public init(to channels: Int) {
        self.channels = channels
    }

    /// Adds the layer to the graph of `context`.
    public func apply(to input: Graph.Value, in context: inout BuildContext) throws(GraphError) -> Graph.Value
    {
        let (present, size) = try context.imageSize(of: input, for: "padding of channels")
        try context.check(channels, "the number of channels")
        guard present <= channels else {
            throw GraphError(
                path: context.graph.path,
                "padding to \(channels) channels needs an input of no more, not of \(present)")
        }
        if present == channels { return input }
        let shape: Shape = [context.shape(of: input)[0], channels - present, size.height, size.width]
        return try context.graph.concatenate([input, context.graph.constant(0, shape)])
    }
}
