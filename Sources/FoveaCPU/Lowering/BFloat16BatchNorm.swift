import CFoveaKernels
import COneDNN
import FoveaGraph
import FoveaTensor

/// Batch normalization of images stored in bfloat16, in oneDNN's primitives; statistics, scale and shift are float32.
///
/// Each function says whether it lowered the node: not where the images are float32, or oneDNN has only a plain loop.
extension Compiler {
    /// Normalizes by statistics that are given or, computed on the way, written; then the sum and the ReLU after it.
    mutating func lowerBFloat16BatchNorm(
        _ node: Graph.Node, at position: Int, epsilon: Float, statistics: (mean: Form, variance: Form),
        areGiven: Bool
    ) throws(PlanError) -> Bool {
        let chain = fusion.chains[position] ?? .none
        // oneDNN takes in a ReLU, and no sum before it.
        let fusesReLU = chain.add == nil && chain.activation != nil
        guard
            let (x, descriptor) = try normalization(
                of: node.inputs[0], epsilon: epsilon, fusesReLU: fusesReLU, usesGivenStatistics: areGiven)
        else { return false }
        let y = makeForm(x.layout)
        var inputs = [
            (DNNL_ARG_SRC, x), (DNNL_ARG_SCALE, try plainForm(of: node.inputs[1])),
            (DNNL_ARG_SHIFT, try plainForm(of: node.inputs[2])),
        ]
        var outputs = [(DNNL_ARG_DST, y)]
        let both = [(DNNL_ARG_MEAN, statistics.mean), (DNNL_ARG_VARIANCE, statistics.variance)]
        if areGiven { inputs += both } else { outputs += both }
        if let layout = descriptor.workspace {
            let workspace = makeForm(layout)
            workspaces[position] = workspace
            outputs.append((DNNL_ARG_WORKSPACE, workspace))
        }
        emit(
            node.operation.name + (fusesReLU ? "+relu" : ""), node, descriptor, reading: inputs,
            writing: outputs, inPlace: areGiven ? (output: y, input: x) : nil)
        let rectified = chain.activation.map { graph.nodes[$0].outputs[0] }
        define(fusesReLU ? rectified ?? node.outputs[0] : node.outputs[0], as: y)
        if let add = chain.add {
            try lowerBinary(
                FOVEA_ADD, graph.nodes[add.node], at: add.node,
                activation: rectified.map { (function: .relu, result: $0) })
        }
        return true
    }

    mutating func lowerBFloat16BatchNormGradient(
        _ node: Graph.Node, at position: Int, epsilon: Float
    ) throws(PlanError) -> Bool {
        let source = fusion.reluSources[position]
        guard
            let (x, forward) = try normalization(
                of: node.inputs[0], epsilon: epsilon, fusesReLU: source == .normalized)
        else { return false }
        var outputGradient = node.inputs[4]
        if let source, let relu = graph.producer(of: outputGradient) {
            switch source {
            case .normalized: outputGradient = relu.inputs[1]
            case .output:
                guard case .activationGradient(let operation) = relu.operation else { return false }
                try lowerActivationGradient(operation, relu)
            }
        }
        let dy = try form(of: outputGradient, in: x.layout)
        let engine = engine
        let flags = Self.flags(fusesReLU: source == .normalized)
        let descriptor = try PrimitiveDescriptor(
            "the gradient of batch normalization", layouts: [x.layout], hint: forward
        ) { descriptor, m, hint, attributes in
            dnnl_batch_normalization_backward_primitive_desc_create(
                &descriptor, engine.handle, dnnl_backward, m[0], m[0], m[0], epsilon, flags, hint, attributes)
        }
        var inputs = [(DNNL_ARG_SRC, x), (DNNL_ARG_DIFF_DST, dy)]
        let numbers = [DNNL_ARG_SCALE, DNNL_ARG_MEAN, DNNL_ARG_VARIANCE]
        for (number, input) in zip(numbers, node.inputs[1...3]) {
            inputs.append((number, try plainForm(of: input)))
        }
        if source == .normalized, case .node(let forwardPosition, _) = graph.origin(of: node.inputs[2]),
            let workspace = workspaces[forwardPosition]
        {
            inputs.append((DNNL_ARG_WORKSPACE, workspace))
        }
        let channels = graph.shape(of: node.inputs[1])
        let (dx, dscale, dshift) = (makeForm(x.layout), makePlainForm(channels), makePlainForm(channels))
        emit(
            node.operation.name + (source == .normalized ? "+relu" : ""), node, descriptor, reading: inputs,
            writing: [(DNNL_ARG_DIFF_SRC, dx), (DNNL_ARG_DIFF_SCALE, dscale), (DNNL_ARG_DIFF_SHIFT, dshift)],
            inPlace: (output: dx, input: dy))
        define(node.outputs[0], as: dx)
        define(node.outputs[1], as: dscale)
        define(node.outputs[2], as: dshift)
        return true
    }

    /// Where `value` is stored in bfloat16 and the primitive that normalizes it there.
    private mutating func normalization(
        of value: Graph.Value, epsilon: Float, fusesReLU: Bool = false, usesGivenStatistics: Bool = false
    ) throws(PlanError) -> (Form, PrimitiveDescriptor)? {
        let present = try storedPart(of: value)
        guard present.isWhole, present.form.layout.dtype == .bfloat16 else { return nil }
        let x = present.form
        let engine = engine
        let flags =
            Self.flags(fusesReLU: fusesReLU) | (usesGivenStatistics ? dnnl_use_global_stats.rawValue : 0)
        let descriptor = try? PrimitiveDescriptor("batch normalization", layouts: [x.layout]) {
            descriptor, m, _, attributes in
            dnnl_batch_normalization_forward_primitive_desc_create(
                &descriptor, engine.handle,
                usesGivenStatistics ? dnnl_forward_inference : dnnl_forward_training, m[0], m[0], epsilon,
                flags, attributes)
        }
        guard let descriptor, !descriptor.isReferenceLoop else { return nil }
        return (x, descriptor)
    }

    private static func flags(fusesReLU: Bool) -> UInt32 {
        dnnl_use_scale.rawValue | dnnl_use_shift.rawValue | (fusesReLU ? dnnl_fuse_norm_relu.rawValue : 0)
    }
}
