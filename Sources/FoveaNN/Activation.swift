import FoveaGraph

/// A function applied to each element.
///
/// Input and output have one shape.
public struct Activation: Layer {
    /// The function.
    public var function: ActivationFunction

    /// The given function.
    public init(_ function: ActivationFunction) {
        self.function = function
    }

    /// Adds the layer to the graph of `context`.
    public func apply(to input: Graph.Value, in context: inout BuildContext) throws(GraphError) -> Graph.Value
    {
        try context.graph.activation(function, input)
    }
}

/// The rectifier `max(0, x)`, with derivative 0 at 0.
public struct ReLU: Layer {
    /// The layer, which has no hyper-parameters.
    public init() {}

    /// Adds the layer to the graph of `context`.
    public func apply(to input: Graph.Value, in context: inout BuildContext) throws(GraphError) -> Graph.Value
    {
        try context.graph.activation(.relu, input)
    }
}

/// The hyperbolic tangent.
public struct Tanh: Layer {
    /// The layer, which has no hyper-parameters.
    public init() {}

    /// Adds the layer to the graph of `context`.
    public func apply(to input: Graph.Value, in context: inout BuildContext) throws(GraphError) -> Graph.Value
    {
        try context.graph.activation(.tanh, input)
    }
}

/// The logistic function `1 / (1 + exp(-x))`.
public struct Sigmoid: Layer {
    /// The layer, which has no hyper-parameters.
    public init() {}

    /// Adds the layer to the graph of `context`.
    public func apply(to input: Graph.Value, in context: inout BuildContext) throws(GraphError) -> Graph.Value
    {
        try context.graph.activation(.sigmoid, input)
    }
}

/// The leaky rectifier: `x` above 0, else `slope · x`, with the derivative `slope` at 0.
///
/// - Throws `GraphError` where the slope is negative.
/// - Source: Maas, Hannun and Ng 2013. The slope is PyTorch's; Keras' is 0.3.
public struct LeakyReLU: Layer {
    /// The slope below zero.
    public var slope: Float

    /// The layer, with the usual slope unless told otherwise.
    public init(slope: Float = 0.01) {
        self.slope = slope
    }

    /// Adds the layer to the graph of `context`.
    public func apply(to input: Graph.Value, in context: inout BuildContext) throws(GraphError) -> Graph.Value
    {
        try context.graph.activation(.leakyReLU(slope: slope), input)
    }
}

/// The exponential linear unit: `x` above 0, else `alpha (exp(x) - 1)`.
///
/// - Throws `GraphError` where alpha is negative.
/// - Source: Clevert, Unterthiner and Hochreiter 2016, equation 15.
public struct ELU: Layer {
    /// What the function falls to, negated.
    public var alpha: Float

    /// The layer, with the usual alpha unless told otherwise.
    public init(alpha: Float = 1) {
        self.alpha = alpha
    }

    /// Adds the layer to the graph of `context`.
    public func apply(to input: Graph.Value, in context: inout BuildContext) throws(GraphError) -> Graph.Value
    {
        try context.graph.activation(.elu(alpha: alpha), input)
    }
}

/// The Gaussian error linear unit: `x Φ(x)`, Φ being the distribution function of a normal number.
///
/// - Source: Hendrycks and Gimpel 2016. PyTorch's and Keras' default is the exact function; Keras before version 3 and
///   many published weights have the approximation.
public struct GELU: Layer {
    /// How Φ is computed.
    public enum Form: Hashable, Sendable {
        /// By the error function.
        case exact
        /// As `1/2 (1 + tanh(√(2/π) (x + 0.044715 x³)))`.
        case tanh
    }

    /// How Φ is computed.
    public var form: Form

    /// The exact function unless told otherwise.
    public init(_ form: Form = .exact) {
        self.form = form
    }

