import FoveaGraph
import FoveaTensor

extension CaseBuilder {
    /// Builds the case of the family.
    ///
    /// - Throws: `GraphError` where the random extents do not fit each other.
    mutating func build() throws(GraphError) {
        switch family {
        case .convolution: try buildConvolution()
        case .dense: try buildDense()
        case .pool: try buildPool()
        case .activation: try buildActivation()
        case .batchNorm: try buildBatchNorm()
        case .batchNormInference: try buildBatchNormInference()
        case .add: try buildBinary { graph, a, b throws(GraphError) in try graph.add(a, b) }
        case .multiply: try buildBinary { graph, a, b throws(GraphError) in try graph.multiply(a, b) }
        case .scale: try buildScale()
        case .broadcast: try buildBroadcast()
        case .reduceSum: try buildReduceSum()
        case .concatenate: try buildConcatenate()
        case .slice: try buildSlice()
        case .reshape: try buildReshape()
        case .dropout: try buildDropout()
        case .softmax: try finish(graph.softmax(input("x", shape(rank: 2))))
        case .softmaxCrossEntropy: try buildSoftmaxCrossEntropy()
        case .meanSquaredError: try buildMeanSquaredError()
        case .sumOfSquares:
            try finish(objective: graph.l2Penalty(variable("w", shape(rank: integer(0...4))), strength: 0.3))
        case .sgd: try buildSGD()
        case .adam: try buildAdam()
        case .reuse: try buildReuse()
        case .convolutionStack: try buildConvolutionStack()
        case .residualBlock: try buildResidualBlock()
        case .inceptionBlock: try buildInceptionBlock()
        case .squeezeExcitation: try buildSqueezeExcitation()
        case .perceptron: try buildPerceptron()
        case .parametricReLU: try buildParametricReLU()
        case .groupNorm: try buildGroupNorm()
        case .localResponseNorm: try buildLocalResponseNorm()
        case .normalizedStack: try buildNormalizedStack()
        case .normalizedSum: try buildNormalizedSum()
        case .joinedChannels: try buildJoinedChannels()
        }
    }

    private mutating func buildConvolution() throws(GraphError) {
        let groups = choice([1, 1, 1, 2, 3, 8])
        let isDepthwise = groups > 1 && chance(0.5)
        let large = max(36 / groups, 1)
        let groupChannels = isDepthwise ? 1 : extent(1...3, large: large)
        let groupFilters = isDepthwise ? integer(1...2) : extent(1...3, large: large)
        let kernel = Size2D(integer(1...4), integer(1...4))
        let dilation = Size2D(choice([1, 1, 1, 2, 3]), choice([1, 1, 1, 2, 3]))
        let window = Window(
            kernel: kernel, stride: Size2D(integer(1...kernel.height + 2), integer(1...kernel.width + 2)),
            padding: .zero, dilation: dilation)
        let (tall, wide) = (window.span.height, window.span.width)
        let padding = Edges(
            top: integer(0...tall - 1), left: integer(0...wide - 1), bottom: integer(0...tall - 1),
            right: integer(0...wide - 1))
        let x = try input(
            "x", [integer(1...3), groups * groupChannels, extent(1...7, large: 14), extent(1...7, large: 14)])
        let fanIn = groupChannels * kernel.height * kernel.width
        let weight = try variable(
            "weight", [groups * groupFilters, groupChannels, kernel.height, kernel.width],
            .weight(fanIn: fanIn))
        let bias = chance(0.5) ? try variable("bias", [groups * groupFilters]) : nil
        try finish(
            graph.convolution(
                x, weight: weight, bias: bias, stride: window.stride, padding: chance(0.75) ? padding : .zero,
                dilation: dilation, groups: groups))
    }

    private mutating func buildDense() throws(GraphError) {
        let (features, units) = (extent(1...6, large: 200), extent(1...6, large: 70))
        let x = try input("x", [extent(1...4, large: 33), features])
        let weight = try variable("weight", [units, features], .weight(fanIn: features))
        let bias = chance(0.5) ? try variable("bias", [units]) : nil
        try finish(graph.dense(x, weight: weight, bias: bias))
    }

    private mutating func buildPool() throws(GraphError) {
        let x = try input("x", imageShape(), .distinct(gap: 0.02))
        if chance(0.1) { return try finish(graph.globalAveragePool(x)) }
        let kernel = Size2D(integer(1...4), integer(1...4))
        var window = Window(kernel: kernel, stride: Size2D(integer(1...5), integer(1...5)))
        if chance(0.15) { window.dilation = Size2D(integer(1...2), integer(1...2)) }
        let (tall, wide) = (window.span.height, window.span.width)
        if chance(0.7) {
            window.padding = Edges(
                top: integer(0...tall - 1), left: integer(0...wide - 1), bottom: integer(0...tall - 1),
                right: integer(0...wide - 1))
        }
        switch index % 3 {
        case 0: try finish(graph.maxPool(x, window))
        case 1: try finish(graph.averagePool(x, window, countsPadding: true))
        default: try finish(graph.averagePool(x, window, countsPadding: false))
        }
    }

