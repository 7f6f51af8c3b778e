import COneDNN
import FoveaGraph
import FoveaTensor

extension Compiler {
    mutating func lowerPool(_ pool: Operation.Pool, _ node: Graph.Node, at position: Int) throws(PlanError) {
        let needsGradient = readers[node.outputs[0].index].contains {
            if case .poolGradient = graph.nodes[$0].operation { true } else { false }
        }
        if runsBatchInnermost(pool, try storedLayout(of: node.inputs[0])) {
            return try lowerBatchInnermostPool(pool, node, at: position, needsGradient: needsGradient)
        }
        let descriptor = try poolForward(
            pool, source: try oneDNNLayout(of: node.inputs[0]),
            destination: graph.shape(of: node.outputs[0]), forTraining: needsGradient)
        let x = try form(of: node.inputs[0], in: descriptor.layout(DNNL_ARG_SRC))
        let y = makeForm(descriptor.layout(DNNL_ARG_DST))
        var outputs = [(DNNL_ARG_DST, y)]
        if let layout = descriptor.workspace {
            let workspace = makeForm(layout)
            workspaces[position] = workspace
            outputs.append((DNNL_ARG_WORKSPACE, workspace))
        }
        emit(
            "\(node.operation.name) \(pool.shortName)", node, descriptor, reading: [(DNNL_ARG_SRC, x)],
            writing: outputs)
        define(node.outputs[0], as: y)
    }

    mutating func lowerPoolGradient(
        _ gradient: Operation.PoolGradient, _ node: Graph.Node, at position: Int
    ) throws(PlanError) {
        let pool = gradient.pool
        let next = fusion.chains[position]?.activationGradient.map { graph.nodes[$0] }
        if runsBatchInnermost(pool, try storedLayout(of: node.inputs[0])) {
            return try lowerBatchInnermostPoolGradient(gradient, node, before: next)
        }
        let forward = try poolForward(
            pool, source: try oneDNNLayout(of: node.inputs[0]),
            destination: graph.shape(of: node.inputs[1]), forTraining: true)
        let source = forward.layout(DNNL_ARG_SRC)
        let dy = try form(of: node.inputs[2], in: forward.layout(DNNL_ARG_DST))
        let window = PoolWindow(pool)
        let engine = engine
        let descriptor = try PrimitiveDescriptor(
            "a pooling gradient", layouts: [source, dy.layout], hint: forward
        ) { descriptor, m, hint, attributes in
            dnnl_pooling_backward_primitive_desc_create(
                &descriptor, engine.handle, pool.algorithm, m[0], m[1], window.strides, window.kernel,
                window.dilations, window.paddingBefore, window.paddingAfter, hint, attributes)
        }
        var inputs = [(DNNL_ARG_DIFF_DST, dy)]
        if descriptor.workspace != nil {
            guard case .node(let position, _) = graph.origin(of: node.inputs[1]),
                let workspace = workspaces[position]
            else { throw PlanError("the gradient of a maximum needs the node that took the maximum") }
            inputs.append((DNNL_ARG_WORKSPACE, workspace))
        }
        let dx = makeForm(source)
        emit(
            "\(node.operation.name) \(pool.shortName)", node, descriptor, reading: inputs,
            writing: [(DNNL_ARG_DIFF_SRC, dx)])
        define(node.outputs[0], as: dx)
        if let next, case .activationGradient(let gradient) = next.operation {
            try lowerActivationGradient(gradient, next)
        }
    }

    private mutating func poolForward(
        _ pool: Operation.Pool, source: MemoryDescriptor, destination: Shape, forTraining: Bool
    ) throws(PlanError) -> PrimitiveDescriptor {
        let window = PoolWindow(pool)
        let engine = engine
        return try inBestType(preferring: source.dtype) { _, dtype throws(PlanError) in
            try PrimitiveDescriptor(
                "pooling", layouts: [source.storing(dtype), .any(destination.dimensions, dtype)]
            ) { descriptor, m, _, attributes in
                dnnl_pooling_forward_primitive_desc_create(
                    &descriptor, engine.handle, forTraining ? dnnl_forward_training : dnnl_forward_inference,
                    pool.algorithm, m[0], m[1], window.strides, window.kernel, window.dilations,
                    window.paddingBefore, window.paddingAfter, attributes)
            }
        }
    }
}

private struct PoolWindow {
    let kernel: [Int64]
    let strides: [Int64]
    let dilations: [Int64]
    let paddingBefore: [Int64]
    let paddingAfter: [Int64]

    init(_ pool: Operation.Pool) {
        let window = pool.poolWindow
        kernel = [Int64(window.kernel.height), Int64(window.kernel.width)]
        strides = [Int64(window.stride.height), Int64(window.stride.width)]
        dilations = [Int64(window.dilation.height - 1), Int64(window.dilation.width - 1)]
        paddingBefore = [Int64(window.padding.top), Int64(window.padding.left)]
        paddingAfter = [Int64(window.padding.bottom), Int64(window.padding.right)]
    }
}

extension Operation.Pool {
    fileprivate var algorithm: dnnl_alg_kind_t {
        switch reduction {
        case .maximum: dnnl_pooling_max
        case .average(countsPadding: true): dnnl_pooling_avg_include_padding
        case .average(countsPadding: false): dnnl_pooling_avg_exclude_padding
        }
    }

    var shortName: String {
        switch reduction {
        case .maximum: "max"
        case .average: "average"
        }
    }
}
