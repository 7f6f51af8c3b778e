import FoveaGraph

/// Division of each element by a power of the mean square of its neighbours.
///
/// `y = x / (k + alpha / m · Σ x²)^beta` over the `m` places of a window around the element: `size` channels at the same
/// pixel, or `size · size` pixels of the same channel. Outside of the image are zeros, counted in `m`.
///
/// `alpha` is divided by `m`, as in PyTorch, Caffe, ONNX and cuDNN. The paper and TensorFlow do not divide it: the paper's
/// `n = 5, α = 1e-4, β = 0.75, k = 2` are ``alexNet``, with `alpha = 5e-4` here. Caffe's AlexNet has `alpha: 1e-4` with
/// the division, a fifth of the paper's, and `k = 1`: those are the defaults here and PyTorch's.
///
/// - Input and output: `[N, C, H, W]`. No parameters.
/// - Throws `GraphError` where the size is even (PyTorch's windows of even size lean to one side).
/// - Source: Krizhevsky et al. 2012, section 3.3; within channels as Caffe's `WITHIN_CHANNEL`.
public struct LocalResponseNorm: Layer {
    /// Where the neighbours of an element are.
    public typealias Region = Operation.LocalResponseNorm.Region

    /// The extent of the window, odd.
    public var size: Int
    /// The weight of the mean square.
    public var alpha: Float
    /// The exponent.
    public var beta: Float
    /// What the mean square is added to.
    public var k: Float
    /// Where the neighbours are.
    public var region: Region

    /// Local response normalization with PyTorch's constants unless told otherwise.
    public init(
        size: Int = 5, alpha: Float = 1e-4, beta: Float = 0.75, k: Float = 1, region: Region = .acrossChannels
    ) {
        self.size = size
        self.alpha = alpha
        self.beta = beta
        self.k = k
        self.region = region
    }

    /// The constants of the paper on AlexNet: `x / (2 + 1e-4 · Σ x²)^0.75` over five channels.
    public static let alexNet = LocalResponseNorm(size: 5, alpha: 5e-4, beta: 0.75, k: 2)

    /// Adds the layer to the graph of `context`.
    public func apply(to input: Graph.Value, in context: inout BuildContext) throws(GraphError) -> Graph.Value
    {
        try context.graph.localResponseNorm(
            input,
            Operation.LocalResponseNorm(region: region, size: size, alpha: alpha, beta: beta, k: k))
    }
}
