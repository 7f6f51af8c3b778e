import FoveaTensor

extension Operation {
    /// An affine map of vectors: `y = x wᵀ + b`.
    ///
    /// Inputs: `x [N, F]`, `w [units, F]`, optionally `b [units]`. Output: `y [N, units]`.
    public struct Dense: OperationRule {
        package var name: String { "dense" }

        package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
            try expect(inputs, count: 2, 3)
            let (x, weight) = (inputs[0].shape, inputs[1].shape)
            guard x.rank == 2 else {
                throw GraphError(
                    "a dense layer needs vectors [N, F], not \(x); flatten or pool globally before it")
            }
            guard weight.rank == 2, weight[1] == x[1] else {
                throw GraphError(
                    "the weight of a dense layer on \(x[1]) features is [units, \(x[1])], not \(weight)")
            }
            if inputs.count == 3, inputs[2].shape != [weight[0]] {
                throw GraphError("the bias of \(weight[0]) units is [\(weight[0])], not \(inputs[2].shape)")
            }
            return [TensorType([x[0], weight[0]])]
        }

        package func inputGradients(
            of node: Graph.Node, given outputGradients: [Graph.Value?], needed: [Bool], in graph: inout Graph
        ) throws(GraphError) -> [Graph.Value?] {
            guard let dy = outputGradients[0] else { return node.inputs.map { _ in nil } }
            var gradients = [Graph.Value?](repeating: nil, count: node.inputs.count)
            if needed[0] {
                gradients[0] = try graph.apply(
                    .denseInputGradient(DenseInputGradient()), to: [dy, node.inputs[1]])[0]
            }
            if needed.dropFirst().contains(true) {
                let operation = DenseParameterGradient(hasBias: node.inputs.count == 3)
                let results = try graph.apply(.denseParameterGradient(operation), to: [node.inputs[0], dy])
                gradients.replaceSubrange(1..., with: results.map(Optional.some))
            }
            return gradients
        }

        package func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost {
            Cost(macs: inputs[0].shape[0] * inputs[1].shape.count)
        }
    }

    /// The gradient of a dense layer with respect to its input: `dx = dy w`.
    ///
    /// Inputs: `dy [N, units]`, `w [units, F]`. Output: `dx [N, F]`.
    public struct DenseInputGradient: OperationRule {
        package var name: String { "denseInputGradient" }

        package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
            try expect(inputs, count: 2)
            let (dy, weight) = (inputs[0].shape, inputs[1].shape)
            guard dy.rank == 2, weight.rank == 2, dy[1] == weight[0] else {
                throw GraphError("the gradient \(dy) does not fit the weight \(weight)")
            }
            return [TensorType([dy[0], weight[1]])]
        }

        package func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost {
            Cost(macs: inputs[0].shape[0] * inputs[1].shape.count)
        }
    }

    /// The gradient of a dense layer with respect to its weight and bias: `dw = dyᵀ x`, `db[k] = Σ(n) dy[n,k]`.
    ///
    /// Inputs: `x [N, F]`, `dy [N, units]`. Outputs: `dw [units, F]` and, with a bias, `db [units]`.
    public struct DenseParameterGradient: OperationRule {
        /// Whether there is a bias to be differentiated for.
        public var hasBias: Bool

        package var name: String { "denseParameterGradient" }
        package var attributes: String { hasBias ? "bias" : "" }

        package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
            try expect(inputs, count: 2)
            let (x, dy) = (inputs[0].shape, inputs[1].shape)
            guard x.rank == 2, dy.rank == 2, x[0] == dy[0] else {
                throw GraphError("the gradient \(dy) does not fit the input \(x)")
            }
            return [TensorType([dy[1], x[1]])] + (hasBias ? [TensorType([dy[1]])] : [])
        }

        package func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost {
            Cost(macs: inputs[0].shape[0] * outputs[0].shape.count)
        }
    }
}

extension Graph {
    /// The affine map `x wᵀ + b` of `x [N, F]` by `weight [units, F]` and `bias [units]`.
    public mutating func dense(_ x: Value, weight: Value, bias: Value? = nil) throws(GraphError) -> Value {
        try apply(.dense(Operation.Dense()), to: [x, weight] + (bias.map { [$0] } ?? []))[0]
    }
}
