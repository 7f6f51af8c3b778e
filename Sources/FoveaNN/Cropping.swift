import FoveaGraph

/// An image without some of its outer rows and columns.
///
/// - Input: `[N, C, H, W]`. Output: `[N, C, H - top - bottom, W - left - right]`.
/// - Throws `GraphError` where nothing is left.
public struct Crop2D: Layer {
    /// The rows and columns left out.
    public var edges: Edges

    /// An image without the rows and columns of `edges`.
    public init(_ edges: Edges) {
        self.edges = edges
    }

    /// An image without `count` rows and columns on every side.
    public init(_ count: Int) {
        self.init(Edges(vertical: count, horizontal: count))
    }

    /// Adds the layer to the graph of `context`.
    public func apply(to input: Graph.Value, in context: inout BuildContext) throws(GraphError) -> Graph.Value
    {
        let (_, size) = try context.imageSize(of: input, for: "cropping")
        for side in [edges.top, edges.left, edges.bottom, edges.right] {
            try context.check(side, "the number of rows or columns left out", atLeast: 0)
        }
        let (height, width) = (size.height - edges.top - edges.bottom, size.width - edges.left - edges.right)
        guard height > 0, width > 0 else {
            throw GraphError(
                path: context.graph.path,
                "cropping \(edges) leaves nothing of an image of \(size.height)x\(size.width)")
        }
        var result = input
        if height < size.height {
            result = try context.graph.slice(result, axis: 2, start: edges.top, count: height)
        }
        if width < size.width {
            result = try context.graph.slice(result, axis: 3, start: edges.left, count: width)
        }
        return result
    }
}

/// Some neighbouring channels of an image, or features of a vector.
///
/// - Input: `[N, C, H, W]` or `[N, F]`. Output: `[N, count, H, W]` or `[N, count]`.
/// - Throws `GraphError` where the input has not these channels.
public struct ChannelSlice: Layer {
    /// The first channel taken, counted from 0.
    public var start: Int
    /// The number of channels taken.
    public var count: Int

    /// The `count` channels from `start` on.
    public init(from start: Int = 0, count: Int) {
        self.start = start
        self.count = count
    }

    /// Adds the layer to the graph of `context`.
    public func apply(to input: Graph.Value, in context: inout BuildContext) throws(GraphError) -> Graph.Value
    {
        _ = try context.channels(of: input, for: "taking channels")
        try context.check(start, "the first channel", atLeast: 0)
        try context.check(count, "the number of channels")
        return try context.graph.slice(input, start: start, count: count)
    }
}

/// The product of each channel and a learned number.
///
/// `y[n,c,h,w] = weight[c] · x[n,c,h,w]`.
///
/// - Input: `[N, C, H, W]` or `[N, C]`. Output: the same shape.
/// - Parameters created: `weight [C]`.
/// - Source: Touvron et al. 2021, "Going deeper with image transformers", section 2.1, where it starts small (1e-4) at
///   the end of a residual branch.
public struct ChannelScale: Layer {
    /// How the factors are drawn.
    public var initializer: Initializer

    /// Factors of one unless told otherwise.
    public init(initializer: Initializer = .ones) {
        self.initializer = initializer
    }

    /// Adds the layer to the graph of `context`.
    public func apply(to input: Graph.Value, in context: inout BuildContext) throws(GraphError) -> Graph.Value
    {
        let channels = try context.channels(of: input, for: "scaling channels")
        let weight = try context.graph.variable(
            "weight", [channels], initial: initializer.initialValue(weight: [channels]))
        guard context.shape(of: input).rank == 4 else { return try context.graph.multiply(input, weight) }
        return try context.graph.multiply(
            input, try context.graph.reshape(weight, to: [1, channels, 1, 1]))
    }
}
