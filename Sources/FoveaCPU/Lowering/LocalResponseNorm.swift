import COneDNN
import FoveaGraph
import FoveaTensor

extension Compiler {
    mutating func lowerLocalResponseNorm(
        _ norm: Operation.LocalResponseNorm, _ node: Graph.Node, at position: Int
    ) throws(PlanError) {
        let x = try imageForm(of: node.inputs[0])
        let needsGradient = readers[node.inputs[0].index].contains {
            if case .localResponseNormGradient(let gradient) = graph.nodes[$0].operation {
                gradient.norm == norm
            } else {
                false
            }
        }
        let descriptor = try responseNormForward(norm, x.layout, forTraining: needsGradient)
        let y = makeForm(x.layout)
        var outputs = [(DNNL_ARG_DST, y)]
        if let layout = descriptor.workspace {
            let workspace = makeForm(layout)
            workspaces[position] = workspace
            outputs.append((DNNL_ARG_WORKSPACE, workspace))
        }
        emit(node.operation.name, node, descriptor, reading: [(DNNL_ARG_SRC, x)], writing: outputs)
        define(node.outputs[0], as: y)
    }

    mutating func lowerLocalResponseNormGradient(
        _ gradient: Operation.LocalResponseNormGradient, _ node: Graph.Node
    ) throws(PlanError) {
        let norm = gradient.norm
        let x = try imageForm(of: node.inputs[0])
        let dy = try form(of: node.inputs[1], in: x.layout)
        let forward = try responseNormForward(norm, x.layout, forTraining: true)
        let engine = engine
        let descriptor = try PrimitiveDescriptor(
            "the gradient of local response normalization", layouts: [x.layout], hint: forward
        ) { descriptor, m, hint, attributes in
            dnnl_lrn_backward_primitive_desc_create(
                &descriptor, engine.handle, norm.algorithm, m[0], m[0], m[0], Int64(norm.size), norm.alpha,
                norm.beta, norm.k, hint, attributes)
        }
        var inputs = [(DNNL_ARG_SRC, x), (DNNL_ARG_DIFF_DST, dy)]
        if descriptor.workspace != nil {
            let forwardPosition = readers[node.inputs[0].index].first {
                graph.nodes[$0].operation == .localResponseNorm(norm)
            }
            guard let forwardPosition, let workspace = workspaces[forwardPosition] else {
                throw PlanError("the gradient of a normalization needs the node that normalized")
            }
            inputs.append((DNNL_ARG_WORKSPACE, workspace))
        }
        let dx = makeForm(x.layout)
        emit(node.operation.name, node, descriptor, reading: inputs, writing: [(DNNL_ARG_DIFF_SRC, dx)])
        define(node.outputs[0], as: dx)
    }

    private func responseNormForward(
        _ norm: Operation.LocalResponseNorm, _ layout: MemoryDescriptor, forTraining: Bool
    ) throws(PlanError) -> PrimitiveDescriptor {
        let engine = engine
        return try PrimitiveDescriptor("local response normalization", layouts: [layout]) {
            descriptor, m, _, attributes in
            dnnl_lrn_forward_primitive_desc_create(
                &descriptor, engine.handle, forTraining ? dnnl_forward_training : dnnl_forward_inference,
                norm.algorithm, m[0], m[0], Int64(norm.size), norm.alpha, norm.beta, norm.k, attributes)
        }
    }
}

extension Operation.LocalResponseNorm {
    fileprivate var algorithm: dnnl_alg_kind_t {
        switch region {
        case .acrossChannels: dnnl_lrn_across_channels
        case .withinChannel: dnnl_lrn_within_channel
        }
    }
}
