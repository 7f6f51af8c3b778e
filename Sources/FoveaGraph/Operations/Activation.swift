import FoveaTensor

extension Operation {
    /// A function applied to each element.
    ///
    /// Input: `x`, any shape. Output: `y`, the same shape.
    public struct Activation: OperationRule {
        /// The function applied.
        public var function: ActivationFunction

        package var name: String { "activation" }
        package var attributes: String { "\(function)" }

        package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
            try expect(inputs, count: 1)
            return inputs
        }

        package func inputGradients(
            of node: Graph.Node, given outputGradients: [Graph.Value?], needed: [Bool], in graph: inout Graph
        ) throws(GraphError) -> [Graph.Value?] {
            guard let dy = outputGradients[0] else { return [nil] }
            let operation = ActivationGradient(function: function)
            return [try graph.apply(.activationGradient(operation), to: [node.outputs[0], dy])[0]]
        }
    }

    /// The gradient of an activation with respect to its input, from its output.
    ///
    /// Inputs: `y`, `dy`, of one shape. Output: `dx = f'(x) dy`.
    public struct ActivationGradient: OperationRule {
        /// The function applied.
        public var function: ActivationFunction

        package var name: String { "activationGradient" }
        package var attributes: String { "\(function)" }

        package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
            try expect(inputs, count: 2)
            guard inputs[0] == inputs[1] else {
                throw GraphError(
                    "the gradient \(inputs[1].shape) has not the shape of the output, \(inputs[0].shape)")
            }
            return [inputs[0]]
        }
    }
}

/// A function of one number whose derivative follows from its value.
public enum ActivationFunction: Hashable, Sendable, CaseIterable {
    /// `max(0, x)`; derivative 0 at 0.
    case relu
    /// The hyperbolic tangent; derivative `1 - y²`.
    case tanh
    /// `1 / (1 + exp(-x))`; derivative `y (1 - y)`.
    case sigmoid
}

extension Graph {
    /// `function` of each element of `x`.
    public mutating func activation(_ function: ActivationFunction, _ x: Value) throws(GraphError) -> Value {
        try apply(.activation(Operation.Activation(function: function)), to: [x])[0]
    }
}
