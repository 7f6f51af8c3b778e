import FoveaTensor

extension Operation {
    /// A tensor whose elements are all one number, made of no inputs.
    public struct Constant: OperationRule {
        /// The number.
        public var value: Float
        /// The shape of the result.
        public var shape: Shape

        package var name: String { "constant" }
        package var attributes: String { "\(value)" }

        package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
            try expect(inputs, count: 0)
            return [TensorType(shape)]
        }

        package func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost { Cost(flops: 0) }
    }

    /// The sum of two tensors, element by element; axes of extent 1 and missing leading axes are repeated.
    public struct Add: OperationRule {
        package var name: String { "add" }

        package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
            try expect(inputs, count: 2)
            return [TensorType(try Shape.broadcast(inputs[0].shape, inputs[1].shape))]
        }

        package func inputGradients(
            of node: Graph.Node, given outputGradients: [Graph.Value?], needed: [Bool], in graph: inout Graph
        ) throws(GraphError) -> [Graph.Value?] {
            guard let dy = outputGradients[0] else { return [nil, nil] }
            return [
                needed[0] ? try graph.reduceSum(dy, to: graph.shape(of: node.inputs[0])) : nil,
                needed[1] ? try graph.reduceSum(dy, to: graph.shape(of: node.inputs[1])) : nil,
            ]
        }
    }

    /// The product of two tensors, element by element; axes of extent 1 and missing leading axes are repeated.
    public struct Multiply: OperationRule {
        package var name: String { "multiply" }

        package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
            try expect(inputs, count: 2)
            return [TensorType(try Shape.broadcast(inputs[0].shape, inputs[1].shape))]
        }

        package func inputGradients(
            of node: Graph.Node, given outputGradients: [Graph.Value?], needed: [Bool], in graph: inout Graph
        ) throws(GraphError) -> [Graph.Value?] {
            guard let dy = outputGradients[0] else { return [nil, nil] }
            var gradients: [Graph.Value?] = [nil, nil]
            for side in 0..<2 where needed[side] {
                let product = try graph.multiply(dy, node.inputs[1 - side])
                gradients[side] = try graph.reduceSum(product, to: graph.shape(of: node.inputs[side]))
            }
            return gradients
        }
    }

    /// The product of a tensor and a fixed number.
    public struct Scale: OperationRule {
        /// The number multiplied by.
        public var factor: Float

        package var name: String { "scale" }
        package var attributes: String { "\(factor)" }

        package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
            try expect(inputs, count: 1)
            return inputs
        }

        package func inputGradients(
            of node: Graph.Node, given outputGradients: [Graph.Value?], needed: [Bool], in graph: inout Graph
        ) throws(GraphError) -> [Graph.Value?] {
            guard let dy = outputGradients[0] else { return [nil] }
            return [try graph.scale(dy, by: factor)]
        }
    }

    /// A tensor repeated along the axes that it lacks or has with extent 1.
    public struct Broadcast: OperationRule {
        /// The shape of the result.
        public var shape: Shape

        package var name: String { "broadcast" }
        package var attributes: String { "to \(shape)" }

        package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
            try expect(inputs, count: 1)
            guard try Shape.broadcast(inputs[0].shape, shape) == shape else {
                throw GraphError("\(inputs[0].shape) does not broadcast to \(shape)")
            }
            return [TensorType(shape)]
        }

        package func inputGradients(
            of node: Graph.Node, given outputGradients: [Graph.Value?], needed: [Bool], in graph: inout Graph
        ) throws(GraphError) -> [Graph.Value?] {
            guard let dy = outputGradients[0] else { return [nil] }
            return [try graph.reduceSum(dy, to: graph.shape(of: node.inputs[0]))]
        }
    }

    /// The sum over the axes that `shape` lacks or has with extent 1: what undoes a broadcast.
    public struct ReduceSum: OperationRule {
        /// The shape of the result.
        public var shape: Shape

        package var name: String { "reduceSum" }
        package var attributes: String { "to \(shape)" }

        package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
            try expect(inputs, count: 1)
            guard try Shape.broadcast(inputs[0].shape, shape) == inputs[0].shape else {
                throw GraphError("\(inputs[0].shape) does not sum to \(shape)")
            }
            return [TensorType(shape)]
        }

        package func inputGradients(
            of node: Graph.Node, given outputGradients: [Graph.Value?], needed: [Bool], in graph: inout Graph
        ) throws(GraphError) -> [Graph.Value?] {
            guard let dy = outputGradients[0] else { return [nil] }
            return [try graph.broadcast(dy, to: graph.shape(of: node.inputs[0]))]
        }

        package func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost {
            Cost(flops: inputs[0].shape.count)
        }
    }
}

extension Shape {
    /// The shape of an element-by-element result of operands with the shapes `left` and `right`.
    package static func broadcast(_ left: Shape, _ right: Shape) throws(GraphError) -> Shape {
        let rank = max(left.rank, right.rank)
        let a = [Int](repeating: 1, count: rank - left.rank) + left.dimensions
        let b = [Int](repeating: 1, count: rank - right.rank) + right.dimensions
        var result = a
        for axis in 0..<rank where a[axis] != b[axis] {
            guard a[axis] == 1 || b[axis] == 1 else {
                throw GraphError(
                    "\(left) and \(right) do not broadcast: in each axis, counted from the last, the extents must be equal or one of them 1"
                )
            }
            result[axis] = a[axis] == 1 ? b[axis] : a[axis]
        }
        return Shape(result)
    }
}

extension Graph {
    /// A tensor of `shape` whose elements are all `value`.
    public mutating func constant(_ value: Float, _ shape: Shape = .scalar) throws(GraphError) -> Value {
        try apply(.constant(Operation.Constant(value: value, shape: shape)), to: [])[0]
    }

    /// `left + right`, broadcast.
    public mutating func add(_ left: Value, _ right: Value) throws(GraphError) -> Value {
        try apply(.add(Operation.Add()), to: [left, right])[0]
    }

    /// `left · right` element by element, broadcast.
    public mutating func multiply(_ left: Value, _ right: Value) throws(GraphError) -> Value {
        try apply(.multiply(Operation.Multiply()), to: [left, right])[0]
    }

    /// `factor · x`.
    public mutating func scale(_ x: Value, by factor: Float) throws(GraphError) -> Value {
        try apply(.scale(Operation.Scale(factor: factor)), to: [x])[0]
    }

    /// `x` repeated to `shape`.
    public mutating func broadcast(_ x: Value, to shape: Shape) throws(GraphError) -> Value {
        self.shape(of: x) == shape ? x : try apply(.broadcast(Operation.Broadcast(shape: shape)), to: [x])[0]
    }

    /// `x` summed to `shape`.
    public mutating func reduceSum(_ x: Value, to shape: Shape) throws(GraphError) -> Value {
        self.shape(of: x) == shape ? x : try apply(.reduceSum(Operation.ReduceSum(shape: shape)), to: [x])[0]
    }
}
