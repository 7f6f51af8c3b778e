import FoveaTensor

extension Operation {
    /// Zeros at random places, the rest scaled up so that the mean stays: `y = x · keep / (1 - rate)`.
    ///
    /// Whether element `i` (in row-major order) is kept is `uniform(i) >= rate` of the random numbers for
    /// `.dropout(stream)` under the seed and step given at the run. It is a function of these alone, so no mask is stored
    /// and the derivative is the same operation on the gradient.
    ///
    /// Inputs: `x`, any shape, `seed` int32 `[2]` (low word first), `step` int32 scalar. Output: `y`.
    ///
    /// Source: Srivastava et al. 2014, with the scaling in training rather than in prediction.
    public struct Dropout: OperationRule {
        /// The share of elements dropped.
        public var rate: Float
        /// The number of the stream of random numbers.
        public var stream: Int

        package var name: String { "dropout" }
        package var attributes: String { "\(rate) stream \(stream)" }

        package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
            try expect(inputs, count: 3, other: [1, 2])
            guard rate >= 0, rate < 1 else {
                throw GraphError("the rate of dropout is in [0, 1), not \(rate)")
            }
            guard inputs[1] == TensorType([2], .int32), inputs[2] == TensorType(.scalar, .int32) else {
                throw GraphError("dropout takes a seed int32[2] and a step int32[]")
            }
            return [inputs[0]]
        }

        package func inputGradients(
            of node: Graph.Node, given outputGradients: [Graph.Value?], needed: [Bool], in graph: inout Graph
        ) throws(GraphError) -> [Graph.Value?] {
            guard let dy = outputGradients[0] else { return [nil, nil, nil] }
            return [try graph.apply(.dropout(self), to: [dy, node.inputs[1], node.inputs[2]])[0], nil, nil]
        }
    }
}

extension Graph {
    /// `x` with a share `rate` of its elements set to zero, others in each step.
    ///
    /// Declares the inputs `seed` and `step` where they are not there yet.
    public mutating func dropout(_ x: Value, rate: Float) throws(GraphError) -> Value {
        let stream = nodes.count { if case .dropout = $0.operation { true } else { false } }
        return try apply(
            .dropout(Operation.Dropout(rate: rate, stream: stream)),
            to: [x, try seedInput(), try stepInput()])[0]
    }

    /// The input `seed`, int32 `[2]`, low word first.
    package mutating func seedInput() throws(GraphError) -> Value {
        if let seed = existingInput("seed") { seed } else { try input("seed", TensorType([2], .int32)) }
    }

    /// The input `step`, an int32 scalar: the number of steps made before this one.
    package mutating func stepInput() throws(GraphError) -> Value {
        if let step = existingInput("step") { step } else { try input("step", TensorType(.scalar, .int32)) }
    }

    private func existingInput(_ name: String) -> Value? {
        inputs.first { $0.name == name }?.value
    }
}
