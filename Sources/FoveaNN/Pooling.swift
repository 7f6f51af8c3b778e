import FoveaGraph

/// The largest element under a sliding window, for each channel apart.
///
/// Padding never wins.
///
/// - Input: `[N, C, H, W]`. Output: `[N, C, H', W']`, `H' = floor((H + p - k) / s) + 1`.
/// - Throws `GraphError` where the output would be empty or a window could lie in the padding alone.
public struct MaxPool2D: Layer {
    /// The extent of the window.
    public var size: Size2D
    /// The distance between neighbouring places of the window.
    public var stride: Size2D
    /// What surrounds the input.
    public var padding: Padding

    /// Windows of `size`, side by side unless there is a `stride`.
    public init(_ size: Size2D, stride: Size2D? = nil, padding: Padding = .valid) {
        self.size = size
        self.stride = stride ?? size
        self.padding = padding
    }

    /// Adds the layer to the graph of `context`.
    public func apply(to input: Graph.Value, in context: inout BuildContext) throws(GraphError) -> Graph.Value
    {
        let window = try context.window(
            size, stride: stride, padding: padding, over: input, for: "max pooling")
        return try context.graph.maxPool(input, window)
    }
}

/// The mean of the elements under a sliding window, for each channel apart.
///
/// - Input: `[N, C, H, W]`. Output: `[N, C, H', W']`, `H' = floor((H + p - k) / s) + 1`.
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

    /// Windows of `size`, side by side unless there is a `stride`.
    public init(_ size: Size2D, stride: Size2D? = nil, padding: Padding = .valid, countsPadding: Bool = true)
    {
        self.size = size
        self.stride = stride ?? size
        self.padding = padding
        self.countsPadding = countsPadding
    }

    /// Adds the layer to the graph of `context`.
    public func apply(to input: Graph.Value, in context: inout BuildContext) throws(GraphError) -> Graph.Value
    {
        let window = try context.window(
            size, stride: stride, padding: padding, over: input, for: "average pooling")
        return try context.graph.averagePool(input, window, countsPadding: countsPadding)
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
        _ size: Size2D, stride: Size2D, padding: Padding, over input: Graph.Value, for what: String
    ) throws(GraphError) -> Window {
        let (_, extent) = try imageSize(of: input, for: what)
        var window = Window(kernel: size, stride: stride)
        try check(window, padding: padding)
        window.padding = padding.edges(over: extent, window: window)
        return window
    }
}
