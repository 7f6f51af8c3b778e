import FoveaGraph
import FoveaTensor

/// Normalization of each group of channels of each sample, with a learned scale and shift for each channel.
///
/// `y = weight · (x - mean) / √(variance + ε) + bias`, mean and variance (divided by the count) over `C / groups`, `H` and `W`
/// of each sample. Training and prediction are the same, and no sample depends on another.
///
/// - Input: `[N, C, H, W]` or `[N, C]`. Output: the same shape.
/// - Parameters created: `weight [C]` (ones), `bias [C]` (zeros); none where not `usesAffine`.
/// - Throws `GraphError` where the groups do not divide the channels or hold one value only.
/// - Source: Wu and He 2018. ε is PyTorch's; TensorFlow's is 1e-3.
public struct GroupNorm: Layer {
    /// The number of groups.
    public var groups: Int
    /// What is added to the variance, inside of the root.
    public var epsilon: Float
    /// Whether there are a scale and a shift.
    public var usesAffine: Bool

    /// Group normalization in `groups` groups.
    public init(groups: Int, epsilon: Float = 1e-5, usesAffine: Bool = true) {
        self.groups = groups
        self.epsilon = epsilon
        self.usesAffine = usesAffine
    }

    /// Adds the layer to the graph of `context`.
    public func apply(to input: Graph.Value, in context: inout BuildContext) throws(GraphError) -> Graph.Value
    {
        let channels = try context.channels(of: input, for: "group normalization")
        return try context.groupNorm(
            input, groups: groups, epsilon: epsilon, affine: usesAffine ? [channels] : nil)
    }
}

/// Normalization of each channel of each sample.
///
/// `y = (x - mean) / √(variance + ε)`, mean and variance (divided by the count) over `H` and `W` of each channel of each
/// sample, in prediction too: there are no running statistics (PyTorch's `track_running_stats` is off by default as
/// well).
///
/// - Input: `[N, C, H, W]`. Output: the same shape.
/// - Parameters created: none; where `usesAffine` (off, as in PyTorch), `weight [C]` (ones) and `bias [C]` (zeros).
/// - Throws `GraphError` where a channel has one pixel only.
/// - Source: Ulyanov et al. 2016, equation 7. ε is PyTorch's.
public struct InstanceNorm: Layer {
    /// What is added to the variance, inside of the root.
    public var epsilon: Float
    /// Whether there are a scale and a shift.
    public var usesAffine: Bool

    /// Instance normalization, without a scale and a shift unless told otherwise.
    public init(epsilon: Float = 1e-5, usesAffine: Bool = false) {
        self.epsilon = epsilon
        self.usesAffine = usesAffine
    }

    /// Adds the layer to the graph of `context`.
    public func apply(to input: Graph.Value, in context: inout BuildContext) throws(GraphError) -> Graph.Value
    {
        let (channels, _) = try context.imageSize(of: input, for: "instance normalization")
        return try context.groupNorm(
            input, groups: channels, epsilon: epsilon, affine: usesAffine ? [channels] : nil)
    }
}

/// Normalization of each sample over all of its features.
///
/// `y = weight · (x - mean) / √(variance + ε) + bias`, mean and variance (divided by the count) over `C`, `H` and `W`, or over
/// the features of a vector, for each sample apart. Training and prediction are the same.
///
/// - Input: `[N, C, H, W]` or `[N, F]`. Output: the same shape.
/// - Parameters created, by `affine`: `weight` (ones) and `bias` (zeros) of the shape of a sample, `[C, H, W]` or `[F]`, as
///   PyTorch's `LayerNorm` over that shape has them; or of `[C]`, as PyTorch's `GroupNorm(1, C)` and the paper on group
///   normalization have them, so that the input's size is free; or none.
/// - Throws `GraphError` where a sample has one value only.
/// - Source: Ba, Kiros and Hinton 2016, equations 3 and 4. ε is PyTorch's; Keras' is 1e-3.
public struct LayerNorm: Layer {
    /// What has a scale and a shift of its own.
    public enum Affine: Hashable, Sendable {
        /// Each element of a sample.
        case perElement
        /// Each channel.
        case perChannel
        /// Nothing: there are none.
        case none
    }

    /// What is added to the variance, inside of the root.
    public var epsilon: Float
    /// What has a scale and a shift of its own.
    public var affine: Affine

    /// Layer normalization, with a scale and a shift for each element unless told otherwise.
    public init(affine: Affine = .perElement, epsilon: Float = 1e-5) {
        self.affine = affine
        self.epsilon = epsilon
    }

    /// Adds the layer to the graph of `context`.
    public func apply(to input: Graph.Value, in context: inout BuildContext) throws(GraphError) -> Graph.Value
    {
        let channels = try context.channels(of: input, for: "layer normalization")
        let shape: Shape? =
            switch affine {
            case .perElement: Shape(Array(context.shape(of: input).dimensions.dropFirst()))
            case .perChannel: [channels]
            case .none: nil
            }
        return try context.groupNorm(input, groups: 1, epsilon: epsilon, affine: shape)
    }
}

extension BuildContext {
    /// The number of channels of `input`, where it is of images or vectors.
    func channels(of input: Graph.Value, for what: String) throws(GraphError) -> Int {
        let shape = shape(of: input)
        guard shape.rank == 4 || shape.rank == 2 else {
            throw GraphError(path: graph.path, "\(what) needs [N, C, H, W] or [N, C], not \(shape)")
        }
        return shape[1]
    }

    /// Adds group normalization, with a scale and a shift of the shape `affine`.
    fileprivate mutating func groupNorm(
        _ input: Graph.Value, groups: Int, epsilon: Float, affine: Shape?
    ) throws(GraphError) -> Graph.Value {
        guard epsilon > 0, epsilon.isFinite else {
            throw GraphError(
                path: graph.path, "normalization needs a positive epsilon, not \(epsilon)")
        }
        guard let affine else { return try graph.groupNorm(input, groups: groups, epsilon: epsilon) }
        let scale = try graph.variable("weight", affine, initial: .constant(1))
        let shift = try graph.variable("bias", affine, initial: .constant(0))
        return try graph.groupNorm(input, groups: groups, affine: (scale, shift), epsilon: epsilon)
    }
}
