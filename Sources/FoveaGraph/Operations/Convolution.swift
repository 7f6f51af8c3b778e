import FoveaTensor

extension Operation {
    /// A 2-D cross-correlation, optionally in groups, plus a bias for each filter.
    ///
    /// `y[n,k,i,j] = b[k] + Σ(c,u,v) w[k,c,u,v] · x[n, g·C/G + c, i·s + u·d - p, j·s + v·d - p]`, with `g` the group of
    /// filter `k` and zeros outside the image.
    ///
    /// Inputs: `x [N, C, H, W]`, `w [K, C / groups, kH, kW]`, optionally `b [K]`. Output: `y [N, K, H', W']`.
    public struct Convolution: OperationRule {
        /// The distance between neighbouring windows.
        public var stride: Size2D
        /// What is added around the image.
        public var padding: Edges
        /// The distance between neighbouring taps.
        public var dilation: Size2D
        /// The number of groups of channels.
        public var groups: Int

        package var name: String { "convolution" }
        package var attributes: String { "s\(stride) p\(padding) d\(dilation) g\(groups)" }

        /// The window of a convolution whose weights have the given shape.
        package func window(weight: Shape) -> Window {
            Window(kernel: Size2D(weight[2], weight[3]), stride: stride, padding: padding, dilation: dilation)
        }

        package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
            try expect(inputs, count: 2, 3)
            let (x, weight) = (inputs[0].shape, inputs[1].shape)
            guard x.rank == 4 else {
                throw GraphError("a convolution needs images [N, C, H, W], not \(x)")
            }
            guard weight.rank == 4 else {
                throw GraphError(
                    "the weight of a convolution is [filters, C / groups, kH, kW], not \(weight)")
            }
            guard groups > 0, x[1] % groups == 0, weight[0] % groups == 0 else {
                throw GraphError(
                    "groups (\(groups)) must divide both the channels (\(x[1])) and the filters (\(weight[0]))"
                )
            }
            guard weight[1] == x[1] / groups else {
                throw GraphError(
                    "the weight \(weight) expects \(weight[1] * groups) channels, the input has \(x[1])")
            }
            if inputs.count == 3, inputs[2].shape != [weight[0]] {
                throw GraphError("the bias of \(weight[0]) filters is [\(weight[0])], not \(inputs[2].shape)")
            }
            let size = try window(weight: weight).outputSize(over: Size2D(x[2], x[3]))
            return [TensorType([x[0], weight[0], size.height, size.width])]
        }

        package func inputGradients(
            of node: Graph.Node, given outputGradients: [Graph.Value?], needed: [Bool], in graph: inout Graph
        ) throws(GraphError) -> [Graph.Value?] {
            guard let dy = outputGradients[0] else { return node.inputs.map { _ in nil } }
            var gradients = [Graph.Value?](repeating: nil, count: node.inputs.count)
            if needed[0] {
                let operation = ConvolutionInputGradient(
                    convolution: self, inputShape: graph.shape(of: node.inputs[0]))
                gradients[0] = try graph.apply(
                    .convolutionInputGradient(operation), to: [dy, node.inputs[1]])[0]
            }
            if needed.dropFirst().contains(true) {
                let operation = ConvolutionParameterGradient(
                    convolution: self, weightShape: graph.shape(of: node.inputs[1]),
                    hasBias: node.inputs.count == 3)
                let results = try graph.apply(
                    .convolutionParameterGradient(operation), to: [node.inputs[0], dy])
                gradients.replaceSubrange(1..., with: results.map(Optional.some))
            }
            return gradients
        }

        package func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost {
            let weight = inputs[1].shape
            return Cost(macs: outputs[0].shape.count * weight[1] * weight[2] * weight[3])
        }
    }

    /// The gradient of a convolution with respect to its input.
    ///
    /// Inputs: `dy [N, K, H', W']`, `w`. Output: `dx [N, C, H, W]`.
    public struct ConvolutionInputGradient: OperationRule {
        /// The convolution that this differentiates.
        public var convolution: Convolution
        /// The shape of the input, `[N, C, H, W]`.
        public var inputShape: Shape

        package var name: String { "convolutionInputGradient" }
        package var attributes: String { convolution.attributes }

        package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
            try expect(inputs, count: 2)
            let forward = try convolution.outputTypes(for: [TensorType(inputShape), inputs[1]])
            guard forward[0].shape == inputs[0].shape else {
                throw GraphError(
                    "the gradient \(inputs[0].shape) has not the shape of the output, \(forward[0].shape)")
            }
            return [TensorType(inputShape)]
        }

        package func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost {
            convolution.cost(inputs: [outputs[0], inputs[1]], outputs: [inputs[0]])
        }
    }

    /// The gradient of a convolution with respect to its weight and bias.
    ///
    /// Inputs: `x [N, C, H, W]`, `dy [N, K, H', W']`. Outputs: `dw` and, with a bias, `db [K]`.
    public struct ConvolutionParameterGradient: OperationRule {
        /// The convolution that this differentiates.
        public var convolution: Convolution
        /// The shape of the weight, `[K, C / groups, kH, kW]`.
        public var weightShape: Shape
        /// Whether there is a bias to be differentiated for.
        public var hasBias: Bool

        package var name: String { "convolutionParameterGradient" }
        package var attributes: String { convolution.attributes + (hasBias ? " bias" : "") }

        package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
            try expect(inputs, count: 2)
            let forward = try convolution.outputTypes(for: [inputs[0], TensorType(weightShape)])
            guard forward[0].shape == inputs[1].shape else {
                throw GraphError(
                    "the gradient \(inputs[1].shape) has not the shape of the output, \(forward[0].shape)")
            }
            return [TensorType(weightShape)] + (hasBias ? [TensorType([weightShape[0]])] : [])
        }

        package func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost {
            convolution.cost(inputs: [inputs[0], outputs[0]], outputs: [inputs[1]])
        }
    }
}

extension Graph {
    /// The cross-correlation of `x [N, C, H, W]` with `weight [K, C / groups, kH, kW]`, plus `bias [K]`.
    public mutating func convolution(
        _ x: Value, weight: Value, bias: Value? = nil, stride: Size2D = 1, padding: Edges = .zero,
        dilation: Size2D = 1, groups: Int = 1
    ) throws(GraphError) -> Value {
        let operation = Operation.Convolution(
            stride: stride, padding: padding, dilation: dilation, groups: groups)
        return try apply(.convolution(operation), to: [x, weight] + (bias.map { [$0] } ?? []))[0]
    }
}
