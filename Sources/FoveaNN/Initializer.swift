import FoveaGraph
import FoveaTensor

/// How the numbers of a parameter are drawn before training.
///
/// Fans are counted as PyTorch does from the shape alone: for a convolution's weight `[K, C / groups, kH, kW]`
/// `fanIn = C / groups · kH · kW` and `fanOut = K · kH · kW` (not divided by the groups); for a dense weight
/// `[units, F]` `fanIn = F` and `fanOut = units`. A bias has the fans of its layer's weight.
///
/// `Conv2D` and `Dense` use `.he(.normal)` for weights and zeros for biases unless told otherwise: most networks here are
/// made of ReLUs, for which that keeps the variance of the activations through any depth (He et al. 2015, section 2.2).
/// For tanh and sigmoid, and for a last layer, use `.glorot(.uniform)`.
public enum Initializer: Sendable {
    /// The distribution of the numbers, of mean 0 and of the same variance in either case.
    public enum Distribution: Hashable, Sendable {
        case uniform, normal
    }

    /// Which of the two directions keeps its variance.
    public enum Fan: Hashable, Sendable {
        /// The forward pass.
        case `in`
        /// The backward pass.
        case out
    }

    /// All numbers are `0`.
    case zeros
    /// All numbers are `1`.
    case ones
    /// All numbers are the given one.
    case constant(Float)
    /// Uniform in `[-bound, bound)`.
    case uniform(bound: Float)
    /// Normal with mean 0.
    case normal(deviation: Float)
    /// Variance `2 / (fanIn + fanOut)` (Glorot and Bengio 2010, equation 16).
    case glorot(Distribution)
    /// Variance `2 / fan` (He et al. 2015, equations 10 and 14).
    case he(Distribution, fan: Fan = .in)
    /// Uniform in `±1 / √fanIn`: what PyTorch gives weights (`kaiming_uniform` with a = √5) and biases by default.
    case pyTorch
    /// What the closure makes of random numbers, for a parameter of the given shape, in row-major order.
    case custom(@Sendable (RandomStream, Shape) -> [Float])

    /// The initial value of a parameter of a layer whose weight has the shape `weight`.
    func initialValue(weight: Shape) -> Graph.InitialValue {
        // In Double, where no product overflows: whether the shape is sane is checked when the variable is declared.
        let extents = weight.dimensions.map(Double.init)
        let window = extents.dropFirst(2).reduce(1, *)
        let fanIn = extents.count > 1 ? extents[1] * window : extents.first ?? 1
        let fanOut = (extents.first ?? 1) * window
        switch self {
        case .zeros: return .constant(0)
        case .ones: return .constant(1)
        case .constant(let value): return .constant(value)
        case .uniform(let bound): return .uniform(bound: bound)
        case .normal(let deviation): return .normal(deviation: deviation)
        case .glorot(let distribution): return distribution.centered(variance: 2 / (fanIn + fanOut))
        case .he(let distribution, let fan):
            return distribution.centered(variance: 2 / (fan == .in ? fanIn : fanOut))
        case .pyTorch: return .uniform(bound: Float(1 / fanIn.squareRoot()))
        case .custom(let closure): return .generated(closure)
        }
    }
}

extension Initializer.Distribution {
    /// The distribution of mean 0 and the given variance; a uniform one has the bound `√(3 variance)`.
    fileprivate func centered(variance: Double) -> Graph.InitialValue {
        switch self {
        case .uniform: .uniform(bound: Float((3 * variance).squareRoot()))
        case .normal: .normal(deviation: Float(variance.squareRoot()))
        }
    }
}
