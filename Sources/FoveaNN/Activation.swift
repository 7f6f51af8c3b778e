import FoveaGraph

/// A function applied to each element.
///
/// Input and output have one shape.
public struct Activation: Layer {
    /// The function.
    public var function: ActivationFunction

    /// The given function.
    public init(_ function: ActivationFunction) {
        self.function = function
    }

    /// Adds the layer to the graph of `context`.
    public func apply(to input: Graph.Value, in context: inout BuildContext) throws(GraphError) -> Graph.Value
    {
        try context.graph.activation(function, input)
    }
}

/// The rectifier `max(0, x)`, with derivative 0 at 0.
public struct ReLU: Layer {
    /// The layer, which has no hyper-parameters.
    public init() {}

    /// Adds the layer to the graph of `context`.
    public func apply(to input: Graph.Value, in context: inout BuildContext) throws(GraphError) -> Graph.Value
    {
        try context.graph.activation(.relu, input)
    }
}

/// The hyperbolic tangent.
public struct Tanh: Layer {
    /// The layer, which has no hyper-parameters.
    public init() {}

    /// Adds the layer to the graph of `context`.
    public func apply(to input: Graph.Value, in context: inout BuildContext) throws(GraphError) -> Graph.Value
    {
        try context.graph.activation(.tanh, input)
    }
}

/// The logistic function `1 / (1 + exp(-x))`.
public struct Sigmoid: Layer {
    /// The layer, which has no hyper-parameters.
    public init() {}

    /// Adds the layer to the graph of `context`.
    public func apply(to input: Graph.Value, in context: inout BuildContext) throws(GraphError) -> Graph.Value
    {
        try context.graph.activation(.sigmoid, input)
    }
}
