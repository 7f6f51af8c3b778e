import FoveaTensor

extension Graph {
    /// A named value that outlives a run: a weight, a running statistic, or a slot of the optimizer.
    public struct Variable: Sendable {
        /// What the variable is for.
        public enum Role: Hashable, Sendable {
            /// Changed by the optimizer.
            case parameter
            /// Followed during training and used in prediction, such as a running mean.
            case statistic
            /// Memory of the optimizer, such as a momentum.
            case slot
        }

        /// The path of names in the description, such as `layer1.0.conv1.weight`.
        public let key: String
        /// The shape and element type.
        public let type: TensorType
        /// What the variable is for.
        public let role: Role
        /// What the variable holds before training.
        public let initial: InitialValue
    }

    /// What a variable holds before training.
    public enum InitialValue: Sendable {
        case constant(Float)
        /// Uniform in `[-bound, bound)`.
        case uniform(bound: Float)
        /// Normal with mean 0.
        case normal(deviation: Float)
        /// Whatever the closure makes of the random numbers for a variable of the given shape, in row-major order.
        case generated(@Sendable (RandomStream, Shape) -> [Float])

        /// The initial tensor of `shape`, drawn from `stream`.
        public func tensor(shape: Shape, stream: RandomStream) -> Tensor {
            let scalars: [Float] =
                switch self {
                case .constant(let value): Array(repeating: value, count: shape.count)
                case .uniform(let bound): (0..<shape.count).map { (2 * stream.uniform(at: $0) - 1) * bound }
                case .normal(let deviation):
                    (0..<shape.count).map { Float(stream.normal(at: $0) * Double(deviation)) }
                case .generated(let closure): closure(stream, shape)
                }
            return Tensor(scalars, shape: shape)
        }
    }
}
