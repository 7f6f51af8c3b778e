import FoveaTensor

extension Operation {
    /// Tensors joined along an axis, in the order given.
    public struct Concatenate: OperationRule {
        /// The axis concerned.
        public var axis: Int

        package var name: String { "concatenate" }
        package var attributes: String { "axis \(axis)" }

        package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
            guard let first = inputs.first else { throw GraphError("nothing to concatenate") }
            try expectReal(inputs)
            guard first.shape.dimensions.indices.contains(axis) else {
                throw GraphError("\(first.shape) has no axis \(axis) to concatenate along")
            }
            var result = first
            for input in inputs.dropFirst() {
                var expected = first.shape
                if input.shape.rank == expected.rank { expected[axis] = input.shape[axis] }
                guard input.shape == expected else {
                    throw GraphError(
                        "\(first.shape) and \(input.shape) do not concatenate along axis \(axis): all other extents must be equal"
                    )
                }
                result.shape[axis] += input.shape[axis]
            }
            return [result]
        }

        package func inputGradients(
            of node: Graph.Node, given outputGradients: [Graph.Value?], needed: [Bool], in graph: inout Graph
        ) throws(GraphError) -> [Graph.Value?] {
            guard let dy = outputGradients[0] else { return node.inputs.map { _ in nil } }
            var gradients: [Graph.Value?] = []
            var start = 0
            for (input, isNeeded) in zip(node.inputs, needed) {
                let extent = graph.shape(of: input)[axis]
                gradients.append(
                    isNeeded ? try graph.slice(dy, axis: axis, start: start, count: extent) : nil)
                start += extent
            }
            return gradients
        }

        package func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost { Cost(flops: 0) }
    }

    /// The part of a tensor from `start` on, `count` long, along an axis.
    public struct Slice: OperationRule {
        /// The axis concerned.
        public var axis: Int
        /// The first element taken.
        public var start: Int
        /// The number of elements taken.
        public var count: Int

        package var name: String { "slice" }
        package var attributes: String { "axis \(axis) from \(start) count \(count)" }

        package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
            try expect(inputs, count: 1)
            var type = inputs[0]
            guard type.shape.dimensions.indices.contains(axis), start >= 0, count > 0,
                start + count <= type.shape[axis]
            else {
                throw GraphError("\(type.shape) has no slice of \(count) from \(start) along axis \(axis)")
            }
            type.shape[axis] = count
            return [type]
        }

        package func inputGradients(
            of node: Graph.Node, given outputGradients: [Graph.Value?], needed: [Bool], in graph: inout Graph
        ) throws(GraphError) -> [Graph.Value?] {
            guard let dy = outputGradients[0] else { return [nil] }
            let whole = graph.shape(of: node.inputs[0])
            var parts = [dy]
            var rest = whole
            rest[axis] = start
            if start > 0 { parts.insert(try graph.constant(0, rest), at: 0) }
            rest[axis] = whole[axis] - start - count
            if rest[axis] > 0 { parts.append(try graph.constant(0, rest)) }
            return [parts.count == 1 ? dy : try graph.concatenate(parts, axis: axis)]
        }

        package func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost { Cost(flops: 0) }
    }

    /// The same elements in row-major order under another shape.
    public struct Reshape: OperationRule {
        /// The shape of the result.
        public var shape: Shape

        package var name: String { "reshape" }
        package var attributes: String { "to \(shape)" }

        package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
            try expect(inputs, count: 1)
            guard inputs[0].shape.count == shape.count else {
                throw GraphError("\(inputs[0].shape) has not the number of elements of \(shape)")
            }
            return [TensorType(shape, inputs[0].dtype)]
        }

        package func inputGradients(
            of node: Graph.Node, given outputGradients: [Graph.Value?], needed: [Bool], in graph: inout Graph
        ) throws(GraphError) -> [Graph.Value?] {
            guard let dy = outputGradients[0] else { return [nil] }
            return [try graph.reshape(dy, to: graph.shape(of: node.inputs[0]))]
        }

        package func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost { Cost(flops: 0) }
    }
}

extension Graph {
    /// `parts` joined along `axis`.
    public mutating func concatenate(_ parts: [Value], axis: Int = 1) throws(GraphError) -> Value {
        try apply(.concatenate(Operation.Concatenate(axis: axis)), to: parts)[0]
    }

    /// The `count` elements of `x` from `start` on along `axis`.
    public mutating func slice(_ x: Value, axis: Int = 1, start: Int, count: Int) throws(GraphError) -> Value
    {
        try apply(.slice(Operation.Slice(axis: axis, start: start, count: count)), to: [x])[0]
    }

    /// `x` under another shape.
    public mutating func reshape(_ x: Value, to shape: Shape) throws(GraphError) -> Value {
        try apply(.reshape(Operation.Reshape(shape: shape)), to: [x])[0]
    }

    /// `x [N, ...]` as vectors `[N, F]`; images in the order C, H, W.
    public mutating func flatten(_ x: Value) throws(GraphError) -> Value {
        let shape = shape(of: x)
        guard shape.rank >= 1 else { throw GraphError(path: path, "a scalar cannot be flattened") }
        if shape.rank == 2 { return x }
        return try reshape(x, to: [shape[0], shape.dimensions.dropFirst().reduce(1, *)])
    }
}
