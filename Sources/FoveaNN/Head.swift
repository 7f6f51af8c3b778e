import FoveaGraph

extension Network {
    /// The keys of the parameters of the last layers, which give the logits or predictions that losses compare with the
    /// answers: what other classes than a network was trained for make useless.
    ///
    /// Heads that only training has count, too.
    ///
    /// - Throws: `GraphError` as ``trainingForward(batchSize:usesDropout:frozen:)``.
    public func headKeys() throws(GraphError) -> Set<String> {
        // Over one sample a batch normalization has no statistics.
        let graph = try trainingForward(batchSize: 2, usesDropout: false).graph
        let answers = Set(graph.inputs.filter { ["labels", "target"].contains($0.name) }.map(\.value))
        var keys = Set<String>()
        for loss in graph.nodes where loss.inputs.contains(where: answers.contains) {
            var node = graph.producer(of: loss.inputs[0])
            while let layer = node {
                let own = graph.parameterKeys(of: layer)
                keys.formUnion(own)
                node = own.isEmpty ? layer.inputs.first.flatMap(graph.producer) : nil
            }
        }
        return keys
    }
}

extension Graph {
    /// The keys of the parameters that `node` reads.
    fileprivate func parameterKeys(of node: Node) -> [String] {
        node.inputs.compactMap { value in
            guard case .variable(let position) = origin(of: value), variables[position].role == .parameter
            else {
                return nil
            }
            return variables[position].key
        }
    }
}
