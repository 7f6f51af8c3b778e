import FoveaTensor

extension Operation {
    /// Normalization of each channel over the batch and the spatial axes, as in training.
    ///
    /// `y = scale · (x - mean) / √(variance + ε) + shift`, with mean and variance (divided by the count `m`) over `N`, `H`
    /// and `W`. The running statistics follow as `(1 - momentum) · running + momentum · batch`, where the batch's variance
    /// is divided by `m - 1` (PyTorch's convention; Keras' momentum is one minus this one).
    ///
    /// Inputs: `x [N, C, H, W]` or `[N, C]`, then `scale`, `shift`, `runningMean`, `runningVariance`, all `[C]`. Outputs:
    /// `y`, then the batch's `mean` and `variance`, then both new running statistics, all `[C]`.
    ///
    /// Source: Ioffe and Szegedy 2015, algorithm 1.
    public struct BatchNorm: OperationRule {
        /// What keeps the root away from zero, ε.
        public var epsilon: Float
        /// The momentum.
        public var momentum: Float

        package var name: String { "batchNorm" }
        package var attributes: String { "epsilon \(epsilon) momentum \(momentum)" }

        package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
            try expect(inputs, count: 5)
            let channels = try checkedChannels(of: inputs)
            let x = inputs[0].shape
            guard x.count / max(channels, 1) > 1 else {
                throw GraphError(
                    """
                    batch normalization in training needs more than one value for each channel, the input is \(x); \
                    use a larger batch
                    """)
            }
            return [inputs[0]] + Array(repeating: TensorType([channels]), count: 4)
        }

        package func inputGradients(
            of node: Graph.Node, given outputGradients: [Graph.Value?], needed: [Bool], in graph: inout Graph
        ) throws(GraphError) -> [Graph.Value?] {
            guard outputGradients.dropFirst().allSatisfy({ $0 == nil }) else {
                throw GraphError(path: node.path, "the statistics of '\(name)' have no derivative")
            }
            guard let dy = outputGradients[0] else { return node.inputs.map { _ in nil } }
            let operation = BatchNormGradient(epsilon: epsilon)
            let results = try graph.apply(
                .batchNormGradient(operation),
                to: [node.inputs[0], node.inputs[1], node.outputs[1], node.outputs[2], dy])
            return [results[0], results[1], results[2], nil, nil]
        }

        package func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost {
            Cost(flops: 7 * inputs[0].shape.count)
        }

