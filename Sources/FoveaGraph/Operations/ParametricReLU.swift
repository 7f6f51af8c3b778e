import FoveaTensor

extension Operation {
    /// A rectifier whose slope below zero is a parameter.
    ///
    /// `y = x` above 0, else `weight · x`, with one weight for each channel or one for all.
    ///
    /// Inputs: `x [N, C, H, W]` or `[N, C]`, `weight [C]` or `[1]`. Output: `y`, the shape of `x`.
    ///
    /// Source: He et al. 2015, "Delving deep into rectifiers", equation 1.
    public struct ParametricReLU: OperationRule {
        package var name: String { "parametricReLU" }

        package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
            try expect(inputs, count: 2)
            try checkSlopes(inputs[1].shape, over: inputs[0].shape)
            return [inputs[0]]
        }

        package func inputGradients(
            of node: Graph.Node, given outputGradients: [Graph.Value?], needed: [Bool], in graph: inout Graph
        ) throws(GraphError) -> [Graph.Value?] {
            guard let dy = outputGradients[0] else { return [nil, nil] }
            return try graph.apply(.parametricReLUGradient(ParametricReLUGradient()), to: node.inputs + [dy])
        }

        package func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost {
            Cost(flops: 2 * outputs[0].shape.count)
        }
    }

    /// The gradient of a parametric rectifier: `dx = dy` above 0, else `weight · dy`; `dweight = Σ x · dy` over the elements
    /// at or below 0.
    ///
    /// Inputs: `x`, `weight`, `dy`. Outputs: `dx`, `dweight`.
    public struct ParametricReLUGradient: OperationRule {
        package var name: String { "parametricReLUGradient" }

        package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
            try expect(inputs, count: 3)
            try checkSlopes(inputs[1].shape, over: inputs[0].shape)
            guard inputs[2] == inputs[0] else {
                throw GraphError(
                    "the gradient \(inputs[2].shape) has not the shape of the output, \(inputs[0].shape)")
            }
            return [inputs[0], inputs[1]]
        }

        package func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost {
            Cost(flops: 4 * inputs[0].shape.count)
        }
    }
}

extension OperationRule {
    fileprivate func checkSlopes(_ weight: Shape, over x: Shape) throws(GraphError) {
        guard x.rank == 4 || x.rank == 2 else {
            throw GraphError("a parametric ReLU needs [N, C, H, W] or [N, C], not \(x)")
        }
        guard weight == [x[1]] || weight == [1] else {
            throw GraphError(
                "a parametric ReLU over \(x) has a slope for each channel, [\(x[1])], or one, [1], not \(weight)"
            )
        }
    }
}

extension Graph {
    /// `x [N, C, H, W]` or `[N, C]` where it is above 0, else times `weight`, `[C]` or `[1]`.
    public mutating func parametricReLU(_ x: Value, weight: Value) throws(GraphError) -> Value {
        try apply(.parametricReLU(Operation.ParametricReLU()), to: [x, weight])[0]
    }
}
