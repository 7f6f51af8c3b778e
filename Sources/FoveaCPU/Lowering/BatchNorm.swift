import CFoveaKernels
import FoveaGraph
import FoveaTensor

/// Batch normalization runs in kernels of its own in every layout of activations: oneDNN's adds up in float32, and takes in
/// no sum before the ReLU (`Documentation/Decisions/0008-batch-norm.md`).
extension Compiler {
    /// The bytes from which a value that is computed once more is written past the cache.
    private static let leastStreamed = 4 << 20

    mutating func lowerBatchNorm(
        _ batchNorm: Operation.BatchNorm, _ node: Graph.Node, at position: Int
    ) throws(PlanError) {
        let channels = graph.shape(of: node.inputs[1])
        let (mean, variance) =
            isRecomputing
            ? (try plainForm(of: node.outputs[1]), try plainForm(of: node.outputs[2]))
            : (makePlainForm(channels), makePlainForm(channels))
        if try !lowerBFloat16BatchNorm(
            node, at: position, epsilon: batchNorm.epsilon, statistics: (mean, variance),
            areGiven: isRecomputing)
        {
            try lowerNormalization(
                node, at: position, epsilon: batchNorm.epsilon, statistics: (mean, variance),
                areGiven: isRecomputing)
        }
        if isRecomputing { return }
        define(node.outputs[1], as: mean)
        define(node.outputs[2], as: variance)

        let count = Float(graph.shape(of: node.inputs[0]).count / channels[0])
        let momentum = batchNorm.momentum
        try followRunning(
            node.inputs[3], mean, correction: 1, momentum: momentum, result: node.outputs[3], node)
        try followRunning(
            node.inputs[4], variance, correction: count / (count - 1), momentum: momentum,
            result: node.outputs[4], node)
    }

    mutating func lowerBatchNormInference(
        _ batchNorm: Operation.BatchNormInference, _ node: Graph.Node, at position: Int
    ) throws(PlanError) {
        let statistics = (try plainForm(of: node.inputs[3]), try plainForm(of: node.inputs[4]))
        if try lowerBFloat16BatchNorm(
            node, at: position, epsilon: batchNorm.epsilon, statistics: statistics, areGiven: true)
        {
            return
        }
        try lowerNormalization(
            node, at: position, epsilon: batchNorm.epsilon, statistics: statistics, areGiven: true)
    }

    /// Normalizes by statistics that are given or computed on the way, with the sum and the ReLU after it.
    private mutating func lowerNormalization(
        _ node: Graph.Node, at position: Int, epsilon: Float, statistics: (Form, Form), areGiven: Bool
    ) throws(PlanError) {
        let chain = fusion.chains[position] ?? .none
        let (x, kernel) = try normalizedSource(node.inputs[0], epsilon: epsilon)
        let parameters = [try plainForm(of: node.inputs[1]), try plainForm(of: node.inputs[2])]
        let y = makeForm(x.layout)
        var (name, result, inPlace) = (node.operation.name, node.outputs[0], x)
        var inputs = [x] + parameters + (areGiven ? [statistics.0, statistics.1] : [])
        if let add = chain.add {
            name += "+add"
            result = graph.nodes[add.node].outputs[0]
            let residual = try form(of: add.residual, in: x.layout)
            inputs.append(residual)
            // A gradient reads `x` later, of what is added mostly not.
            if readers[node.inputs[0].index].last != position { inPlace = residual }
        }
        let relu: Int32 = chain.activation == nil ? 0 : 1
        if let activation = chain.activation {
            name += "+relu"
            result = graph.nodes[activation].outputs[0]
        }
        let adds = chain.add != nil
        // The values of the forward part are read by what follows at once, in the cache.
        let streams: Int32 = isRecomputing && y.layout.byteCount >= Self.leastStreamed ? 1 : 0
        emitKernel(
            name, path: node.path, reading: inputs,
            writing: [y] + (areGiven ? [] : [statistics.0, statistics.1]) + [makeScratch(kernel)],
            flops: graph.cost(of: node).flops, inPlace: (output: y, input: inPlace)
        ) { pointers in
            let scratch = pointers.last
            let p = pointers.map { $0.assumingMemoryBound(to: Float.self) }
            let residual = adds ? p[inputs.count - 1] : nil
            let out = Array(p.dropFirst(inputs.count))
            return {
                withUnsafePointer(to: kernel) {
                    if areGiven {
                        fovea_batch_norm_apply(
                            $0, p[0], p[1], p[2], p[3], p[4], residual, relu, streams, out[0], scratch)
                    } else {
                        fovea_batch_norm_forward(
                            $0, p[0], p[1], p[2], residual, relu, out[0], out[1], out[2], scratch)
                    }
                }
            }
        }
        define(result, as: y)
    }

    /// Moves a running statistic toward the batch's, in place where nobody else reads the old one.
    private mutating func followRunning(
        _ running: Graph.Value, _ batch: Form, correction: Float, momentum: Float, result: Graph.Value,
        _ node: Graph.Node
    ) throws(PlanError) {
        guard graph.isWanted(result) || !readers[result.index].isEmpty else { return }
        let old = try plainForm(of: running)
        let isPrivate =
            readers[running.index].count == 1
            && graph.assignments.contains {
                $0.value == result && graph.value(ofVariable: $0.variable) == running
            }
        let new = isPrivate ? old : makePlainForm(graph.shape(of: running))
        let count = graph.shape(of: running).count
        emitKernel("runningStatistic", path: node.path, reading: [old, batch], writing: [new]) { pointers in
            let p = pointers.map { $0.assumingMemoryBound(to: Float.self) }
            return { fovea_running_average(count, p[0], p[1], p[2], momentum, correction) }
        }
        define(result, as: new)
    }

