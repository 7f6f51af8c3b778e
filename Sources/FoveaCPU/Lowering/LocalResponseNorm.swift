import CFoveaKernels
import COneDNN
import FoveaGraph
import FoveaTensor

/// Across channels by kernels of Fovea, within a channel by oneDNN
/// (`Documentation/Decisions/0021-response-norm.md`).
extension Compiler {
    mutating func lowerLocalResponseNorm(
        _ norm: Operation.LocalResponseNorm, _ node: Graph.Node, at position: Int
    ) throws(PlanError) {
        if norm.region == .acrossChannels {
            return try lowerChannelNorm(norm, node) { shape, threads, p in
                fovea_response_norm_forward(shape, threads, p[0], p[1], p[2])
            }
        }
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
        if norm.region == .acrossChannels {
            return try lowerChannelNorm(norm, node) { shape, threads, p in
                fovea_response_norm_gradient(shape, threads, p[0], p[1], p[2], p[3])
            }
        }
        let x = try imageForm(of: node.inputs[0])
        let dy = try form(of: node.inputs[1], in: x.layout)
        let forward = try responseNormForward(norm, x.layout, forTraining: true)
        let engine = engine
        let descriptor = try PrimitiveDescriptor(
            "the gradient of local response normalization", layouts: [x.layout], hint: forward
        ) { descriptor, m, hint, attributes in
            dnnl_lrn_backward_primitive_desc_create(
                &descriptor, engine.handle, dnnl_lrn_within_channel, m[0], m[0], m[0], Int64(norm.size),
                norm.alpha, norm.beta, norm.k, hint, attributes)
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
                dnnl_lrn_within_channel, m[0], m[0], Int64(norm.size), norm.alpha, norm.beta, norm.k,
                attributes)
        }
    }

    /// The step of a kernel that reads images whose channels lie side by side, `x` first, and gives another.
    private mutating func lowerChannelNorm(
        _ norm: Operation.LocalResponseNorm, _ node: Graph.Node,
        _ kernel:
            @escaping (
                UnsafePointer<fovea_response_norm>, _ threads: Int, [UnsafeMutablePointer<Float>]
            ) -> Void
    ) throws(PlanError) {
        let shape = graph.shape(of: node.inputs[0])
        let image = try imageForm(of: node.inputs[0])
        let block = image.layout.channelBlock
        let x =
            block == nil ? try form(of: node.inputs[0], in: .channelsLast(shape.dimensions)) : image
        var inputs = [x]
        for value in node.inputs.dropFirst() { inputs.append(try form(of: value, in: x.layout)) }
        // The last block is filled up with zeros, which add nothing to a window and stay zeros.
        let channels = block.map { (shape[1] + $0 - 1) / $0 * $0 } ?? shape[1]
        let description = fovea_response_norm(
            images: shape[0], channels: channels, pixels: shape[2] * shape[3], block: block ?? channels,
            size: norm.size, alpha: norm.alpha, beta: norm.beta, k: norm.k)
        let threads = Int(fovea_threads())
        let scratch = makePlainForm([
            threads * withUnsafePointer(to: description) { fovea_response_norm_scratch($0) }
        ])
        let y = makeForm(x.layout)
        emitKernel(
            node.operation.name, path: node.path, reading: inputs, writing: [y], scratch: [scratch],
            flops: graph.cost(of: node).flops, inPlace: inputs.count > 1 ? (output: y, input: inputs[1]) : nil
        ) { pointers in
            let p = pointers.map { $0.assumingMemoryBound(to: Float.self) }
            return { withUnsafePointer(to: description) { kernel($0, threads, p) } }
        }
        define(node.outputs[0], as: y)
    }
}
