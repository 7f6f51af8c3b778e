import FoveaTensor

extension Operation {
    /// Normalization of each group of channels of each sample.
    ///
    /// `y = scale · (x - mean) / √(variance + ε) + shift`, with mean and variance (divided by the count) over the channels of
    /// a group and all pixels, for each sample apart; the same in training and in prediction. One group is layer
    /// normalization, as many groups as channels instance normalization.
    ///
    /// Inputs: `x [N, C, H, W]` or `[N, C]`; where there is a scale, `scale` and `shift`, both `[C]` or both of the shape of a
    /// sample, `[C, H, W]`. Outputs: `y`, then `mean` and `variance`, both `[N, groups]`.
    ///
    /// Source: Wu and He 2018, equations 1 to 3.
    public struct GroupNorm: OperationRule {
        /// The number of groups that the channels are divided into.
        public var groups: Int
        /// What keeps the root away from zero, ε.
        public var epsilon: Float

        package var name: String { "groupNorm" }
        package var attributes: String { "groups \(groups) epsilon \(epsilon)" }

        package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
            try expect(inputs, count: 1, 3)
            try check(inputs[0].shape, parameters: inputs.dropFirst().map(\.shape))
            let statistics = TensorType([inputs[0].shape[0], groups])
            return [inputs[0], statistics, statistics]
        }

        package func inputGradients(
            of node: Graph.Node, given outputGradients: [Graph.Value?], needed: [Bool], in graph: inout Graph
        ) throws(GraphError) -> [Graph.Value?] {
            guard outputGradients.dropFirst().allSatisfy({ $0 == nil }) else {
                throw GraphError(path: node.path, "the statistics of '\(name)' have no derivative")
            }
            guard let dy = outputGradients[0] else { return node.inputs.map { _ in nil } }
            return try graph.apply(
                .groupNormGradient(GroupNormGradient(norm: self)),
                to: [node.inputs[0], node.outputs[1], node.outputs[2], dy] + node.inputs.dropFirst().prefix(1)
            )
        }

        package func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost {
            Cost(flops: (inputs.count == 3 ? 7 : 5) * inputs[0].shape.count)
        }

        package func averagedAxes(of inputs: [TensorType]) -> [String]? {
            let x = inputs[0].shape
            let channels = groups == 1 ? ["C"] : groups == x[1] ? [] : ["C/\(groups)"]
            return channels + (x.rank == 4 ? ["H", "W"] : [])
        }

        /// Throws unless `x` is divided into whole groups of several numbers and the scale and shift fit it.
        fileprivate func check(_ x: Shape, parameters: [Shape]) throws(GraphError) {
            guard x.rank == 4 || x.rank == 2 else {
                throw GraphError("group normalization needs [N, C, H, W] or [N, C], not \(x)")
            }
            guard groups > 0, x[1] % groups == 0 else {
                throw GraphError("\(x[1]) channels do not divide into \(groups) groups")
            }
            guard x.count / x[0] / groups > 1 else {
                throw GraphError(
                    """
                    normalization needs more than one value in each group of a sample, the input is \(x) with \
                    \(groups) \(groups == 1 ? "group" : "groups"); use fewer groups, or batch normalization
                    """)
            }
            let sample = Shape(Array(x.dimensions.dropFirst()))
            guard
                parameters.isEmpty || parameters.allSatisfy({ $0 == [x[1]] })
                    || parameters.allSatisfy({ $0 == sample })
            else {
                let found = parameters.map(\.description).joined(separator: " and ")
                throw GraphError(
                    "scale and shift over \(x) are both [\(x[1])] or both \(sample), not \(found)")
            }
        }
    }

    /// The gradient of group normalization.
    ///
    /// Inputs: `x`, the `mean` and `variance [N, groups]` that it gave, `dy`, and `scale` if it had one. Outputs: `dx`, and
    /// `dscale` and `dshift` if it had a scale.
    public struct GroupNormGradient: OperationRule {
        /// The normalization that this differentiates.
        public var norm: GroupNorm

        package var name: String { "groupNormGradient" }
        package var attributes: String { norm.attributes }

        package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
            try expect(inputs, count: 4, 5)
            try norm.check(inputs[0].shape, parameters: inputs.dropFirst(4).map(\.shape))
            for statistic in inputs[1...2] where statistic.shape != [inputs[0].shape[0], norm.groups] {
                throw GraphError(
                    "the statistics are [\(inputs[0].shape[0]), \(norm.groups)], not \(statistic.shape)")
            }
            guard inputs[3] == inputs[0] else {
                throw GraphError(
                    "the gradient \(inputs[3].shape) has not the shape of the output, \(inputs[0].shape)")
            }
            return [inputs[0]] + inputs.dropFirst(4) + inputs.dropFirst(4)
        }

        package func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost {
            Cost(flops: (inputs.count == 5 ? 11 : 8) * inputs[0].shape.count)
        }
    }
}

extension Graph {
    /// `x [N, C, H, W]` or `[N, C]` with each of the `groups` of channels of each sample normalized; scale and shift, `[C]`
    /// or of the shape of a sample, go together.
    public mutating func groupNorm(
        _ x: Value, groups: Int, affine: (scale: Value, shift: Value)? = nil, epsilon: Float
    ) throws(GraphError) -> Value {
        try apply(
            .groupNorm(Operation.GroupNorm(groups: groups, epsilon: epsilon)),
            to: [x] + (affine.map { [$0.scale, $0.shift] } ?? []))[0]
    }

    /// The axes of its input that `node` averages over, such as `N`, `H`, `W`, or `C/8` for each of 8 groups of channels;
    /// `nil` where it is not a normalization.
    ///
    /// Batch normalization in prediction has the axes that its running statistics were averaged over.
    public func averagedAxes(of node: Node) -> [String]? {
        node.operation.rule.averagedAxes(of: node.inputs.map(type(of:)))
    }
}
