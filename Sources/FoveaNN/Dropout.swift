import FoveaGraph

/// Zeros at random places in training, the rest scaled by `1 / (1 - rate)`; absent in prediction.
///
/// - Input: any shape. Output: the same.
/// - Inputs declared in the graph for training: `seed` and `step`, of which the zeros are a function.
/// - Throws `GraphError` where the rate is not in `[0, 1)`.
/// - Source: Srivastava et al. 2014, with the scaling in training rather than in prediction.
public struct Dropout: Layer {
    /// The probability of each element to become zero.
    public var rate: Float

    /// Dropout with probability `rate`.
    public init(_ rate: Float) {
        self.rate = rate
    }

    /// Adds the layer to the graph of `context`.
    public func apply(to input: Graph.Value, in context: inout BuildContext) throws(GraphError) -> Graph.Value
    {
        guard rate >= 0, rate < 1 else {
            throw GraphError(path: context.graph.path, "the rate of dropout is in [0, 1), not \(rate)")
        }
        guard context.mode == .training, context.usesDropout, rate > 0 else { return input }
        return try context.graph.dropout(input, rate: rate)
    }
}
