import FoveaTensor

extension Graph {
    /// The axes of its input that `node` averages over, as in `[N, C, H, W]`; `nil` where it is not a normalization.
    ///
    /// Batch normalization in prediction is listed with the axes that its running statistics were averaged over.
    public func averagedAxes(of node: Node) -> [String]? {
        switch node.operation {
        case .batchNorm, .batchNormInference: shape(of: node.inputs[0]).rank == 4 ? ["N", "H", "W"] : ["N"]
        default: nil
        }
    }
}

// Frozen layers and pictures of what a network attends to need the derivative in prediction, too.
extension Operation.BatchNormInference {
    package func inputGradients(
        of node: Graph.Node, given outputGradients: [Graph.Value?], needed: [Bool], in graph: inout Graph
    ) throws(GraphError) -> [Graph.Value?] {
        guard let dy = outputGradients[0] else { return node.inputs.map { _ in nil } }
        guard !needed[3], !needed[4] else {
            throw GraphError(path: node.path, "the statistics of '\(name)' have no derivative")
        }
        let (x, scale, mean, variance) = (node.inputs[0], node.inputs[1], node.inputs[3], node.inputs[4])
        let channels = graph.shape(of: scale)
        var gradients = [Graph.Value?](repeating: nil, count: 5)
        if needed[0] {
            // dx = dy · scale / √(variance + ε): the operation itself, with nothing taken away and nothing added.
            let zeros = try graph.constant(0, channels)
            gradients[0] = try graph.batchNormInference(
                dy, scale: scale, shift: zeros, mean: zeros, variance: variance, epsilon: epsilon)
        }
        if needed[1] {
            let normalized = try graph.batchNormInference(
                x, scale: try graph.constant(1, channels), shift: try graph.constant(0, channels), mean: mean,
                variance: variance, epsilon: epsilon)
            gradients[1] = try graph.sumOverAllButChannels(try graph.multiply(dy, normalized))
        }
        if needed[2] { gradients[2] = try graph.sumOverAllButChannels(dy) }
        return gradients
    }
}

extension Graph {
    /// `x [N, C, H, W]` or `[N, C]` summed to `[C]`.
    fileprivate mutating func sumOverAllButChannels(_ x: Value) throws(GraphError) -> Value {
        let shape = shape(of: x)
        let kept = Shape([1, shape[1]] + Array(repeating: 1, count: shape.rank - 2))
        return try reshape(try reduceSum(x, to: kept), to: [shape[1]])
    }
}
