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

    /// The step that trains `network` with `optimizer` on batches of `batchSize` samples, but for the parameters that
    /// match `frozen`.
    ///
    /// - Throws: `GraphError` where the description has no meaning or a parameter does not reach the loss;
    ///   ``TrainingError`` where the optimizer's settings have none, a pattern matches no parameter, or nothing is left to
    ///   train.
    public static func make(
        network: Network, batchSize: Int, optimizer: any Optimizer, frozen: [KeyPattern] = []
    ) throws -> TrainingGraph {
        try optimizer.validate()
        let keys = try frozenKeys(matching: frozen, in: network)
        let forward = try network.trainingForward(batchSize: batchSize, frozen: keys)
        var graph = forward.graph
        let parameters = graph.variables.indices
            .filter { graph.variables[$0].role == .parameter && !keys.contains(graph.variables[$0].key) }
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

    /// The keys of the parameters of `network` that match one of `patterns`.
    ///
    /// - Throws: ``TrainingError`` where a pattern matches none, or all parameters match; `GraphError` where the network
    ///   has no meaning.
    static func frozenKeys(matching patterns: [KeyPattern], in network: Network) throws -> Set<String> {
        guard !patterns.isEmpty else { return [] }
        // Over one sample a batch normalization has no statistics.
        let keys = try network.trainingForward(batchSize: 2).graph.variables(.parameter).map(\.key)
        for pattern in patterns where !keys.contains(where: pattern.matches) {
            let close = Spelling.closest(to: pattern.text, in: keys)
            throw TrainingError(
                .configuration,
                "the pattern '\(pattern.text)' of what is to be frozen matches no parameter; "
                    + (close.isEmpty
                        ? "the keys are \(keys.prefix(8).joined(separator: ", "))\(keys.count > 8 ? ", …" : "")"
                        : "did you mean \(close.joined(separator: " or "))?"))
        }
        let frozen = Set(keys.filter { key in patterns.contains { $0.matches(key) } })
        guard frozen.count < keys.count else {
            throw TrainingError(
                .configuration,
                "all \(keys.count) parameters are frozen by \(patterns.map { "'\($0.text)'" }.joined(separator: ", ")); "
                    + "leave one at least to be trained")
        }
        return frozen
    }
}
