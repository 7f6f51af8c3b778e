import FoveaGraph
import FoveaTensor

// Compositions as they occur in networks: what a compiler fuses, aliases, computes in place or lays out anew.
extension CaseBuilder {
    /// Values used several times, by one operation and by several.
    mutating func buildReuse() throws(GraphError) {
        let x = try input("x", shape(rank: integer(1...4)), .awayFromZero)
        let w = try variable("w", graph.shape(of: x), .awayFromZero)
        let square = try graph.multiply(x, x)
        let activated = try graph.activation(choice([.tanh, .sigmoid]), try graph.add(square, w))
        let doubled = try graph.add(activated, activated)
        let rectified = try graph.activation(.relu, x)
        let joined = try graph.concatenate([rectified, x, doubled], axis: 0)
        if chance(0.3) { try graph.output("inner", activated) }
        try finish(joined, try graph.add(try graph.multiply(doubled, w), rectified))
    }

    /// A convolution with its companions in the usual orders.
    mutating func convolution(
        _ name: String, _ x: Graph.Value, filters: Int, kernel: Size2D, stride: Size2D = 1, groups: Int = 1,
        norm: Bool = true, activation: ActivationFunction? = .relu
    ) throws(GraphError) -> Graph.Value {
        graph.pushScope(name)
        defer { graph.popScope() }
        let channels = graph.shape(of: x)[1]
        let fanIn = channels / groups * kernel.height * kernel.width
        let weight = try variable(
            "weight", [filters, channels / groups, kernel.height, kernel.width], .weight(fanIn: fanIn))
        let bias = norm ? nil : try variable("bias", [filters])
        var y = try graph.convolution(
            x, weight: weight, bias: bias, stride: stride,
            padding: Edges(
                top: (kernel.height - 1) / 2, left: (kernel.width - 1) / 2, bottom: kernel.height / 2,
                right: kernel.width / 2), groups: groups)
        if norm { y = try normalize(y) }
        if let activation { y = try graph.activation(activation, y) }
        return y
    }

    mutating func normalize(_ x: Graph.Value) throws(GraphError) -> Graph.Value {
        let channels = graph.shape(of: x)[1]
        return try graph.batchNorm(
            x, scale: variable("scale", [channels], .positive), shift: variable("shift", [channels]),
            runningMean: variable("mean", [channels], role: .statistic),
            runningVariance: variable("variance", [channels], .positive, role: .statistic), epsilon: 1e-3,
            momentum: 0.1)
    }

    mutating func dense(_ name: String, _ x: Graph.Value, units: Int) throws(GraphError) -> Graph.Value {
        let features = graph.shape(of: x)[1]
        return try graph.dense(
            x, weight: variable(name + ".weight", [units, features], .weight(fanIn: features)),
            bias: variable(name + ".bias", [units]))
    }

    /// An image large enough that no normalization runs over few values.
    mutating func compositionImage() throws(GraphError) -> Graph.Value {
        try input("x", [integer(2...3), extent(1...3, large: 17), integer(3...6), integer(3...6)])
    }

    mutating func finishAsClassifier(_ x: Graph.Value) throws(GraphError) {
        let classes = integer(2...5)
        let logits = try dense("fc", try graph.flatten(x), units: classes)
        let labels = try input("labels", [graph.shape(of: x)[0]], whole: 0...classes - 1)
        try graph.output("logits", logits)
        try finishWithUpdate(objective: try graph.softmaxCrossEntropy(logits, labels: labels))
    }

    /// Convolutions, pooling and a dense head over flattened channels, as in LeNet.
    mutating func buildConvolutionStack() throws(GraphError) {
        var x = try compositionImage()
        let activation = choice(ActivationFunction.examples)
        x = try convolution(
            "conv1", x, filters: extent(1...3, large: 16), kernel: Size2D(integer(1...3), integer(1...3)),
            norm: false, activation: activation)
        x =
            chance(0.5)
            ? try graph.averagePool(x, Window(kernel: 2, stride: 2))
            : try graph.maxPool(x, Window(kernel: 3, stride: 2, padding: Edges(vertical: 1, horizontal: 1)))
        x = try convolution(
            "conv2", x, filters: extent(1...3, large: 16), kernel: 3, norm: chance(0.5),
            activation: activation)
        try finishAsClassifier(x)
    }

    /// A residual block with or without a projection, before or after the normalization.
    mutating func buildResidualBlock() throws(GraphError) {
        let x = try compositionImage()
        let filters = chance(0.5) ? graph.shape(of: x)[1] : extent(1...3, large: 17)
        let stride: Size2D = chance(0.3) ? 2 : 1
        var y = try convolution("conv1", x, filters: filters, kernel: 3, stride: stride)
        y = try convolution("conv2", y, filters: filters, kernel: Size2D(1, 3), activation: nil)
        let shortcut =
            graph.shape(of: x) == graph.shape(of: y)
            ? x
            : try convolution("downsample", x, filters: filters, kernel: 1, stride: stride, activation: nil)
        y = try chance(0.5) ? graph.add(y, shortcut) : graph.add(shortcut, y)
        if chance(0.8) { y = try graph.activation(.relu, y) }
        try finishAsClassifier(try chance(0.5) ? graph.globalAveragePool(y) : y)
    }

    /// Branches joined along the channels.
    mutating func buildInceptionBlock() throws(GraphError) {
        let x = try compositionImage()
        let norm = chance(0.5)
        let one = try convolution("b1", x, filters: integer(1...3), kernel: 1, norm: norm)
        let reduced = try convolution("b2.0", x, filters: integer(1...3), kernel: 1, norm: norm)
        let three = try convolution(
            "b2.1", reduced, filters: extent(1...3, large: 17), kernel: Size2D(3, 1), norm: norm)
        let pooled = try graph.averagePool(
            x, Window(kernel: 3, padding: Edges(vertical: 1, horizontal: 1)), countsPadding: chance(0.5))
        var branches = [one, three, pooled]
        if chance(0.5) { branches.append(x) }
        var y = try graph.concatenate(branches, axis: 1)
        if chance(0.5) { y = try graph.activation(.relu, try normalize(y)) }
        try finishAsClassifier(try graph.globalAveragePool(y))
    }

