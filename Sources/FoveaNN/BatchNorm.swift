import FoveaGraph
import FoveaTensor

/// Normalization of each channel over the batch and the spatial axes, with a learned scale and shift.
///
/// `y = weight · (x - mean) / √(variance + ε) + bias`. In training mean and variance are the batch's (the variance divided
/// by the count `m`) over the axes N, H and W, and the running statistics follow as
/// `running = (1 - momentum) · running + momentum · batch`, there with the variance divided by `m - 1`. In prediction they
/// are the running ones, which they are in training, too, where both parameters are frozen: the layer is then a fixed
/// function, the same in training and prediction, and the running statistics stay as they are. (PyTorch's
/// `requires_grad = False` leaves the statistics following the batches until `eval()` is called on the layer.) This is PyTorch's convention: Keras' momentum is one minus this one, and its ε is 1e-3.
///
/// - Input: `[N, C, H, W]` or `[N, C]`. Output: the same shape.
/// - Parameters created: `weight [C]` (ones), `bias [C]` (zeros); statistics: `running_mean [C]` (zeros),
///   `running_var [C]` (ones). PyTorch's `num_batches_tracked` has no counterpart; with a momentum it is not used.
/// - Throws `GraphError` in training where a channel has one value only.
/// - Source: Ioffe and Szegedy 2015, algorithms 1 and 2.
public struct BatchNorm: Layer {
    /// What is added to the variance, inside of the root.
    public var epsilon: Float
    /// The share of the batch in the new running statistics.
    public var momentum: Float
    /// How the scale is drawn; zeros make a residual block start as the identity.
    public var initializer: Initializer

    /// Batch normalization with PyTorch's constants unless told otherwise.
    public init(epsilon: Float = 1e-5, momentum: Float = 0.1, initializer: Initializer = .ones) {
        self.epsilon = epsilon
        self.momentum = momentum
        self.initializer = initializer
    }

    /// Adds the layer to the graph of `context`.
    public func apply(to input: Graph.Value, in context: inout BuildContext) throws(GraphError) -> Graph.Value
    {
        let shape = context.shape(of: input)
        guard shape.rank == 4 || shape.rank == 2 else {
            throw GraphError(
                path: context.graph.path, "batch normalization needs [N, C, H, W] or [N, C], not \(shape)")
        }
        guard epsilon > 0, epsilon.isFinite, (0...1).contains(momentum) else {
            throw GraphError(
                path: context.graph.path,
                "batch normalization needs a positive epsilon and a momentum in 0 ... 1, not \(epsilon) and \(momentum)"
            )
        }
        let channels: Shape = [shape[1]]
        let scale = try context.graph.variable(
            "weight", channels, initial: initializer.initialValue(weight: channels))
        let shift = try context.graph.variable("bias", channels, initial: .constant(0))
        let mean = try context.graph.variable(
            "running_mean", channels, role: .statistic, initial: .constant(0))
        let variance = try context.graph.variable(
            "running_var", channels, role: .statistic, initial: .constant(1))
        switch context.mode {
        case .training where !context.isFrozen("weight", "bias"):
            return try context.graph.batchNorm(
                input, scale: scale, shift: shift, runningMean: mean, runningVariance: variance,
                epsilon: epsilon,
                momentum: momentum)
        case .training, .prediction:
            return try context.graph.batchNormInference(
                input, scale: scale, shift: shift, mean: mean, variance: variance, epsilon: epsilon)
        }
    }
}
