import FoveaGraph

/// Adam with a decay of the weights that the moments do not see.
///
/// As ``Adam``, with `w' = w - rate · (… + weightDecay · w)`. As in PyTorch, the decay is scaled by the rate
/// and acts on every parameter, biases and normalization included.
///
/// Slots: `firstMoment` and `secondMoment`.
///
/// Source: Loshchilov and Hutter 2019, algorithm 2, with the decay scaled by the rate.
public struct AdamW: Optimizer {
    /// The name in configurations.
    public static let name = "adamw"

    /// The share of the first moment that is kept, in [0, 1).
    public var beta1: Float
    /// The share of the second moment that is kept, in [0, 1).
    public var beta2: Float
    /// The floor of the divisor, above 0.
    public var epsilon: Float
    /// The strength of the decoupled decay of weights.
    public var weightDecay: Float

    /// AdamW with the given settings.
    public init(beta1: Float = 0.9, beta2: Float = 0.999, epsilon: Float = 1e-8, weightDecay: Float = 0.01) {
        self.beta1 = beta1
        self.beta2 = beta2
        self.epsilon = epsilon
        self.weightDecay = weightDecay
    }

    /// Reads the settings, with the defaults for those that are missing.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            beta1: try container.decodeIfPresent(Float.self, forKey: .beta1) ?? 0.9,
            beta2: try container.decodeIfPresent(Float.self, forKey: .beta2) ?? 0.999,
            epsilon: try container.decodeIfPresent(Float.self, forKey: .epsilon) ?? 1e-8,
            weightDecay: try container.decodeIfPresent(Float.self, forKey: .weightDecay) ?? 0.01)
    }

    /// Throws where a setting has no meaning.
    public func validate() throws(TrainingError) {
        try check("Adam", "beta1", beta1, beta1 >= 0 && beta1 < 1, "in [0, 1)")
        try check("Adam", "beta2", beta2, beta2 >= 0 && beta2 < 1, "in [0, 1)")
        try check("Adam", "epsilon", epsilon, epsilon > 0, "above 0")
        try check("AdamW", "the weight decay", weightDecay, weightDecay >= 0, "0 or more")
    }

    /// Adds the update of one parameter to the graph.
    public func update(
        of parameter: Graph.Value, gradient: Graph.Value, learningRate: Graph.Value, in graph: inout Graph
    ) throws(GraphError) {
        let first = try graph.slot("firstMoment", of: parameter)
        let second = try graph.slot("secondMoment", of: parameter)
        let results = try graph.adam(
            parameter, gradient: gradient, moments: (first, second), step: try graph.stepInput(),
            learningRate: learningRate, beta1: beta1, beta2: beta2, epsilon: epsilon, weightDecay: weightDecay
        )
        try graph.assign(results[0], to: parameter)
        try graph.assign(results[1], to: first)
        try graph.assign(results[2], to: second)
    }
}
