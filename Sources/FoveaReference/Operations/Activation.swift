import FoveaGraph

extension ReferenceKernels {
    static func activation(_ rule: Operation.Activation, _ x: Reals) -> Reals {
        switch rule.function {
        // Written so that NaN stays NaN.
        case .relu: map(x) { $0 < 0 ? 0 : $0 }
        case .tanh: map(x) { Scalar.tanh($0) }
        case .sigmoid: map(x, sigmoid)
        case .leakyReLU(let slope): map(x) { $0 > 0 ? $0 : Scalar(slope) * $0 }
        case .elu(let alpha): map(x) { $0 > 0 ? $0 : Scalar(alpha) * Scalar(exponentialMinusOne(Double($0))) }
        case .gelu: map(x) { $0 * Scalar(normalDistribution(Double($0))) }
        case .geluTanh: map(x) { $0 / 2 * (1 + Scalar.tanh(geluArgument($0))) }
        case .swish: map(x) { $0 * sigmoid($0) }
        case .hardSigmoid: map(x, hardSigmoid)
        case .hardSwish: map(x) { $0 * hardSigmoid($0) }
        case .softplus:
            map(x) { ($0 < 0 ? 0 : $0) + Scalar(logarithmOfOnePlus(Double(Scalar.exp(-abs($0))))) }
        }
    }

    /// - Parameter known: the output or the input of the function, as the rule says.
    static func activationGradient(
        _ rule: Operation.ActivationGradient, known: Reals, dy: Reals
    ) -> Reals {
        let slope = slope(of: rule.function)
        return elementwise(known, dy, shape: dy.shape) { slope($0) * $1 }
    }

    /// The derivative as a function of the output or of the input.
    private static func slope(of function: ActivationFunction) -> (Scalar) -> Scalar {
        switch function {
        case .relu: { y in y > 0 ? 1 : 0 }
        case .tanh: { y in 1 - y * y }
        case .sigmoid: { y in y * (1 - y) }
        case .leakyReLU(let slope): { y in y > 0 ? 1 : Scalar(slope) }
        case .elu(let alpha): { y in y > 0 ? 1 : y + Scalar(alpha) }
        case .gelu:
            { x in
                let density = Scalar.exp(-x * x / 2) / Scalar((2 * Double.pi).squareRoot())
                return Scalar(normalDistribution(Double(x))) + x * density
            }
        case .geluTanh:
            { x in
                let t = Scalar.tanh(geluArgument(x))
                return (1 + t) / 2 + x / 2 * (1 - t * t) * geluFactor * (1 + 3 * geluCubic * x * x)
            }
        case .swish:
            { x in
                let s = sigmoid(x)
                return s + x * s * (1 - s)
            }
        case .hardSigmoid: { x in x <= -3 || x >= 3 ? 0 : 1 / 6 }
        case .hardSwish: { x in x <= -3 ? 0 : x >= 3 ? 1 : (2 * x + 3) / 6 }
        case .softplus: sigmoid
        }
    }

    private static func sigmoid(_ x: Scalar) -> Scalar { 1 / (1 + Scalar.exp(-x)) }

    private static func hardSigmoid(_ x: Scalar) -> Scalar { x <= -3 ? 0 : x >= 3 ? 1 : x / 6 + 0.5 }

    private static var geluFactor: Scalar { Scalar((2 / Double.pi).squareRoot()) }
    private static var geluCubic: Scalar { 0.044715 }

    private static func geluArgument(_ x: Scalar) -> Scalar { geluFactor * (x + geluCubic * x * x * x) }
}
