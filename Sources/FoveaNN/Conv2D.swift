import FoveaGraph
import FoveaTensor

/// A 2-D convolution (a cross-correlation, as everywhere in the field) over the spatial axes of images.
///
/// `y[n,k,i,j] = b[k] + Σ(c,u,v) w[k,c,u,v] · x[n, g·C/G + c, i·s + u·d - p, j·s + v·d - p]`, with `g` the group of filter
/// `k` of `G` groups.
///
/// - Input: `[N, C, H, W]`. Output: `[N, filters, H', W']`, `H' = floor((H + p - d (k - 1) - 1) / s) + 1` with `p` the total
///   padding of the axis.
/// - Parameters created: `weight [filters, C / groups, kH, kW]`, `bias [filters]`.
/// - Throws `GraphError` where the groups divide not both channels and filters, or the output would be empty.
/// - Source: LeCun et al. 1998, section II.A; layout and padding as in PyTorch.
public struct Conv2D: Layer {
    /// The number of output channels.
    public var filters: Int
    /// The extent of each filter.
    public var kernelSize: Size2D
    /// The distance between neighbouring places of the window.
    public var stride: Size2D
    /// The zeros around the input.
    public var padding: Padding
    /// The distance between neighbouring taps of the window.
    public var dilation: Size2D
    /// The number of groups; each sees its share of the channels.
    public var groups: Int
    /// Whether a number for each filter is added.
    public var usesBias: Bool
    /// How the weight is drawn.
    public var initializer: Initializer
    /// How the bias is drawn.
    public var biasInitializer: Initializer
    /// The penalty on the weight; `nil` for the network's.
    public var regularizer: Regularizer?

    /// A convolution with `filters` filters of `kernelSize`.
    public init(
        filters: Int, kernelSize: Size2D, stride: Size2D = 1, padding: Padding = .valid, dilation: Size2D = 1,
        groups: Int = 1, usesBias: Bool = true, initializer: Initializer = .he(.normal),
        biasInitializer: Initializer = .zeros, regularizer: Regularizer? = nil
    ) {
        self.filters = filters
        self.kernelSize = kernelSize
        self.stride = stride
        self.padding = padding
        self.dilation = dilation
        self.groups = groups
        self.usesBias = usesBias
        self.initializer = initializer
        self.biasInitializer = biasInitializer
        self.regularizer = regularizer
    }

    /// Adds the layer to the graph of `context`.
    public func apply(to input: Graph.Value, in context: inout BuildContext) throws(GraphError) -> Graph.Value
    {
        let (channels, size) = try context.imageSize(of: input, for: "a convolution")
        var window = Window(kernel: kernelSize, stride: stride, dilation: dilation)
        try context.check(window, padding: padding)
        try context.check(filters, "the number of filters")
        try context.check(groups, "the number of groups")
        guard channels % groups == 0, filters % groups == 0 else {
            throw GraphError(
                path: context.graph.path,
                "groups (\(groups)) must divide both the channels (\(channels)) and the filters (\(filters))")
        }
        window.padding = padding.edges(over: size, window: window)
        let weightShape: Shape = [filters, channels / groups, kernelSize.height, kernelSize.width]
        let weight = try context.weight(weightShape, initializer, regularizer)
        let bias = usesBias ? try context.bias(filters, biasInitializer, weight: weightShape) : nil
        return try context.graph.convolution(
            input, weight: weight, bias: bias, stride: stride, padding: window.padding, dilation: dilation,
            groups: groups)
    }
}