    /// Channels weighted by what is seen in the whole image (Hu and others 2018).
    mutating func buildSqueezeExcitation() throws(GraphError) {
        let x = try compositionImage()
        let y = try convolution("conv", x, filters: extent(1...4, large: 17), kernel: 3, groups: 1)
        let shape = graph.shape(of: y)
        var weights = try graph.flatten(try graph.globalAveragePool(y))
        weights = try graph.activation(.relu, try dense("reduce", weights, units: integer(1...3)))
        weights = try graph.activation(.sigmoid, try dense("expand", weights, units: shape[1]))
        weights = try graph.reshape(weights, to: [shape[0], shape[1], 1, 1])
        let weighted = try graph.multiply(y, weights)
        try finishAsClassifier(chance(0.5) ? weighted : graph.add(weighted, y))
    }

    /// Normalizations and activations of all kinds between convolutions, and a part of the channels beside all of them.
    mutating func buildNormalizedStack() throws(GraphError) {
        let channels = choice([2, 4, 16])
        var x = try convolution(
            "conv1", try compositionImage(), filters: channels, kernel: 3, norm: false,
            activation: chance(0.5) ? choice(ActivationFunction.examples) : nil)
        let shape = graph.shape(of: x)
        let parameters: Shape = chance(0.5) ? [channels] : Shape(Array(shape.dimensions.dropFirst()))
        x = try graph.groupNorm(
            x, groups: choice([1, 2, channels]),
            affine: (variable("scale", parameters, .positive), variable("shift", parameters)), epsilon: 1e-3)
        if chance(0.5) { x = try graph.activation(choice(ActivationFunction.examples), x) }
        if chance(0.5) { x = try graph.parametricReLU(x, weight: variable("slopes", [channels])) }
        if chance(0.5) {
            let norm = Operation.LocalResponseNorm(
                region: .acrossChannels, size: 5, alpha: 0.5, beta: 0.75, k: 1)
            x = try graph.localResponseNorm(x, norm)
        }
        let part = try graph.slice(x, start: channels / 2, count: channels / 2)
        x = try graph.concatenate([part, x])
        x = try convolution("conv2", x, filters: integer(1...3), kernel: 1, norm: false, activation: nil)
        try finishAsClassifier(chance(0.5) ? try graph.globalAveragePool(x) : x)
    }

    /// A batch normalization of either kind with the sum and the ReLU that it may take in, and readers between them that
    /// forbid it.
    mutating func buildNormalizedSum() throws(GraphError) {
        var x: Graph.Value
        if chance(0.2) {
            x = try input("x", [integer(9...12), extent(1...4, large: 36)])
        } else {
            x = try compositionImage()
            if chance(0.8) {
                // Without a function between, the bias would have no influence.
                x = try convolution(
                    "conv", x, filters: extent(1...4, large: 36), kernel: 1, norm: false, activation: .tanh)
            }
        }
        let normalized = try normalizeEitherWay("norm", x)
        if chance(0.1) { try graph.output("normalized", normalized) }
        let other: Graph.Value? =
            switch integer(0...4) {
            case 0: try input("other", graph.shape(of: x))
            case 1: try normalizeEitherWay("norm2", x)
            case 2: x
            case 3: try graph.activation(.tanh, x)
            default: nil
            }
        var y = normalized
        if let other { y = try chance(0.5) ? graph.add(y, other) : graph.add(other, y) }
        if chance(0.1) { try graph.output("sum", y) }
        if chance(0.8) { y = try graph.activation(.relu, y) }
        if chance(0.3), let other { y = try graph.multiply(y, other) }
        if chance(0.3) { y = try graph.activation(.tanh, y) }
        try finish(y)
    }

    /// Normalized by the statistics of the batch or by given ones.
    private mutating func normalizeEitherWay(
        _ name: String, _ x: Graph.Value
    ) throws(GraphError) -> Graph.Value {
        graph.pushScope(name)
        defer { graph.popScope() }
        if chance(0.6) { return try normalize(x) }
        let channels = graph.shape(of: x)[1]
        return try graph.batchNormInference(
            x, scale: variable("scale", [channels]), shift: variable("shift", [channels]),
            mean: variable("mean", [channels], role: .statistic),
            variance: variable("variance", [channels], .positive, role: .statistic), epsilon: 1e-3)
    }

    /// Dense layers with dropout, a squared error and an L2 penalty.
    mutating func buildPerceptron() throws(GraphError) {
        var x = try input("x", shape(rank: 2))
        _ = try input("seed", [2], whole: Int(Int32.min)...Int(Int32.max))
        _ = try input("step", .scalar, whole: 0...1000)
        for layer in 0..<integer(1...3) {
            x = try dense("fc\(layer)", x, units: extent(1...6, large: 64))
            x = try graph.activation(choice(ActivationFunction.examples), x)
            if chance(0.5) { x = try graph.dropout(x, rate: 0.25) }
        }
        x = try dense("last", x, units: integer(1...4))
        try graph.output("prediction", x)
        let target = try input("target", graph.shape(of: x), fixed: true)
        var loss = try graph.meanSquaredError(x, target: target)
        loss = try graph.add(
            loss, try graph.l2Penalty(graph.value(ofVariable: "last.weight")!, strength: 0.1))
        try finishWithUpdate(objective: loss)
    }
}
