import FoveaGraph
import FoveaTensor

/// Means over parts of each map, so chosen that the output has a given extent, whatever the input has.
///
/// Along an axis of extent `I`, output `i` of `O` is the mean over the elements from `floor(i I / O)` up to, but without,
/// `ceil((i + 1) I / O)`. Where `O` divides `I` the parts lie side by side; otherwise neighbours share elements; where the
/// input is smaller, elements are repeated: a map of one pixel fills the whole output.
///
/// - Input: `[N, C, H, W]`. Output: `[N, C, size.height, size.width]`.
/// - Source: PyTorch's `AdaptiveAvgPool2d`, exactly.
public struct AdaptiveAveragePool2D: Layer {
    /// The extent of the output.
    public var size: Size2D

    /// Means that give maps of `size`.
    public init(_ size: Size2D) {
        self.size = size
    }

    /// Adds the layer to the graph of `context`.
    public func apply(to input: Graph.Value, in context: inout BuildContext) throws(GraphError) -> Graph.Value
    {
        let (_, extent) = try context.imageSize(of: input, for: "adaptive average pooling")
        try context.check(size, "the extent that adaptive pooling gives")
        if extent == size { return input }
        if extent.height % size.height == 0, extent.width % size.width == 0 {
            let window = Size2D(extent.height / size.height, extent.width / size.width)
            return try context.graph.averagePool(input, Window(kernel: window, stride: window))
        }
        // All parts are rectangles, so that the mean over one is the mean of its rows' means.
        let rows = try Self.pool(input, axis: 2, to: size.height, in: &context)
        return try Self.pool(rows, axis: 3, to: size.width, in: &context)
    }

    private static func pool(
        _ input: Graph.Value, axis: Int, to count: Int, in context: inout BuildContext
    ) throws(GraphError) -> Graph.Value {
        var shape = context.shape(of: input)
        let extent = shape[axis]
        if extent == count { return input }
        if extent == 1 {
            shape[axis] = count
            return try context.graph.broadcast(input, to: shape)
        }
        var parts: [Graph.Value] = []
        for index in 0..<count {
            let start = index * extent / count
            let length = ((index + 1) * extent + count - 1) / count - start
            let part = try context.graph.slice(input, axis: axis, start: start, count: length)
            let window = Window(kernel: axis == 2 ? Size2D(length, 1) : Size2D(1, length))
            parts.append(length == 1 ? part : try context.graph.averagePool(part, window))
        }
        return try context.graph.concatenate(parts, axis: axis)
    }
}
