import FoveaTensor

extension Operation {
    /// A function applied to each element.
    ///
    /// Input: `x`, any shape. Output: `y`, the same shape.
    public struct Activation: OperationRule {
        /// The function applied.
        public var function: ActivationFunction

        package var name: String { "activation" }
        package var attributes: String { "\(function)" }

        package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
            try expect(inputs, count: 1)
            try function.checkParameter()
            return inputs
        }

        package func inputGradients(
            of node: Graph.Node, given outputGradients: [Graph.Value?], needed: [Bool], in graph: inout Graph
        ) throws(GraphError) -> [Graph.Value?] {
            guard let dy = outputGradients[0] else { return [nil] }
            let operation = ActivationGradient(function: function)
            let known = function.derivativeFollowsFromOutput ? node.outputs[0] : node.inputs[0]
            return [try graph.apply(.activationGradient(operation), to: [known, dy])[0]]
        }

        package func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost {
            Cost(flops: function.flops * outputs[0].shape.count)
        }
    }

    /// The gradient of an activation with respect to its input, from its output where the derivative follows from that,
    /// otherwise from its input.
    ///
    /// Inputs: `y` or `x` (``ActivationFunction/derivativeFollowsFromOutput``), `dy`, of one shape. Output: `dx = f'(x) dy`.
    public struct ActivationGradient: OperationRule {
        /// The function applied.
        public var function: ActivationFunction

        package var name: String { "activationGradient" }
        package var attributes: String { "\(function)" }

        package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
            try expect(inputs, count: 2)
            try function.checkParameter()
            guard inputs[0] == inputs[1] else {
                throw GraphError(
                    "the gradient \(inputs[1].shape) has not the shape of the output, \(inputs[0].shape)")
            }
            return [inputs[0]]
        }

        package func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost {
            Cost(flops: (function.flops + 1) * outputs[0].shape.count)
        }
    }
}

/// A function of one number.
///
/// Where the derivative jumps, it has at that place the value that holds to the left, as in PyTorch, unless said
/// otherwise.
public enum ActivationFunction: Hashable, Sendable {
    /// `max(0, x)`; derivative 0 at 0 (Nair and Hinton 2010).
    case relu
    /// The hyperbolic tangent; derivative `1 - y²`.
    case tanh
    /// `1 / (1 + exp(-x))`; derivative `y (1 - y)`.
    case sigmoid
    /// `x` above 0, else `slope · x`, with a slope of at least 0 (Maas et al. 2013).
    case leakyReLU(slope: Float)
    /// `x` above 0, else `alpha (exp(x) - 1)`, with an alpha of at least 0 (Clevert et al. 2016).
    case elu(alpha: Float)
    /// `x Φ(x)`, Φ being the normal distribution's function (Hendrycks and Gimpel 2016).
    case gelu
    /// `x/2 (1 + tanh(√(2/π) (x + 0.044715 x³)))`, an approximation of `gelu` to 5e-4 from the same paper.
    case geluTanh
    /// `x / (1 + exp(-x))`, also called SiLU (Ramachandran et al. 2017, with β = 1).
    case swish
    /// `x/6 + 1/2` within 0 and 1; derivative 0 at -3 and 3.
    case hardSigmoid
    /// `x` times `hardSigmoid`; derivative 0 at -3 and 1 at 3 (Howard et al. 2019).
    case hardSwish
    /// `log(1 + exp(x))` (Dugas et al. 2001); derivative `sigmoid(x)`.
    case softplus

    /// Whether the derivative follows from the value, so that the gradient needs no more of the forward pass than the
    /// output; otherwise it needs the input.
    public var derivativeFollowsFromOutput: Bool {
        switch self {
        case .relu, .tanh, .sigmoid, .leakyReLU, .elu: true
        case .gelu, .geluTanh, .swish, .hardSigmoid, .hardSwish, .softplus: false
        }
    }

    /// The places where a derivative jumps.
    package var kinks: [Double] {
        switch self {
        case .relu, .leakyReLU, .elu: [0]
        case .hardSigmoid, .hardSwish: [-3, 3]
        case .tanh, .sigmoid, .gelu, .geluTanh, .swish, .softplus: []
        }
    }

    /// Each function once, those with a parameter with its usual value.
    package static let examples: [ActivationFunction] = [
        .relu, .tanh, .sigmoid, .leakyReLU(slope: 0.01), .elu(alpha: 1), .gelu, .geluTanh, .swish,
        .hardSigmoid,
        .hardSwish, .softplus,
    ]

    /// Operations for one element, an exponential counting one.
    fileprivate var flops: Int {
        switch self {
        case .relu: 1
        case .leakyReLU, .tanh, .sigmoid, .hardSigmoid: 2
        case .elu, .hardSwish, .softplus, .swish: 3
        case .gelu: 4
        case .geluTanh: 8
        }
    }

    /// Throws where the derivative would not follow from the output.
    fileprivate func checkParameter() throws(GraphError) {
        switch self {
        case .leakyReLU(let slope) where !(slope >= 0 && slope.isFinite):
            throw GraphError("the slope of a leaky ReLU is at least 0, not \(slope)")
        case .elu(let alpha) where !(alpha >= 0 && alpha.isFinite):
            throw GraphError("the alpha of an ELU is at least 0, not \(alpha)")
        default: return
        }
    }
}

extension ActivationFunction: CustomStringConvertible {
    /// The name, and the parameter where there is one: `leakyReLU 0.01`.
    public var description: String {
        switch self {
        case .relu: "relu"
        case .tanh: "tanh"
        case .sigmoid: "sigmoid"
        case .leakyReLU(let slope): "leakyReLU \(slope)"
        case .elu(let alpha): "elu \(alpha)"
        case .gelu: "gelu"
        case .geluTanh: "geluTanh"
        case .swish: "swish"
        case .hardSigmoid: "hardSigmoid"
        case .hardSwish: "hardSwish"
        case .softplus: "softplus"
        }
    }
}

extension Graph {
    /// `function` of each element of `x`.
    public mutating func activation(_ function: ActivationFunction, _ x: Value) throws(GraphError) -> Value {
        try apply(.activation(Operation.Activation(function: function)), to: [x])[0]
    }
}
