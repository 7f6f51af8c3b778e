import FoveaTensor

extension Operation {
    /// The maximum or the average of the elements under a sliding window, for each channel apart.
    ///
    /// Padding never wins a maximum. In an average the padding counts as zeros (`countsPadding`) or not at all.
    ///
    /// Input: `x [N, C, H, W]`. Output: `y [N, C, H', W']`.
    public struct Pool: OperationRule {
        /// What is taken of the elements under the window.
        public enum Reduction: Hashable, Sendable {
            case maximum
            case average(countsPadding: Bool)
        }

        /// What is taken of the elements.
        public var reduction: Reduction
        /// The window that slides.
        public var poolWindow: Window

        package var name: String { "pool" }
        package var window: Window? { poolWindow }
        package var attributes: String {
            switch reduction {
            case .maximum: "max \(poolWindow)"
            case .average(let countsPadding):
                "average \(poolWindow)" + (countsPadding ? " counting padding" : "")
            }
        }

        package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
            try expect(inputs, count: 1)
            let x = inputs[0].shape
            guard x.rank == 4 else { throw GraphError("pooling needs images [N, C, H, W], not \(x)") }
            let size = try poolWindow.outputSize(over: Size2D(x[2], x[3]))
            let padding = poolWindow.padding
            guard max(padding.top, padding.bottom) < poolWindow.span.height,
                max(padding.left, padding.right) < poolWindow.span.width
            else {
                throw GraphError(
                    "padding \(padding) is not smaller than the pooling window \(poolWindow.kernel): a window could lie in the padding alone"
                )
            }
            guard poolWindow.hasTapInside(of: Size2D(x[2], x[3])) else {
                throw GraphError(
                    "with dilation \(poolWindow.dilation) and padding \(padding) a pooling window over \(x) lies in the padding alone"
                )
            }
            return [TensorType([x[0], x[1], size.height, size.width])]
        }

        package func inputGradients(
            of node: Graph.Node, given outputGradients: [Graph.Value?], needed: [Bool], in graph: inout Graph
        ) throws(GraphError) -> [Graph.Value?] {
            guard let dy = outputGradients[0] else { return [nil] }
            let operation = PoolGradient(pool: self)
            return [try graph.apply(.poolGradient(operation), to: [node.inputs[0], node.outputs[0], dy])[0]]
        }

        package func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost {
            Cost(flops: outputs[0].shape.count * poolWindow.tapCount)
        }
    }

    /// The gradient of pooling with respect to its input: a maximum passes it to the first of the largest elements in
    /// row-major order, an average in equal parts to all.
    ///
    /// Inputs: `x [N, C, H, W]`, `y [N, C, H', W']` (that pooling gave for `x`), `dy [N, C, H', W']`. Output: `dx`.
    public struct PoolGradient: OperationRule {
        /// The pooling that this differentiates.
        public var pool: Pool

        package var name: String { "poolGradient" }
        package var attributes: String { pool.attributes }

        package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
            try expect(inputs, count: 3)
            let forward = try pool.outputTypes(for: [inputs[0]])
            guard forward[0].shape == inputs[1].shape, inputs[1].shape == inputs[2].shape else {
                throw GraphError(
                    "the gradient \(inputs[2].shape) has not the shape of the output, \(forward[0].shape)")
            }
            return [inputs[0]]
        }

        package func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost {
            pool.cost(inputs: [inputs[0]], outputs: [inputs[1]])
        }
    }
}

extension Graph {
    /// The largest element of `x [N, C, H, W]` under `window`, for each channel.
    public mutating func maxPool(_ x: Value, _ window: Window) throws(GraphError) -> Value {
        try apply(.pool(Operation.Pool(reduction: .maximum, poolWindow: window)), to: [x])[0]
    }

    /// The mean of the elements of `x [N, C, H, W]` under `window`, for each channel.
    public mutating func averagePool(
        _ x: Value, _ window: Window, countsPadding: Bool = true
    ) throws(GraphError) -> Value {
        let reduction = Operation.Pool.Reduction.average(countsPadding: countsPadding)
        return try apply(.pool(Operation.Pool(reduction: reduction, poolWindow: window)), to: [x])[0]
    }

    /// The mean over the spatial axes: `[N, C, H, W]` to `[N, C, 1, 1]`.
    public mutating func globalAveragePool(_ x: Value) throws(GraphError) -> Value {
        let shape = shape(of: x)
        guard shape.rank == 4 else {
            throw GraphError(path: path, "global pooling needs images [N, C, H, W], not \(shape)")
        }
        return try averagePool(x, Window(kernel: Size2D(shape[2], shape[3])))
    }
}
