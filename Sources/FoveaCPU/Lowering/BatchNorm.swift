import CFoveaKernels
import COneDNN
import FoveaGraph
import FoveaTensor

extension Compiler {
    mutating func lowerBatchNorm(
        _ batchNorm: Operation.BatchNorm, _ node: Graph.Node, at position: Int
    ) throws(PlanError) {
        let channels = graph.shape(of: node.inputs[1])
        let (mean, variance) = (makePlainForm(channels), makePlainForm(channels))
        if try !lowerBFloat16BatchNorm(
            node, at: position, epsilon: batchNorm.epsilon, mean: mean, variance: variance)
        {
            try lowerFloat32BatchNorm(
                node, at: position, epsilon: batchNorm.epsilon, mean: mean, variance: variance)
        }
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

    private mutating func lowerFloat32BatchNorm(
        _ node: Graph.Node, at position: Int, epsilon: Float, mean: Form, variance: Form
    ) throws(PlanError) {
        let x = try imageForm(of: node.inputs[0])
        let scale = try plainForm(of: node.inputs[1])
        let shift = try plainForm(of: node.inputs[2])
        let activation = fusion.chains[position]?.activation
        let descriptor = try batchNormForward(
            x.layout, epsilon: epsilon, flags: scaleAndShift | (activation == nil ? 0 : fusedReLU),
            kind: dnnl_forward_training)
        let y = makeForm(x.layout)
        var outputs = [(DNNL_ARG_DST, y), (DNNL_ARG_MEAN, mean), (DNNL_ARG_VARIANCE, variance)]
        if let layout = descriptor.workspace {
            let workspace = makeForm(layout)
            workspaces[position] = workspace
            outputs.append((DNNL_ARG_WORKSPACE, workspace))
        }
        emit(
            node.operation.name + (activation == nil ? "" : "+relu"), node, descriptor,
            reading: [(DNNL_ARG_SRC, x), (DNNL_ARG_SCALE, scale), (DNNL_ARG_SHIFT, shift)], writing: outputs)
        define(activation.map { graph.nodes[$0].outputs[0] } ?? node.outputs[0], as: y)
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
        let x = try imageForm(of: node.inputs[0])
        let scale = try plainForm(of: node.inputs[1])
        let mean = try plainForm(of: node.inputs[2])
        let variance = try plainForm(of: node.inputs[3])
        let takesReLU = fusion.reluBatchNormGradients.contains(position)
        var outputGradient = node.inputs[4]
        if takesReLU, let producer = graph.producer(of: outputGradient) {
            outputGradient = producer.inputs[1]
        }
        let dy = try form(of: outputGradient, in: x.layout)
        let flags = scaleAndShift | (takesReLU ? fusedReLU : 0)
        let forward = try batchNormForward(
            x.layout, epsilon: gradient.epsilon, flags: flags, kind: dnnl_forward_training)
        let engine = engine
        let epsilon = gradient.epsilon
        let descriptor = try PrimitiveDescriptor(
            "the gradient of batch normalization", layouts: [x.layout], hint: forward
        ) { descriptor, m, hint, attributes in
            dnnl_batch_normalization_backward_primitive_desc_create(
                &descriptor, engine.handle, dnnl_backward, m[0], m[0], m[0], epsilon, flags, hint, attributes)
        }
        var inputs = [
            (DNNL_ARG_SRC, x), (DNNL_ARG_DIFF_DST, dy), (DNNL_ARG_MEAN, mean), (DNNL_ARG_VARIANCE, variance),
            (DNNL_ARG_SCALE, scale),
        ]
        if takesReLU, case .node(let forwardPosition, _) = graph.origin(of: node.inputs[2]),
            let workspace = workspaces[forwardPosition]
        {
            inputs.append((DNNL_ARG_WORKSPACE, workspace))
        }
        let channels = graph.shape(of: node.inputs[1])
        let (dx, dscale, dshift) = (makeForm(x.layout), makePlainForm(channels), makePlainForm(channels))
        emit(
            node.operation.name + (takesReLU ? "+relu" : ""), node, descriptor, reading: inputs,
            writing: [(DNNL_ARG_DIFF_SRC, dx), (DNNL_ARG_DIFF_SCALE, dscale), (DNNL_ARG_DIFF_SHIFT, dshift)],
            inPlace: (output: dx, input: dy))
        define(node.outputs[0], as: dx)
        define(node.outputs[1], as: dscale)
        define(node.outputs[2], as: dshift)
    }

    mutating func lowerBatchNormInference(
        _ batchNorm: Operation.BatchNormInference, _ node: Graph.Node
    ) throws(PlanError) {
        if try lowerBFloat16BatchNormInference(node, epsilon: batchNorm.epsilon) { return }
        let x = try imageForm(of: node.inputs[0])
        let descriptor = try batchNormForward(
            x.layout, epsilon: batchNorm.epsilon,
            flags: scaleAndShift | dnnl_use_global_stats.rawValue, kind: dnnl_forward_inference)
        var inputs = [(DNNL_ARG_SRC, x)]
        let numbers = [DNNL_ARG_SCALE, DNNL_ARG_SHIFT, DNNL_ARG_MEAN, DNNL_ARG_VARIANCE]
        for (number, input) in zip(numbers, node.inputs.dropFirst()) {
            inputs.append((number, try plainForm(of: input)))
        }
        let y = makeForm(x.layout)
        emit(
            node.operation.name, node, descriptor, reading: inputs, writing: [(DNNL_ARG_DST, y)],
            inPlace: (output: y, input: x))
        define(node.outputs[0], as: y)
    }

    private func batchNormForward(
        _ layout: MemoryDescriptor, epsilon: Float, flags: UInt32, kind: dnnl_prop_kind_t
    ) throws(PlanError) -> PrimitiveDescriptor {
        let engine = engine
        return try PrimitiveDescriptor("batch normalization", layouts: [layout]) {
            descriptor, m, _, attributes in
            dnnl_batch_normalization_forward_primitive_desc_create(
                &descriptor, engine.handle, kind, m[0], m[0], epsilon, flags, attributes)
        }
    }
}

private let scaleAndShift = dnnl_use_scale.rawValue | dnnl_use_shift.rawValue
private let fusedReLU = dnnl_fuse_norm_relu.rawValue
