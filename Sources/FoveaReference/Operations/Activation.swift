import FoveaGraph

extension ReferenceKernels {
    static func activation(_ rule: Operation.Activation, _ x: Reals) -> Reals {
        switch rule.function {
        // Written so that NaN stays NaN.
        case .relu: map(x) { $0 < 0 ? 0 : $0 }
        case .tanh: map(x) { Scalar.tanh($0) }
        case .sigmoid: map(x) { 1 / (1 + Scalar.exp(-$0)) }
        }
    }

    static func activationGradient(_ rule: Operation.ActivationGradient, y: Reals, dy: Reals) -> Reals {
        switch rule.function {
        case .relu: elementwise(y, dy, shape: y.shape) { y, dy in y > 0 ? dy : 0 }
        case .tanh: elementwise(y, dy, shape: y.shape) { y, dy in (1 - y * y) * dy }
        case .sigmoid: elementwise(y, dy, shape: y.shape) { y, dy in y * (1 - y) * dy }
        }
    }
}
