import FoveaGraph

/// A convolution of each channel by filters of its own: ``Conv2D`` with as many groups as channels.
///
/// - Input: `[N, C, H, W]`. Output: `[N, C · multiplier, H', W']`.
/// - Parameters created: `weight [C · multiplier, 1, kH, kW]`, `bias [C · multiplier]`.
public struct DepthwiseConv2D: Layer {
    /// The extent of each filter.
    public var kernelSize: Size2D
    /// The number of filters for each channel.
    public var multiplier: Int
    /// The distance between neighbouring places of the window.
    public var stride: Size2D
    /// The zeros around the input.
    public var padding: Padding
    /// The distance between neighbouring taps of the window.
    public var dilation: Size2D
    /// Whether a number for each filter is added.
    public var usesBias: Bool
    /// How the weight is drawn.
    public var initializer: Initializer
    /// The penalty on the weight; `nil` for the network's.
    public var regularizer: Regularizer?

    /// A convolution of each channel by `multiplier` filters of `kernelSize`.
    public init(
        kernelSize: Size2D, multiplier: Int = 1, stride: Size2D = 1, padding: Padding = .valid,
        dilation: Size2D = 1,
        usesBias: Bool = true, initializer: Initializer = .he(.normal), regularizer: Regularizer? = nil
    ) {
        self.kernelSize = kernelSize
        self.multiplier = multiplier
        self.stride = stride
        self.padding = padding
        self.dilation = dilation
        self.usesBias = usesBias
        self.initializer = initializer
        self.regularizer = regularizer
    }

    /// Adds the layer to the graph of `context`.
    public func apply(to input: Graph.Value, in context: inout BuildContext) throws(GraphError) -> Graph.Value
    {
        let (channels, _) = try context.imageSize(of: input, for: "a depthwise convolution")
        try context.check(multiplier, "the channel multiplier")
        let convolution = Conv2D(
            filters: channels * multiplier, kernelSize: kernelSize, stride: stride, padding: padding,
            dilation: dilation, groups: channels, usesBias: usesBias, initializer: initializer,
            regularizer: regularizer)
        return try convolution.apply(to: input, in: &context)
    }
}

/// A convolution in two steps: each channel by a filter of its own, then all channels at each place.
///
/// `y = pointwise(depthwise(x))`, with nothing between the two. For `k x k` filters it takes `C (k² + filters)` weights in
/// place of `C k² filters`.
///
/// - Input: `[N, C, H, W]`. Output: `[N, filters, H', W']`.
/// - Parameters created: `depthwise.weight [C, 1, kH, kW]`, `pointwise.weight [filters, C, 1, 1]`, and a `bias` beside
///   each where asked for.
/// - Source: Chollet 2017, "Xception", section 1.2. Keras puts the bias beside the pointwise weight only.
public struct SeparableConv2D: Layer {
    /// The number of output channels.
    public var filters: Int
    /// The extent of the filter of each channel.
    public var kernelSize: Size2D
    /// The distance between neighbouring places of the window.
    public var stride: Size2D
    /// The zeros around the input.
    public var padding: Padding
    /// Whether both steps add a number for each of their filters.
    public var usesBias: Bool
    /// How the weights are drawn.
    public var initializer: Initializer
    /// The name of the first step in the path.
    public var depthwiseName: String

    /// A separable convolution with `filters` filters of `kernelSize`.
    public init(
        filters: Int, kernelSize: Size2D, stride: Size2D = 1, padding: Padding = .valid,
        usesBias: Bool = true,
        initializer: Initializer = .he(.normal), depthwiseName: String = "depthwise"
    ) {
        self.filters = filters
        self.kernelSize = kernelSize
        self.stride = stride
        self.padding = padding
        self.usesBias = usesBias
        self.initializer = initializer
        self.depthwiseName = depthwiseName
    }

    /// Adds the layer to the graph of `context`.
    public func apply(to input: Graph.Value, in context: inout BuildContext) throws(GraphError) -> Graph.Value
    {
        let depthwise = DepthwiseConv2D(
            kernelSize: kernelSize, stride: stride, padding: padding, usesBias: usesBias,
            initializer: initializer)
        let pointwise = Conv2D(
            filters: filters, kernelSize: 1, usesBias: usesBias, initializer: initializer)
        let value = try context.apply(depthwise, named: depthwiseName, to: input)
        return try context.apply(pointwise, named: "pointwise", to: value)
    }
}
