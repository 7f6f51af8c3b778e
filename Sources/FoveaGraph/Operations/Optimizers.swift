import FoveaTensor

extension Operation {
    /// A step of gradient descent, optionally with momentum.
    ///
    /// With `g = dw + decay · w` (the decay coupled, as an L2 penalty): `v' = momentum · v + g`, then `w' = w - rate · v'`, or
    /// with Nesterov's look-ahead `w' = w - rate · (g + momentum · v')`. Without momentum `w' = w - rate · g` and there is no
    /// velocity. (PyTorch's form: the rate is outside of `v`.)
    ///
    /// Inputs: `w`, `dw`, with momentum `v`, `rate` scalar. Outputs: `w'` and, with momentum, `v'`.
    public struct SGD: OperationRule {
        /// The momentum.
        public var momentum: Float
        /// Whether the gradient is taken with Nesterov's look-ahead.
        public var usesNesterov: Bool
        /// The weight decay.
        public var weightDecay: Float

        package var name: String { "sgd" }
        package var attributes: String {
            "momentum \(momentum)" + (usesNesterov ? " nesterov" : "") + " decay \(weightDecay)"
        }

        package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
            try expect(inputs, count: momentum == 0 ? 3 : 4)
            try checkUpdate(inputs, tensors: momentum == 0 ? 2 : 3)
            return Array(repeating: inputs[0], count: momentum == 0 ? 1 : 2)
        }

        package func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost {
            Cost(flops: (momentum == 0 ? 2 : 4) * inputs[0].shape.count)
        }
    }

    /// A step of Adam.
    ///
    /// `m' = β₁ m + (1 - β₁) dw`, `v' = β₂ v + (1 - β₂) dw²`, then with `t` one more than the number of steps made before
    /// `w' = w - rate · (m' / (1 - β₁ᵗ) / (√(v' / (1 - β₂ᵗ)) + ε) + decay · w)`: ε outside of the root and after the correction
    /// (PyTorch's; "epsilon" of algorithm 1, not "epsilon hat"), the decay decoupled as in AdamW.
    ///
    /// Inputs: `w`, `dw`, `m`, `v`, `step` int32 scalar, `rate` scalar. Outputs: `w'`, `m'`, `v'`.
    ///
    /// Source: Kingma and Ba 2015, algorithm 1; Loshchilov and Hutter 2019, algorithm 2, with the decay scaled by the rate.
    public struct Adam: OperationRule {
        /// The decay of the first moment, β₁.
        public var beta1: Float
        /// The decay of the second moment, β₂.
        public var beta2: Float
        /// What keeps the root away from zero, ε.
        public var epsilon: Float
        /// The weight decay.
        public var weightDecay: Float

        package var name: String { "adam" }
        package var attributes: String {
            "beta1 \(beta1) beta2 \(beta2) epsilon \(epsilon) decay \(weightDecay)"
        }

        package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
            try expect(inputs, count: 6, other: [4])
            guard inputs[4] == TensorType(.scalar, .int32) else {
                throw GraphError("Adam takes a step int32[]")
            }
            try checkUpdate(Array(inputs[..<4]) + [inputs[5]], tensors: 4)
            return Array(repeating: inputs[0], count: 3)
        }

        package func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost {
            Cost(flops: 12 * inputs[0].shape.count)
        }
    }
}

extension OperationRule {
    /// Throws unless the first `tensors` inputs have one shape and the last is a scalar.
    fileprivate func checkUpdate(_ inputs: [TensorType], tensors: Int) throws(GraphError) {
        for input in inputs[..<tensors] where input != inputs[0] {
            throw GraphError("'\(name)' of a weight \(inputs[0].shape) got a \(input.shape)")
        }
        guard inputs.last == TensorType(.scalar) else { throw GraphError("the learning rate is a scalar") }
    }
}

extension Graph {
    /// Adds a step of gradient descent and gives the new weight and, with momentum, the new velocity.
    package mutating func sgd(
        _ weight: Value, gradient: Value, velocity: Value?, learningRate: Value, momentum: Float,
        usesNesterov: Bool,
        weightDecay: Float
    ) throws(GraphError) -> [Value] {
        let operation = Operation.SGD(
            momentum: momentum, usesNesterov: usesNesterov, weightDecay: weightDecay)
        return try apply(
            .sgd(operation), to: [weight, gradient] + (velocity.map { [$0] } ?? []) + [learningRate])
    }

    /// Adds a step of Adam and gives the new weight and the new first and second moments.
    package mutating func adam(
        _ weight: Value, gradient: Value, moments: (first: Value, second: Value), step: Value,
        learningRate: Value,
        beta1: Float, beta2: Float, epsilon: Float, weightDecay: Float
    ) throws(GraphError) -> [Value] {
        let operation = Operation.Adam(beta1: beta1, beta2: beta2, epsilon: epsilon, weightDecay: weightDecay)
        return try apply(
            .adam(operation), to: [weight, gradient, moments.first, moments.second, step, learningRate])
    }
}