    /// Adds the layer to the graph of `context`.
    public func apply(to input: Graph.Value, in context: inout BuildContext) throws(GraphError) -> Graph.Value
    {
        try context.graph.activation(form == .exact ? .gelu : .geluTanh, input)
    }
}

/// The product `x · sigmoid(x)`, in PyTorch and Keras called SiLU.
///
/// - Source: Ramachandran, Zoph and Le 2017, with β = 1; Elfwing, Uchibe and Doya 2017.
public struct Swish: Layer {
    /// The layer, which has no hyper-parameters.
    public init() {}

    /// Adds the layer to the graph of `context`.
    public func apply(to input: Graph.Value, in context: inout BuildContext) throws(GraphError) -> Graph.Value
    {
        try context.graph.activation(.swish, input)
    }
}

/// A sigmoid of straight lines: `x/6 + 1/2` within 0 and 1.
///
/// The derivative is 0 at -3 and 3.
///
/// - This is PyTorch's and Keras 3's `relu6(x + 3) / 6`, of MobileNetV3 (Howard et al. 2019). Keras 2's and Theano's is
///   `0.2 x + 0.5`, ONNX' default too: it differs by up to 0.1.
public struct HardSigmoid: Layer {
    /// The layer, which has no hyper-parameters.
    public init() {}

    /// Adds the layer to the graph of `context`.
    public func apply(to input: Graph.Value, in context: inout BuildContext) throws(GraphError) -> Graph.Value
    {
        try context.graph.activation(.hardSigmoid, input)
    }
}

/// The product of `x` and its hard sigmoid, `x · relu6(x + 3) / 6`.
///
/// The derivative is 0 at -3 and 1 at 3.
///
/// - Source: Howard et al. 2019, "Searching for MobileNetV3", section 5.2.
public struct HardSwish: Layer {
    /// The layer, which has no hyper-parameters.
    public init() {}

    /// Adds the layer to the graph of `context`.
    public func apply(to input: Graph.Value, in context: inout BuildContext) throws(GraphError) -> Graph.Value
    {
        try context.graph.activation(.hardSwish, input)
    }
}

/// The smooth rectifier `log(1 + exp(x))`.
///
/// - Source: Dugas et al. 2001. PyTorch goes over to `x` above 20, where the two do not differ in float32.
public struct Softplus: Layer {
    /// The layer, which has no hyper-parameters.
    public init() {}

    /// Adds the layer to the graph of `context`.
    public func apply(to input: Graph.Value, in context: inout BuildContext) throws(GraphError) -> Graph.Value
    {
        try context.graph.activation(.softplus, input)
    }
}

/// The rectifier with a slope of its own below zero, learned for each channel or one for all.
///
/// `y = x` above 0, else `weight · x`; the derivative at 0 is the slope.
///
/// - Input: `[N, C, H, W]` or `[N, C]`. Output: the same shape.
/// - Parameters created: `weight [C]`, or `[1]` where the slope is shared. No penalty on weights acts on it, as in the
///   paper.
/// - Source: He et al. 2015, "Delving deep into rectifiers", section 2.1. The slopes start at 0.25, as there. PyTorch's
///   default is one slope; Keras has one for each element unless told otherwise.
public struct PReLU: Layer {
    /// Whether all channels have one slope.
    public var sharesSlope: Bool
    /// The slope before training.
    public var initialSlope: Float

    /// A rectifier with a slope for each channel unless told otherwise.
    public init(sharesSlope: Bool = false, initialSlope: Float = 0.25) {
        self.sharesSlope = sharesSlope
        self.initialSlope = initialSlope
    }

    /// Adds the layer to the graph of `context`.
    public func apply(to input: Graph.Value, in context: inout BuildContext) throws(GraphError) -> Graph.Value
    {
        let channels = try context.channels(of: input, for: "a parametric ReLU")
        let weight = try context.graph.variable(
            "weight", [sharesSlope ? 1 : channels], initial: .constant(initialSlope))
        return try context.graph.parametricReLU(input, weight: weight)
    }
}
