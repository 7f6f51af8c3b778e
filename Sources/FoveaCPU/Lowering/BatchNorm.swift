import CFoveaKernels
import FoveaGraph
import FoveaTensor

/// Batch normalization runs in kernels of its own in every layout of activations, in float32 and bfloat16: oneDNN's adds up in
/// float32, and takes in no sum before the ReLU (`Documentation/Decisions/0008-batch-norm.md`).
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
        try lowerNormalization(
            node, at: position, epsilon: batchNorm.epsilon, statistics: (mean, variance),
            areGiven: isRecomputing)
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
        try lowerNormalization(
            node, at: position, epsilon: batchNorm.epsilon, statistics: statistics, areGiven: true)
    }

    /// Normalizes by statistics that are given or computed on the way, with the sum and the ReLU after it.
    private mutating func lowerNormalization(
        _ node: Graph.Node, at position: Int, epsilon: Float, statistics: (Form, Form), areGiven: Bool
    ) throws(PlanError) {
        let chain = fusion.chains[position] ?? .none
        let (x, norm) = try normalizedSource(node.inputs[0], epsilon: epsilon)
        var kernel = norm
        let parameters = [try plainForm(of: node.inputs[1]), try plainForm(of: node.inputs[2])]
        var (name, result, inPlace) = (node.operation.name, node.outputs[0], x)
        var inputs = [x.form] + parameters + (areGiven ? [statistics.0, statistics.1] : [])
        if let add = chain.add {
            name += "+add"
            result = graph.nodes[add.node].outputs[0]
            let residual = try part(of: add.residual, in: x.alone)
            inputs.append(residual.form)
            kernel.residual = residual.distances
            // A gradient reads `x` later, of what is added mostly not.
            if readers[node.inputs[0].index].last != position { inPlace = residual }
        }
        let relu: Int32 = chain.activation == nil ? 0 : 1
        if let activation = chain.activation {
            name += "+relu"
            result = graph.nodes[activation].outputs[0]
        }
        let y = makePart(for: result, in: x.alone)
        kernel.y = y.distances
        let adds = chain.add != nil
        // The values of the forward part are read by what follows at once, in the cache.
        let streams: Int32 = isRecomputing && y.alone.byteCount >= Self.leastStreamed ? 1 : 0
        emitKernel(
            name, path: node.path, reading: inputs,
            writing: [y.form] + (areGiven ? [] : [statistics.0, statistics.1]) + [makeScratch(kernel)],
            flops: graph.cost(of: node).flops, inPlace: Part.inPlace(output: y, input: inPlace)
        ) { [kernel] pointers in
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
        let add = fusion.chains[position]?.add
        let (x, norm) = try normalizedSource(node.inputs[0], epsilon: gradient.epsilon)
        var kernel = norm
        var inputs = [x.form]
        for input in node.inputs[1...3] { inputs.append(try plainForm(of: input)) }
        let channels = graph.shape(of: node.inputs[1])
        let (dscale, dshift) = (makePlainForm(channels), makePlainForm(channels))
        let dy: Part
        let pass: fovea_pass
        var passed: Part?
        var addend: Part?
        if let source = fusion.reluSources[position], let relu = graph.producer(of: node.inputs[4]) {
            let sum = fusion.chains[position]?.gradientSum
            let outputGradient = sum.map { graph.nodes[$0].inputs[0] } ?? relu.inputs[1]
            dy = try part(of: outputGradient, in: x.alone)
            inputs.append(dy.form)
            switch source {
            case .normalized:
                pass = FOVEA_PASS_NORMALIZED
                inputs.append(try shift(ofBatchNormWithMean: node.inputs[2]))
            case .output:
                pass = FOVEA_PASS_OUTPUT
                let output = try part(of: relu.inputs[0], in: x.alone)
                inputs.append(output.form)
                kernel.y = output.distances
                let shared = Part(whole: makeForm(x.alone))
                passed = shared
                define(node.inputs[4], as: shared)
                if let sum {
                    addend = Part(whole: try form(of: graph.nodes[sum].inputs[1], in: x.alone))
                    inputs.append(addend!.form)
                }
            }
        } else {
            pass = FOVEA_PASS_ALL
            dy = try part(of: node.inputs[4], in: x.alone)
            inputs.append(dy.form)
        }
        kernel.dy = dy.distances
        var name =
            (addend == nil ? "" : "sum+") + node.operation.name + (pass == FOVEA_PASS_ALL ? "" : "+relu")
        var dx = siblingPart(for: node.outputs[0], in: x.alone) ?? Part(whole: makeForm(x.alone))
        var inPlace = Part.inPlace(output: passed ?? dx, input: addend ?? dy)
        if let add {
            name += "+add"
            let residual = try part(of: add.residual, in: x.alone)
            inputs.append(residual.form)
            kernel.residual = residual.distances
            if joining.sumsInPlace.contains(position), !residual.isWhole { dx = residual }
            if readers[add.residual.index].last == add.node {
                inPlace = Part.inPlace(output: dx, input: residual) ?? inPlace
            }
        }
        kernel.dx = dx.distances
        emitKernel(
            name, path: node.path, reading: inputs,
            writing: [dx.form, dscale, dshift] + (passed.map { [$0.form] } ?? []) + [makeScratch(kernel)],
            flops: graph.cost(of: node).flops, inPlace: inPlace
        ) { [kernel, hasAddend = addend != nil] pointers in
            let scratch = pointers.last
            let p = pointers.map { $0.assumingMemoryBound(to: Float.self) }
            let out = Array(p.dropFirst(inputs.count))
            let shift = pass == FOVEA_PASS_NORMALIZED ? p[5] : nil
            let (output, passed) = pass == FOVEA_PASS_OUTPUT ? (p[5], out[3]) : (nil, nil)
            let other = hasAddend ? p[6] : nil
            let residual = add == nil ? nil : p[inputs.count - 1]
            return {
                withUnsafePointer(to: kernel) {
                    fovea_batch_norm_backward(
                        $0, pass, p[0], p[1], shift, p[2], p[3], output, p[4], other, passed, residual,
                        out[0],
                        out[1], out[2], scratch)
                }
            }
        }
        define(add.map { graph.nodes[$0.node].outputs[0] } ?? node.outputs[0], as: dx)
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

    /// `value` in a layout and type that the kernels work on, with its channels apart, which a vector flattened from images has
    /// not.
    private mutating func normalizedSource(
        _ value: Graph.Value, epsilon: Float
    ) throws(PlanError) -> (Part, fovea_batch_norm) {
        let shape = graph.shape(of: value)
        var part = CPUBackend.vectorsHaveBFloat16 ? try storedPart(of: value) : try part(of: value)
        if part.alone.dimensions != shape.dimensions { part = Part(whole: try plainForm(of: value)) }
        if let kernel = fovea_batch_norm(part, epsilon: epsilon) { return (part, kernel) }
        part = Part(whole: try form(of: value, in: .channelsLast(shape.dimensions)))
        guard let kernel = fovea_batch_norm(part, epsilon: epsilon) else {
            throw PlanError("batch normalization has no kernel for \(part.alone)")
        }
        return (part, kernel)
    }

    private mutating func makeScratch(_ kernel: fovea_batch_norm) -> Form {
        let byteCount = withUnsafePointer(to: kernel) { fovea_batch_norm_scratch($0) }
        return makeForm(.plain([byteCount / MemoryLayout<Float>.size]))
    }
}

extension Part {
    /// How far apart the kernels find pixels and parts.
    fileprivate var distances: fovea_distances {
        if isWhole { return .none }
        let strides = form.layout.strides
        // The innermost axis that has several pixels.
        let axis = alone.isBatchInnermost ? 0 : [3, 2].first { alone.dimensions[$0] > 1 } ?? 0
        return fovea_distances(pixel: strides[axis], part: strides[0])
    }

    /// The forms of what may take the memory of `input`, unless one of them is among other channels.
    fileprivate static func inPlace(output: Part, input: Part) -> (output: Form, input: Form)? {
        output.isWhole && input.isWhole ? (output.form, input.form) : nil
    }
}

extension fovea_batch_norm {
    /// The kernels' view of images or vectors that lie as `x` does, if they work on that.
    fileprivate init?(_ x: Part, epsilon: Float) {
        let layout = x.alone
        let extents = layout.dimensions
        let (batch, channels, pixels) = (extents[0], extents[1], extents.dropFirst(2).reduce(1, *))
        let (outer, blocks, inner, lanes): (Int, Int, Int, Int)
        if layout.isPlain {
            (outer, blocks, inner, lanes) =
                pixels == 1 ? (1, 1, batch, channels) : (batch, channels, pixels, 1)
        } else if layout == .channelsLast(extents, layout.dtype) {
            (outer, blocks, inner, lanes) = (1, 1, batch * pixels, channels)
        } else if layout.isBatchInnermost {
            (outer, blocks, inner, lanes) = (1, channels, batch * pixels, 1)
        } else if let block = layout.channelBlock {
            (outer, blocks, inner, lanes) = (batch, (channels + block - 1) / block, pixels, block)
        } else {
            return nil
        }
        self.init(
            outer: outer, blocks: blocks, inner: inner, lanes: lanes, channels: channels,
            isBFloat16: layout.dtype == .bfloat16 ? 1 : 0, epsilon: epsilon, x: x.distances, y: .none,
            residual: .none, dy: .none, dx: .none)
    }
}

extension fovea_distances {
    /// Those of an array without other channels.
    fileprivate static var none: fovea_distances { fovea_distances(pixel: 0, part: 0) }
}
