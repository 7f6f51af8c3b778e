import FoveaTensor

extension Operation {
    /// Probabilities from logits over the last axis: `y[k] = exp(x[k] - max x) / Σ(j) exp(x[j] - max x)`.
    ///
    /// Input: `x [N, K]`. Output: `y [N, K]`.
    public struct Softmax: OperationRule {
        package var name: String { "softmax" }

        package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
            try expect(inputs, count: 1)
            guard inputs[0].shape.rank == 2 else {
                throw GraphError("softmax needs [N, K], not \(inputs[0].shape)")
            }
            return inputs
        }

        package func inputGradients(
            of node: Graph.Node, given outputGradients: [Graph.Value?], needed: [Bool], in graph: inout Graph
        ) throws(GraphError) -> [Graph.Value?] {
            guard let dy = outputGradients[0] else { return [nil] }
            return [try graph.apply(.softmaxGradient(SoftmaxGradient()), to: [node.outputs[0], dy])[0]]
        }

        package func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost {
            Cost(flops: 4 * inputs[0].shape.count)
        }
    }

    /// The gradient of softmax: `dx = y · (dy - Σ(j) dy[j] y[j])`.
    ///
    /// Inputs: `y [N, K]`, `dy [N, K]`. Output: `dx [N, K]`.
    public struct SoftmaxGradient: OperationRule {
        package var name: String { "softmaxGradient" }

        package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
            try expect(inputs, count: 2)
            guard inputs[0] == inputs[1], inputs[0].shape.rank == 2 else {
                throw GraphError(
                    "the gradient \(inputs[1].shape) has not the shape of the output, \(inputs[0].shape)")
            }
            return [inputs[0]]
        }
    }

    /// The mean over the batch of the cross-entropy of logits against class numbers:
    /// `loss = 1/N Σ(n) (log Σ(k) exp x[n,k] - x[n, label n])`, computed with the largest logit taken out.
    ///
    /// Inputs: `logits [N, K]`, `labels` int32 `[N]` in `0 ..< K`. Output: a scalar. A label out of range gives NaN.
    public struct SoftmaxCrossEntropy: OperationRule {
        package var name: String { "softmaxCrossEntropy" }

        package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
            try expect(inputs, count: 2, other: [1])
            try checkLabels(inputs)
            return [TensorType(.scalar)]
        }

        package func inputGradients(
            of node: Graph.Node, given outputGradients: [Graph.Value?], needed: [Bool], in graph: inout Graph
        ) throws(GraphError) -> [Graph.Value?] {
            guard let dy = outputGradients[0] else { return [nil, nil] }
            let operation = Operation.softmaxCrossEntropyGradient(SoftmaxCrossEntropyGradient())
            return [try graph.apply(operation, to: [node.inputs[0], node.inputs[1], dy])[0], nil]
        }

        package func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost {
            Cost(flops: 4 * inputs[0].shape.count)
        }
    }

    /// The gradient of the softmax cross-entropy: `dx[n,k] = dloss / N · (softmax(x)[n,k] - (k = label n))`.
    ///
    /// Inputs: `logits [N, K]`, `labels` int32 `[N]`, `dloss` scalar. Output: `dlogits [N, K]`.
    public struct SoftmaxCrossEntropyGradient: OperationRule {
        package var name: String { "softmaxCrossEntropyGradient" }

        package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
            try expect(inputs, count: 3, other: [1])
            try checkLabels(inputs)
            return [inputs[0]]
        }

        package func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost {
            Cost(flops: 5 * inputs[0].shape.count)
        }
    }

    /// The squared error summed over the outputs and averaged over the batch: `loss = 1/N Σ(n,k) (x[n,k] - t[n,k])²`.
    ///
    /// Inputs: `prediction [N, ...]` and `target`, of one shape. Output: a scalar. PyTorch's `MSELoss` divides by the number
    /// of outputs too.
    public struct MeanSquaredError: OperationRule {
        package var name: String { "meanSquaredError" }

        package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
            try expect(inputs, count: 2)
            try checkTarget(inputs)
            return [TensorType(.scalar)]
        }

        package func inputGradients(
            of node: Graph.Node, given outputGradients: [Graph.Value?], needed: [Bool], in graph: inout Graph
        ) throws(GraphError) -> [Graph.Value?] {
            guard let dy = outputGradients[0] else { return [nil, nil] }
            let operation = Operation.meanSquaredErrorGradient(MeanSquaredErrorGradient())
            let gradient = try graph.apply(operation, to: [node.inputs[0], node.inputs[1], dy])[0]
            return [gradient, needed[1] ? try graph.scale(gradient, by: -1) : nil]
        }

        package func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost {
            Cost(flops: 3 * inputs[0].shape.count)
        }
    }

    /// The gradient of the mean squared error with respect to the prediction: `dx = dloss · 2/N · (x - t)`.
    ///
    /// Inputs: `prediction [N, ...]`, `target`, `dloss` scalar. Output: `dx`.
    public struct MeanSquaredErrorGradient: OperationRule {
        package var name: String { "meanSquaredErrorGradient" }

        package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
            try expect(inputs, count: 3)
            try checkTarget(inputs)
            return [inputs[0]]
        }
    }

    /// The sum of the squares of all elements; half of it times a strength is the L2 penalty of a weight.
    ///
    /// Input: `x`, any shape. Output: a scalar.
    public struct SumOfSquares: OperationRule {
        package var name: String { "sumOfSquares" }

        package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
            try expect(inputs, count: 1)
            return [TensorType(.scalar)]
        }

        package func inputGradients(
            of node: Graph.Node, given outputGradients: [Graph.Value?], needed: [Bool], in graph: inout Graph
        ) throws(GraphError) -> [Graph.Value?] {
            guard let dy = outputGradients[0] else { return [nil] }
            return [try graph.multiply(node.inputs[0], try graph.scale(dy, by: 2))]
        }

        package func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost {
            Cost(flops: 2 * inputs[0].shape.count)
        }
    }
}

