/// A penalty on the size of weights, added to the loss.
///
/// A layer's own regularizer replaces the network's. Biases and the parameters of normalization are never penalized.
public enum Regularizer: Hashable, Sendable {
    /// `strength / 2 · Σ w²`, whose gradient is `strength · w` (PyTorch's `weight_decay`; Keras' `L2(l)` is this with
    /// `strength = 2 l`). 0 is no penalty.
    case l2(Float)
}
