import FoveaGraph

/// The forward and backward pass of a training step, looked at for its memory.
struct TrainingStep {
    /// Which of the nodes with one path and kind a node is: the same in the graphs for training and prediction.
    struct Place: Hashable {
        private let path: String
        private let kind: String
        private let number: Int

        /// The place of `node`; `numbers` counts those seen before.
        init(_ node: Graph.Node, _ numbers: inout [Place: Int]) {
            (path, kind) = (node.path, node.kind)
            let first = Place(path: path, kind: kind)
            number = numbers[first, default: 0]
            numbers[first] = number + 1
        }

        private init(path: String, kind: String) {
            (self.path, self.kind, number) = (path, kind, 0)
        }
    }

    /// The graph with the gradients of all parameters.
    let graph: Graph
    /// The most bytes of activations and of their gradients that are alive at one time.
    let largestLiveBytes: Int
    private let kept: Set<Graph.Value>

    /// The step that makes `objective` small.
    ///
    /// - Throws: `GraphError` where a parameter does not reach the objective.
    init(_ forward: Graph, objective: Graph.Value) throws(GraphError) {
        var graph = forward
        let parameters = graph.variables.indices.filter { graph.variables[$0].role == .parameter }
        let gradients = try graph.gradients(
            of: objective, withRespectTo: parameters.map { graph.value(ofVariable: $0) })
        for (parameter, gradient) in zip(parameters, gradients) {
            try graph.output("gradient." + graph.variables[parameter].key, gradient)
        }
        self.graph = graph
        kept = graph.valuesKeptForBackward()
        largestLiveBytes = graph.liveBytes(apart: Set(gradients)).max() ?? 0
    }

    /// The bytes that the forward pass keeps for the backward pass.
    var keptBytes: Int { kept.reduce(0) { $0 + graph.type(of: $1).byteCount } }

    /// The bytes of what `node` gives that is kept.
    func keptBytes(of node: Graph.Node) -> Int {
        node.outputs.reduce(0) { $0 + (kept.contains($1) ? graph.type(of: $1).byteCount : 0) }
    }

    /// Whether `node` is a part of the network, not of a loss or a penalty.
    func isLayer(_ node: Graph.Node) -> Bool {
        node.path != "loss" && !node.path.hasSuffix(".loss") && !node.path.hasPrefix("loss.")
            && node.outputs.first.map { graph.shape(of: $0).rank > 0 } ?? false
    }
}