    private mutating func buildActivation() throws(GraphError) {
        let functions = ActivationFunction.examples + [.leakyReLU(slope: 0), .elu(alpha: 0.5)]
        var x = try input("x", shape(rank: integer(0...4)), .awayFromZero)
        let function = functions[index % functions.count]
        // Past the kinks at -3 and 3.
        if function.kinks.contains(3), chance(0.5) { x = try graph.scale(x, by: 3) }
        try finish(graph.activation(function, x))
    }

    private mutating func buildParametricReLU() throws(GraphError) {
        let shape = chance(0.3) ? Shape([integer(1...3), extent(1...4, large: 70)]) : imageShape()
        let x = try input("x", shape, .awayFromZero)
        try finish(graph.parametricReLU(x, weight: variable("weight", [chance(0.25) ? 1 : shape[1]])))
    }

    private mutating func buildGroupNorm() throws(GraphError) {
        let groups = choice([1, 1, 2, 3, 8])
        // Few groups, one for each channel, or several channels in each.
        let channels = chance(0.3) ? groups : groups * extent(1...3, large: 40)
        let shape: Shape =
            chance(0.3)
            ? [integer(1...3), channels]
            : [integer(1...3), channels, extent(1...4, large: 9), extent(1...4, large: 9)]
        let count = shape.count / shape[0] / groups
        let x = try input("x", shape, count <= 8 ? .distinct(gap: 1) : .normal)
        let epsilon: Float = choice([1e-5, 1e-3, 1e-2])
        if chance(0.3) { return try finish(graph.groupNorm(x, groups: groups, epsilon: epsilon)) }
        let parameters = chance(0.5) ? [channels] : Shape(Array(shape.dimensions.dropFirst()))
        let affine = (try variable("scale", parameters), try variable("shift", parameters))
        try finish(graph.groupNorm(x, groups: groups, affine: affine, epsilon: epsilon))
    }

    private mutating func buildLocalResponseNorm() throws(GraphError) {
        let shape: Shape = [
            integer(1...2), extent(1...8, large: 36), extent(1...5, large: 11), extent(1...5, large: 11),
        ]
        let norm = Operation.LocalResponseNorm(
            region: chance(0.6) ? .acrossChannels : .withinChannel, size: choice([1, 3, 5, 5, 7]),
            alpha: choice([1e-4, 0.5, 2]), beta: choice([0.75, 0.75, 0.5, 1]), k: choice([1, 2]))
        try finish(graph.localResponseNorm(input("x", shape), norm))
    }

    /// An input to be normalized: where a channel has few values they are spread, so that the variance is not
    /// tiny.
    private mutating func inputToNormalize() throws(GraphError) -> Graph.Value {
        let shape = chance(0.3) ? Shape([integer(2...6), extent(1...4, large: 70)]) : imageShape()
        return try input("x", shape, shape.count / shape[1] <= 8 ? .distinct(gap: 1) : .normal)
    }

    private mutating func buildBatchNorm() throws(GraphError) {
        let x = try inputToNormalize()
        let channels = graph.shape(of: x)[1]
        let y = try graph.batchNorm(
            x, scale: variable("scale", [channels]), shift: variable("shift", [channels]),
            runningMean: variable("mean", [channels], role: .statistic),
            runningVariance: variable("variance", [channels], .positive, role: .statistic),
            epsilon: choice([1e-5, 1e-3, 1e-2]), momentum: choice([0.1, 0.01, 1]))
        try finish(y)
    }

    // It has no derivative: the test is the forward result.
    private mutating func buildBatchNormInference() throws(GraphError) {
        let x = try inputToNormalize()
        let channels = graph.shape(of: x)[1]
        let y = try graph.batchNormInference(
            x, scale: variable("scale", [channels]), shift: variable("shift", [channels]),
            mean: variable("mean", [channels], role: .statistic),
            variance: variable("variance", [channels], .positive, role: .statistic),
            epsilon: choice([1e-5, 1e-3]))
        try finish(y)
    }

    /// Two shapes that broadcast: the index runs through every combination of equal and missing extents of
    /// rank 4.
    private mutating func broadcastingShapes() -> (Shape, Shape) {
        var (left, right) = ([Int](), [Int]())
        var pattern = index % 81
        for axis in 0..<4 {
            let extent = axis == 0 ? integer(1...3) : extent(1...4, large: 9)
            left.append(pattern % 3 == 1 ? 1 : extent)
            right.append(pattern % 3 == 2 ? 1 : extent)
            pattern /= 3
        }
        // Leading axes may be missing on either side.
        if chance(0.3) { left.removeFirst(integer(1...4)) }
        if chance(0.3) { right.removeFirst(integer(1...4)) }
        return (Shape(left), Shape(right))
    }

