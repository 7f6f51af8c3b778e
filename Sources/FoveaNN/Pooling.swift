import FoveaGraph

/// What becomes of the last rows and columns where the windows of a pooling do not fill the padded input.
public enum PoolRounding: Hashable, Sendable {
    /// They are left out: `H' = floor((H + p - k) / s) + 1`.
    case down
    /// One more window covers them and reaches over the edge: `H' = ceil((H + p - k) / s) + 1`, unless that window would
    /// start below the input, in the bottom padding, in which case there is no such window. PyTorch's and Caffe's rule
    /// (`ceil_mode`). What lies over the edge never wins a maximum and never counts in an average.
    case up
}

/// The largest element under a sliding window, for each channel apart.
///
/// Padding never wins.
///
/// - Input: `[N, C, H, W]`. Output: `[N, C, H', W']`, `H' = (H + p - k) / s + 1` rounded as ``PoolRounding`` says, where
///   `p` is the padding of both sides together.
/// - Throws `GraphError` where the output would be empty or a window could lie in the padding alone.
public struct MaxPool2D: Layer {
    /// The extent of the window.
    public var size: Size2D
    /// The distance between neighbouring places of the window.
    public var stride: Size2D
    /// What surrounds the input.
    public var padding: Padding
    /// What becomes of rows and columns that no window fills.
    public var rounding: PoolRounding

    /// Windows of `size`, side by side unless there is a `stride`.
    public init(
        _ size: Size2D, stride: Size2D? = nil, padding: Padding = .valid, rounding: PoolRounding = .down
    ) {
        self.size = size
        self.stride = stride ?? size
        self.padding = padding
        self.rounding = rounding
    }

    /// Adds the layer to the graph of `context`.
    public func apply(to input: Graph.Value, in context: inout BuildContext) throws(GraphError) -> Graph.Value
    {
        let window = try context.window(
            size, stride: stride, padding: padding, rounding: rounding, over: input, for: "max pooling")
        return try context.graph.maxPool(input, window)
    }
}

/// The mean of the elements under a sliding window, for each channel apart.
///
/// - Input: `[N, C, H, W]`. Output: `[N, C, H', W']`, `H' = (H + p - k) / s + 1` rounded as ``PoolRounding`` says, where
///   `p` is the padding of both sides together.
/// - Divides by the number of elements under the window, that of the padding included where `countsPadding`. What a
///   window that was rounded up covers beyond the padding is never counted, as in PyTorch.
/// - Throws `GraphError` where the output would be empty or a window could lie in the padding alone.
public struct AveragePool2D: Layer {
    /// The extent of the window.
    public var size: Size2D
    /// The distance between neighbouring places of the window.
    public var stride: Size2D
    /// The zeros around the input.
    public var padding: Padding
    /// Whether padding counts as elements of value 0 (as in PyTorch) or not at all (as in TensorFlow).
    public var countsPadding: Bool
    /// What becomes of rows and columns that no window fills.
    public var rounding: PoolRounding

    /// Windows of `size`, side by side unless there is a `stride`.
    public init(
        _ size: Size2D, stride: Size2D? = nil, padding: Padding = .valid, countsPadding: Bool = true,
        rounding: PoolRounding = .down
    ) {
        self.size = size
        self.stride = stride ?? size
        self.padding = padding
        self.countsPadding = countsPadding
        self.rounding = rounding
    }

    /// Adds the layer to the graph of `context`.
    public func apply(to input: Graph.Value, in context: inout BuildContext) throws(GraphError) -> Graph.Value
    {
        var window = try context.window(
            size, stride: stride, padding: padding, rounding: .down, over: input, for: "average pooling")
        guard rounding == .up, let extended = context.extended(window, over: input) else {
            return try context.graph.averagePool(input, window, countsPadding: countsPadding)
        }
        guard countsPadding, window.padding != .zero else {
            // Only the input counts.
            return try context.graph.averagePool(input, extended, countsPadding: false)
        }
        // The padding counts and what lies beyond it does not: the zeros become a part of the input. Room that no
        // window reaches is left out.
        let edges = Edges(
            top: window.padding.top, left: window.padding.left,
            bottom: min(window.padding.bottom, extended.padding.bottom),
            right: min(window.padding.right, extended.padding.right))
        let padded = try context.graph.zeroPadded(input, edges)
        window.padding = Edges(
            top: 0, left: 0, bottom: extended.padding.bottom - edges.bottom,
            right: extended.padding.right - edges.right)
        return try context.graph.averagePool(padded, window, countsPadding: false)
    }
}

/// The mean of each feature map: `[N, C, H, W]` to `[N, C, 1, 1]`.
///
/// A ``Dense`` after it wants a ``Flatten`` between.
public struct GlobalAveragePool2D: Layer {
    /// The layer, which has no hyper-parameters.
    public init() {}

    /// Adds the layer to the graph of `context`.
    public func apply(to input: Graph.Value, in context: inout BuildContext) throws(GraphError) -> Graph.Value
    {
        try context.graph.globalAveragePool(input)
    }
}

extension BuildContext {
    fileprivate func window(
        _ size: Size2D, stride: Size2D, padding: Padding, rounding: PoolRounding, over input: Graph.Value,
        for what: String
    ) throws(GraphError) -> Window {
        let (_, extent) = try imageSize(of: input, for: what)
        var window = Window(kernel: size, stride: stride)
        try check(window, padding: padding)
        window.padding = padding.edges(over: extent, window: window)
        return rounding == .up ? extended(window, over: input) ?? window : window
    }

    /// `window` with as much padding below and to the right as rounding up takes; `nil` where that changes nothing.
    fileprivate func extended(_ window: Window, over input: Graph.Value) -> Window? {
        let shape = shape(of: input)
        var result = window
        result.padding.bottom = Self.paddingAfter(
            shape[2], span: window.span.height, stride: window.stride.height, before: window.padding.top,
            after: window.padding.bottom)
        result.padding.right = Self.paddingAfter(
            shape[3], span: window.span.width, stride: window.stride.width, before: window.padding.left,
            after: window.padding.right)
        return result == window ? nil : result
    }

    private static func paddingAfter(
        _ extent: Int, span: Int, stride: Int, before: Int, after: Int
    ) -> Int {
        let room = extent + before + after - span + stride - 1
        // The error of a window that fits nowhere is the operation's.
        guard room >= 0 else { return after }
        var last = room / stride
        if last * stride >= extent + before { last -= 1 }
        return max(last * stride + span - extent - before, 0)
    }
}

extension Graph {
    /// `x [N, C, H, W]` with zeros around it.
    fileprivate mutating func zeroPadded(_ x: Value, _ edges: Edges) throws(GraphError) -> Value {
        var result = x
        for (axis, before, after) in [(2, edges.top, edges.bottom), (3, edges.left, edges.right)] {
            var parts = [result]
            var shape = shape(of: result)
            shape[axis] = before
            if before > 0 { parts.insert(try constant(0, shape), at: 0) }
            shape[axis] = after
            if after > 0 { parts.append(try constant(0, shape)) }
            if parts.count > 1 { result = try concatenate(parts, axis: axis) }
        }
        return result
    }
}
