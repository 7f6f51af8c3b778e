import FoveaGraph

/// A second classifier in the middle of a network, for training only; the input passes unchanged.
///
/// In training the layers of the head are applied to the input, and the network's loss of what they give, times `weight`,
/// is added to the objective; ``Network/trainingForward(batchSize:usesDropout:)`` reports the sum over all heads as
/// `auxiliary`. In a graph for prediction there is nothing of the head, neither a node nor a variable. The parameters belong
/// to the network all the same (``Network/variables()``), so that training can go on from a file.
///
/// - Input: whatever the head takes. Output: the same value.
/// - Parameters created: those of the head, at its path.
/// - Throws `GraphError` in training where the head does not give what the task wants, or the weight is not positive.
/// - Source: Szegedy et al. 2015, "Going deeper with convolutions", section 5, with the weight 0.3.
public struct AuxiliaryHead: Layer {
    /// What the loss of the head is multiplied by.
    public var weight: Float
    /// The layers of the head.
    public var body: Sequential

    /// A head of the listed layers whose loss counts `weight` times.
    public init(weight: Float = 0.3, @LayerBuilder _ body: () -> [any Layer]) {
        self.weight = weight
        self.body = Sequential(body())
    }

    /// Adds the layer to the graph of `context`.
    public func apply(to input: Graph.Value, in context: inout BuildContext) throws(GraphError) -> Graph.Value
    {
        guard weight > 0, weight.isFinite else {
            throw GraphError(
                path: context.graph.path, "the weight of an auxiliary head is positive, not \(weight)")
        }
        if context.mode == .training || context.declaresHeads {
            let result = try body.apply(to: input, in: &context)
            context.addHead(result, weight: weight)
        }
        return input
    }
}
