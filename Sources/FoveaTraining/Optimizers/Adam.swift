import FoveaGraph

/// Adam: steps of a size that the gradient's own first and second moments set.
///
/// `m' = β₁ m + (1 - β₁) dw`, `v' = β₂ v + (1 - β₂) dw²`, and with `t` the number of this step, from 1, `w' =
/// w - rate · (m' / (1 - β₁ᵗ)) / (√(v' / (1 - β₂ᵗ)) + ε)`. The ε is outside of the root and after the
/// correction, as in PyTorch.
///
/// Slots: `firstMoment` and `secondMoment`.
///
/// Source: Kingma and Ba 2015, algorithm 1.
public struct Adam: Optimizer {
    /// The name in configurations.
    public static let name = "adam"

    /// The share of the first moment that is kept, in [0, 1).
    public var beta1: Float
    /// The share of the second moment that is kept, in [0, 1).
    public var beta2: Float
    /// The floor of the divisor, above 0.
    public var epsilon: Float

    /// Adam with the given settings.
    public init(beta1: Float = 0.9, beta2: Float = 0.999, epsilon: Float = 1e-8) {
        self.beta1 = beta1
        self.beta2 = beta2
        self.epsilon = epsilon
    }

    /// Reads the settings, with the defaults for those that are missing.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            beta1: try container.decodeIfPresent(Float.self, forKey: .beta1) ?? 0.9,
            beta2: try container.decodeIfPresent(Float.self, forKey: .beta2) ?? 0.999,
            epsilon: try container.decodeIfPresent(Float.self, forKey: .epsilon) ?? 1e-8)
    }

    /// Throws where a setting has no meaning.
    public func validate() throws(TrainingError) {
        try AdamW(beta1: beta1, beta2: beta2, epsilon: epsilon, weightDecay: 0).validate()
    }

    /// Adds the update of one parameter to the graph.
    public func update(
        of parameter: Graph.Value, gradient: Graph.Value, learningRate: Graph.Value, in graph: inout Graph
    ) throws(GraphError) {
        try AdamW(beta1: beta1, beta2: beta2, epsilon: epsilon, weightDecay: 0)
            .update(of: parameter, gradient: gradient, learningRate: learningRate, in: &graph)
    }
}