extension OperationRule {
    fileprivate func checkLabels(_ inputs: [TensorType]) throws(GraphError) {
        let (logits, labels) = (inputs[0].shape, inputs[1])
        guard logits.rank == 2 else { throw GraphError("cross-entropy needs logits [N, K], not \(logits)") }
        guard labels == TensorType([logits[0]], .int32) else {
            throw GraphError(
                "cross-entropy of logits \(logits) needs labels int32[\(logits[0])], not \(labels)")
        }
    }

    fileprivate func checkTarget(_ inputs: [TensorType]) throws(GraphError) {
        guard inputs[0] == inputs[1], inputs[0].shape.rank >= 1 else {
            throw GraphError(
                "the target \(inputs[1].shape) has not the shape of the prediction, \(inputs[0].shape)")
        }
    }
}

extension Graph {
    /// Probabilities from `logits [N, K]`.
    public mutating func softmax(_ logits: Value) throws(GraphError) -> Value {
        try apply(.softmax(Operation.Softmax()), to: [logits])[0]
    }

    /// The mean cross-entropy of `logits [N, K]` against `labels [N]`.
    public mutating func softmaxCrossEntropy(_ logits: Value, labels: Value) throws(GraphError) -> Value {
        try apply(.softmaxCrossEntropy(Operation.SoftmaxCrossEntropy()), to: [logits, labels])[0]
    }

    /// The squared error of `prediction` against `target`, summed over outputs and averaged over the batch.
    public mutating func meanSquaredError(_ prediction: Value, target: Value) throws(GraphError) -> Value {
        try apply(.meanSquaredError(Operation.MeanSquaredError()), to: [prediction, target])[0]
    }

    /// The L2 penalty `strength / 2 · Σ x²`, whose gradient is `strength · x` (PyTorch's `weight_decay`).
    public mutating func l2Penalty(_ x: Value, strength: Float) throws(GraphError) -> Value {
        try scale(try apply(.sumOfSquares(Operation.SumOfSquares()), to: [x])[0], by: strength / 2)
    }
}
