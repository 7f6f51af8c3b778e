import FoveaGraph

/// Stochastic gradient descent, with momentum where asked for.
///
/// With `g = dw + weightDecay · w`: `v' = momentum · v + g` and `w' = w - rate · v'`; with Nesterov's
/// look-ahead `w' = w - rate · (g + momentum · v')`; without momentum `w' = w - rate · g`, and nothing is
/// remembered. PyTorch's form: the rate is outside of the velocity, there is no dampening, and the decay is
/// coupled (an L2 penalty on every parameter, biases and normalization included; a network's `regularizer`
/// spares those).
///
/// Slot: `momentum`, where there is one.
public struct SGD: Optimizer {
    /// The name in configurations.
    public static let name = "sgd"

    /// The share of the velocity that is kept, in [0, 1).
    public var momentum: Float
    /// Whether the gradient is taken to be that of the place one velocity ahead, in PyTorch's form.
    public var nesterov: Bool
    /// The strength of the coupled decay of weights.
    public var weightDecay: Float

    /// Gradient descent with the given settings.
    public init(momentum: Float = 0, nesterov: Bool = false, weightDecay: Float = 0) {
        self.momentum = momentum
        self.nesterov = nesterov
        self.weightDecay = weightDecay
    }

    /// Reads the settings, with the defaults for those that are missing.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            momentum: try container.decodeIfPresent(Float.self, forKey: .momentum) ?? 0,
            nesterov: try container.decodeIfPresent(Bool.self, forKey: .nesterov) ?? false,
            weightDecay: try container.decodeIfPresent(Float.self, forKey: .weightDecay) ?? 0)
    }

    /// Throws where a setting has no meaning.
    public func validate() throws(TrainingError) {
        try check("SGD", "the momentum", momentum, momentum >= 0 && momentum < 1, "in [0, 1)")
        try check("SGD", "the weight decay", weightDecay, weightDecay >= 0, "0 or more")
        guard !nesterov || momentum > 0 else {
            throw TrainingError(
                .configuration, "Nesterov's look-ahead needs a momentum; set one, such as 0.9")
        }
    }

    /// Adds the update of one parameter to the graph.
    public func update(
        of parameter: Graph.Value, gradient: Graph.Value, learningRate: Graph.Value, in graph: inout Graph
    ) throws(GraphError) {
        let velocity = momentum == 0 ? nil : try graph.slot("momentum", of: parameter)
        let results = try graph.sgd(
            parameter, gradient: gradient, velocity: velocity, learningRate: learningRate, momentum: momentum,
            usesNesterov: nesterov, weightDecay: weightDecay)
        try graph.assign(results[0], to: parameter)
        if let velocity { try graph.assign(results[1], to: velocity) }
    }
}