    mutating func lowerBatchNormGradient(
        _ gradient: Operation.BatchNormGradient, _ node: Graph.Node, at position: Int
    ) throws(PlanError) {
        if try lowerBFloat16BatchNormGradient(node, at: position, epsilon: gradient.epsilon) { return }
        let (x, kernel) = try normalizedSource(node.inputs[0], epsilon: gradient.epsilon)
        var inputs = [x]
        for input in node.inputs[1...3] { inputs.append(try plainForm(of: input)) }
        let channels = graph.shape(of: node.inputs[1])
        let (dx, dscale, dshift) = (makeForm(x.layout), makePlainForm(channels), makePlainForm(channels))
        var outputs = [dx, dscale, dshift]
        let dy: Form
        let pass: fovea_pass
        var shared = dx
        if let source = fusion.reluSources[position], let relu = graph.producer(of: node.inputs[4]) {
            dy = try form(of: relu.inputs[1], in: x.layout)
            inputs.append(dy)
            switch source {
            case .normalized:
                pass = FOVEA_PASS_NORMALIZED
                inputs.append(try shift(ofBatchNormWithMean: node.inputs[2]))
            case .output:
                pass = FOVEA_PASS_OUTPUT
                inputs.append(try form(of: relu.inputs[0], in: x.layout))
                shared = makeForm(x.layout)
                outputs.append(shared)
                define(node.inputs[4], as: shared)
            }
        } else {
            pass = FOVEA_PASS_ALL
            dy = try form(of: node.inputs[4], in: x.layout)
            inputs.append(dy)
        }
        emitKernel(
            node.operation.name + (pass == FOVEA_PASS_ALL ? "" : "+relu"), path: node.path, reading: inputs,
            writing: outputs + [makeScratch(kernel)], flops: graph.cost(of: node).flops,
            inPlace: (output: shared, input: dy)
        ) { pointers in
            let scratch = pointers.last
            let p = pointers.map { $0.assumingMemoryBound(to: Float.self) }
            let out = Array(p.dropFirst(inputs.count))
            let shift = pass == FOVEA_PASS_NORMALIZED ? p[5] : nil
            let (output, passed) = pass == FOVEA_PASS_OUTPUT ? (p[5], out[3]) : (nil, nil)
            return {
                withUnsafePointer(to: kernel) {
                    fovea_batch_norm_backward(
                        $0, pass, p[0], p[1], shift, p[2], p[3], output, p[4], passed, out[0], out[1],
                        out[2], scratch)
                }
            }
        }
        define(node.outputs[0], as: dx)
        define(node.outputs[1], as: dscale)
        define(node.outputs[2], as: dshift)
    }

    /// The shift of the normalization whose batch had `mean`.
    private mutating func shift(ofBatchNormWithMean mean: Graph.Value) throws(PlanError) -> Form {
        guard let forward = graph.producer(of: mean) else {
            throw PlanError("a gradient of batch normalization takes in a ReLU of another operation")
        }
        return try plainForm(of: forward.inputs[2])
    }

    /// `value` in a layout that the kernels work on, with its channels apart, which a vector flattened from images has not.
    private mutating func normalizedSource(
        _ value: Graph.Value, epsilon: Float
    ) throws(PlanError) -> (Form, fovea_batch_norm) {
        let shape = graph.shape(of: value)
        var form = try form(of: value)
        if form.layout.dimensions != shape.dimensions { form = try plainForm(of: value) }
        if let kernel = fovea_batch_norm(form.layout, epsilon: epsilon) { return (form, kernel) }
        form = try self.form(of: value, in: .channelsLast(shape.dimensions))
        guard let kernel = fovea_batch_norm(form.layout, epsilon: epsilon) else {
            throw PlanError("batch normalization has no kernel for \(form.layout)")
        }
        return (form, kernel)
    }

    private mutating func makeScratch(_ kernel: fovea_batch_norm) -> Form {
        let byteCount = withUnsafePointer(to: kernel) { fovea_batch_norm_scratch($0) }
        return makeForm(.plain([byteCount / MemoryLayout<Float>.size]))
    }
}

extension fovea_batch_norm {
    /// The kernels' view of images or vectors in the given layout, if they work on it.
    fileprivate init?(_ layout: MemoryDescriptor, epsilon: Float) {
        let extents = layout.dimensions
        let (batch, channels, pixels) = (extents[0], extents[1], extents.dropFirst(2).reduce(1, *))
        let (outer, blocks, inner, lanes): (Int, Int, Int, Int)
        if layout.isPlain {
            (outer, blocks, inner, lanes) =
                pixels == 1 ? (1, 1, batch, channels) : (batch, channels, pixels, 1)
        } else if layout == .channelsLast(extents) {
            (outer, blocks, inner, lanes) = (1, 1, batch * pixels, channels)
        } else if layout.isBatchInnermost {
            (outer, blocks, inner, lanes) = (1, channels, batch * pixels, 1)
        } else if let block = layout.channelBlock {
            (outer, blocks, inner, lanes) = (batch, (channels + block - 1) / block, pixels, block)
        } else {
            return nil
        }
        self.init(
            outer: outer, blocks: blocks, inner: inner, lanes: lanes, channels: channels, epsilon: epsilon)
    }
}
