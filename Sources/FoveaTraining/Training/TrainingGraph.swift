import FoveaGraph
import FoveaNN
import FoveaTensor

/// The whole step of a training as one graph: forward, loss and penalties, gradients, updates.
///
/// Inputs: `input`, `labels` or `target`, `learningRate` (a scalar), and where something needs them `step`
/// (int32: the number of steps made before) and `seed` (int32 `[2]`). Outputs: `loss` (the mean over the
/// batch, as it was before the update, without auxiliary heads and penalties), `logits` or `prediction`, and
/// where there are any `auxiliary` and `penalty`.
public struct TrainingGraph: Sendable {
    /// The graph.
    public let graph: Graph

    /// The step that trains `network` with `optimizer` on batches of `batchSize` samples.
    ///
    /// - Throws: `GraphError` where the description has no meaning or a parameter does not reach the loss;
    ///   ``TrainingError`` where the optimizer's settings have none.
    public static func make(network: Network, batchSize: Int, optimizer: any Optimizer) throws
        -> TrainingGraph
    {
        try optimizer.validate()
        let forward = try network.trainingForward(batchSize: batchSize)
        var graph = forward.graph
        let parameters = graph.variables.indices
            .filter { graph.variables[$0].role == .parameter }
            .map { graph.value(ofVariable: $0) }
        let gradients = try graph.gradients(of: forward.objective, withRespectTo: parameters)
        let learningRate = try graph.input("learningRate", TensorType(.scalar))
        let saved = graph.phase
        graph.phase = .update
        for (parameter, gradient) in zip(parameters, gradients) {
            try optimizer.update(of: parameter, gradient: gradient, learningRate: learningRate, in: &graph)
        }
        graph.phase = saved
        return TrainingGraph(graph: graph)
    }
}