        package func averagedAxes(of inputs: [TensorType]) -> [String]? {
            inputs[0].shape.rank == 4 ? ["N", "H", "W"] : ["N"]
        }
    }

    /// The gradient of batch normalization in training.
    ///
    /// Inputs: `x`, `scale [C]`, the batch's `mean [C]` and `variance [C]`, `dy`. Outputs: `dx`, `dscale [C]`, `dshift [C]`.
    public struct BatchNormGradient: OperationRule {
        /// What keeps the root away from zero, ε.
        public var epsilon: Float

        package var name: String { "batchNormGradient" }
        package var attributes: String { "epsilon \(epsilon)" }

        package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
            try expect(inputs, count: 5)
            let channels = try checkedChannels(of: Array(inputs.dropLast()))
            guard inputs[4] == inputs[0] else {
                throw GraphError(
                    "the gradient \(inputs[4].shape) has not the shape of the output, \(inputs[0].shape)")
            }
            return [inputs[0], TensorType([channels]), TensorType([channels])]
        }

        package func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost {
            Cost(flops: 11 * inputs[0].shape.count)
        }
    }

    /// Normalization of each channel by given statistics, as in prediction.
    ///
    /// Inputs: `x [N, C, H, W]` or `[N, C]`, then `scale`, `shift`, `mean`, `variance`, all `[C]`. Output: `y`.
    public struct BatchNormInference: OperationRule {
        /// What keeps the root away from zero, ε.
        public var epsilon: Float

        package var name: String { "batchNormInference" }
        package var attributes: String { "epsilon \(epsilon)" }

        package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
            try expect(inputs, count: 5)
            _ = try checkedChannels(of: inputs)
            return [inputs[0]]
        }

        package func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost {
            Cost(flops: 2 * inputs[0].shape.count)
        }

        package func averagedAxes(of inputs: [TensorType]) -> [String]? {
            inputs[0].shape.rank == 4 ? ["N", "H", "W"] : ["N"]
        }

        // Frozen layers and pictures of what a network attends to need it.
        package func inputGradients(
            of node: Graph.Node, given outputGradients: [Graph.Value?], needed: [Bool], in graph: inout Graph
        ) throws(GraphError) -> [Graph.Value?] {
            guard let dy = outputGradients[0] else { return node.inputs.map { _ in nil } }
            guard !needed[3], !needed[4] else {
                throw GraphError(path: node.path, "the statistics of '\(name)' have no derivative")
            }
            let (x, scale, mean, variance) = (node.inputs[0], node.inputs[1], node.inputs[3], node.inputs[4])
            let channels = graph.shape(of: scale)
            var gradients = [Graph.Value?](repeating: nil, count: 5)
            if needed[0] {
                // dx = dy · scale / √(variance + ε): the operation itself, with nothing taken away and nothing added.
                let zeros = try graph.constant(0, channels)
                gradients[0] = try graph.batchNormInference(
                    dy, scale: scale, shift: zeros, mean: zeros, variance: variance, epsilon: epsilon)
            }
            if needed[1] {
                let normalized = try graph.batchNormInference(
                    x, scale: try graph.constant(1, channels), shift: try graph.constant(0, channels),
                    mean: mean,
                    variance: variance, epsilon: epsilon)
                gradients[1] = try graph.sumOverAllButChannels(try graph.multiply(dy, normalized))
            }
            if needed[2] { gradients[2] = try graph.sumOverAllButChannels(dy) }
            return gradients
        }
    }
}

extension OperationRule {
    /// The number of channels of the first input, after checking that every other is a vector over them.
    fileprivate func checkedChannels(of inputs: [TensorType]) throws(GraphError) -> Int {
        let x = inputs[0].shape
        guard x.rank == 4 || x.rank == 2 else {
            throw GraphError("batch normalization needs [N, C, H, W] or [N, C], not \(x)")
        }
        for input in inputs.dropFirst() where input.shape != [x[1]] {
            throw GraphError(
                "batch normalization of \(x[1]) channels needs vectors [\(x[1])], not \(input.shape)")
        }
        return x[1]
    }
}

extension Graph {
    /// `x [N, C, H, W]` or `[N, C]` normalized over all axes but the channels, with the running statistics updated after
    /// the run.
    public mutating func batchNorm(
        _ x: Value, scale: Value, shift: Value, runningMean: Value, runningVariance: Value, epsilon: Float,
        momentum: Float
    ) throws(GraphError) -> Value {
        let results = try apply(
            .batchNorm(Operation.BatchNorm(epsilon: epsilon, momentum: momentum)),
            to: [x, scale, shift, runningMean, runningVariance])
        try assign(results[3], to: runningMean)
        try assign(results[4], to: runningVariance)
        return results[0]
    }

    /// `x [N, C, H, W]` or `[N, C]` normalized by the given statistics.
    public mutating func batchNormInference(
        _ x: Value, scale: Value, shift: Value, mean: Value, variance: Value, epsilon: Float
    ) throws(GraphError) -> Value {
        try apply(
            .batchNormInference(Operation.BatchNormInference(epsilon: epsilon)),
            to: [x, scale, shift, mean, variance])[0]
    }
}

extension Graph {
    /// `x [N, C, H, W]` or `[N, C]` summed to `[C]`.
    fileprivate mutating func sumOverAllButChannels(_ x: Value) throws(GraphError) -> Value {
        let shape = shape(of: x)
        let kept = Shape([1, shape[1]] + Array(repeating: 1, count: shape.rank - 2))
        return try reshape(try reduceSum(x, to: kept), to: [shape[1]])
    }
}