    private mutating func buildBinary(
        _ operation: (inout Graph, Graph.Value, Graph.Value) throws(GraphError) -> Graph.Value
    ) throws(GraphError) {
        let (left, right) = broadcastingShapes()
        let (a, b) = (try input("a", left), try input("b", right))
        try finish(operation(&graph, a, b))
    }

    private mutating func buildScale() throws(GraphError) {
        try finish(graph.scale(input("x", shape(rank: integer(0...4))), by: choice([-1, 0.5, 3])))
    }

    private mutating func buildBroadcast() throws(GraphError) {
        let (left, right) = broadcastingShapes()
        let whole = try Shape.broadcast(left, right)
        let x = try input("x", left)
        try finish(graph.broadcast(x, to: whole))
    }

    private mutating func buildReduceSum() throws(GraphError) {
        let (left, right) = broadcastingShapes()
        let x = try input("x", try Shape.broadcast(left, right))
        try finish(graph.reduceSum(x, to: left))
    }

    private mutating func buildConcatenate() throws(GraphError) {
        let whole = shape(rank: integer(1...4))
        let axis = whole.rank == 4 && chance(0.6) ? 1 : integer(0...whole.rank - 1)
        var parts: [Graph.Value] = []
        for part in 0..<1 + index % 4 {
            var shape = whole
            shape[axis] = extent(1...4, large: 20)
            parts.append(try input("part\(part)", shape))
        }
        if chance(0.2) { parts.append(parts[0]) }
        try finish(graph.concatenate(parts, axis: axis))
    }

    private mutating func buildSlice() throws(GraphError) {
        let whole = shape(rank: integer(1...4))
        let axis = integer(0...whole.rank - 1)
        let start = integer(0...whole[axis] - 1)
        let count = integer(1...whole[axis] - start)
        try finish(graph.slice(input("x", whole), axis: axis, start: start, count: count))
    }

    private mutating func buildReshape() throws(GraphError) {
        let whole = imageShape()
        let target: Shape =
            switch index % 4 {
            case 0: [whole[0], whole[1] * whole[2] * whole[3]]
            case 1: [whole[0], whole[2], whole[3], whole[1]]
            case 2: [whole.count]
            default: [whole[0] * whole[1], 1, whole[2] * whole[3]]
            }
        try finish(graph.reshape(input("x", whole), to: target))
    }

    private mutating func buildDropout() throws(GraphError) {
        let x = try input("x", shape(rank: integer(1...4)))
        _ = try input("seed", [2], whole: Int(Int32.min)...Int(Int32.max))
        _ = try input("step", .scalar, whole: 0...100_000)
        let first = try graph.dropout(x, rate: choice([0, 0.25, 0.5, 0.9]))
        try finish(chance(0.5) ? graph.dropout(first, rate: 0.5) : first)
    }

    private mutating func buildSoftmaxCrossEntropy() throws(GraphError) {
        let shape = shape(rank: 2)
        let logits = try input("logits", shape)
        let labels = try input("labels", [shape[0]], whole: 0...shape[1] - 1)
        let loss = try graph.softmaxCrossEntropy(logits, labels: labels)
        try finish(objective: chance(0.5) ? loss : graph.scale(loss, by: 3))
    }

    private mutating func buildMeanSquaredError() throws(GraphError) {
        let shape = shape(rank: integer(1...4))
        let loss = try graph.meanSquaredError(input("prediction", shape), target: input("target", shape))
        try finish(objective: chance(0.5) ? loss : graph.scale(loss, by: 3))
    }

    private mutating func buildSGD() throws(GraphError) {
        let shape = shape(rank: integer(0...4))
        let momentum: Float = index % 3 == 0 ? 0 : choice([0.5, 0.9])
        graph.phase = .update
        let w = try variable("w", shape)
        let gradient = try input("dw", shape)
        let velocity = momentum == 0 ? nil : try variable("v", shape, role: .slot)
        let results = try graph.sgd(
            w, gradient: gradient, velocity: velocity, learningRate: input("rate", .scalar, .positive),
            momentum: momentum, usesNesterov: momentum != 0 && chance(0.5), weightDecay: choice([0, 0.01]))
        try graph.assign(results[0], to: w)
        if let velocity { try graph.assign(results[1], to: velocity) }
    }

    private mutating func buildAdam() throws(GraphError) {
        let shape = shape(rank: integer(0...4))
        graph.phase = .update
        let w = try variable("w", shape)
        let (m, v) = (try variable("m", shape, role: .slot), try variable("v", shape, .positive, role: .slot))
        let gradient = try input("dw", shape)
        let step = try input("step", .scalar, whole: 0...(chance(0.5) ? 3 : 10_000))
        let rate = try input("rate", .scalar, .positive)
        let results = try graph.adam(
            w, gradient: gradient, moments: (m, v), step: step, learningRate: rate,
            beta1: choice([0.9, 0.5]),
            beta2: choice([0.999, 0.9]), epsilon: choice([1e-8, 1e-3]), weightDecay: choice([0, 0.01]))
        for (result, variable) in zip(results, [w, m, v]) { try graph.assign(result, to: variable) }
    }
}
