import CFoveaKernels
import COneDNN
import FoveaGraph
import FoveaTensor

extension Compiler {
    mutating func lowerSoftmax(_ node: Graph.Node) throws(PlanError) {
        let x = try plainForm(of: node.inputs[0])
        let descriptor = try softmaxForward(x.layout, kind: dnnl_forward_training)
        let y = makeForm(x.layout)
        emit(
            node.operation.name, node, descriptor, reading: [(DNNL_ARG_SRC, x)], writing: [(DNNL_ARG_DST, y)],
            inPlace: (output: y, input: x))
        define(node.outputs[0], as: y)
    }

    mutating func lowerSoftmaxGradient(_ node: Graph.Node) throws(PlanError) {
        let y = try plainForm(of: node.inputs[0])
        let dy = try plainForm(of: node.inputs[1])
        let forward = try softmaxForward(y.layout, kind: dnnl_forward_training)
        let engine = engine
        let descriptor = try PrimitiveDescriptor(
            "the gradient of softmax", layouts: [y.layout], hint: forward
        ) { descriptor, m, hint, attributes in
            dnnl_softmax_backward_primitive_desc_create(
                &descriptor, engine.handle, dnnl_softmax_accurate, m[0], m[0], m[0], 1, hint, attributes)
        }
        let dx = makeForm(y.layout)
        emit(
            node.operation.name, node, descriptor, reading: [(DNNL_ARG_DST, y), (DNNL_ARG_DIFF_DST, dy)],
            writing: [(DNNL_ARG_DIFF_SRC, dx)])
        define(node.outputs[0], as: dx)
    }

    private func softmaxForward(
        _ layout: MemoryDescriptor, kind: dnnl_prop_kind_t
    ) throws(PlanError) -> PrimitiveDescriptor {
        let engine = engine
        return try PrimitiveDescriptor("softmax", layouts: [layout]) { descriptor, m, _, attributes in
            dnnl_softmax_forward_primitive_desc_create(
                &descriptor, engine.handle, kind, dnnl_softmax_accurate, m[0], m[0], 1, attributes)
        }
    }

    mutating func lowerSoftmaxCrossEntropy(_ node: Graph.Node) throws(PlanError) {
        if let logits = batchInnermostForm(of: node.inputs[0]) {
            return try lowerBatchInnermostCrossEntropy(node, logits)
        }
        let logits = try plainForm(of: node.inputs[0])
        let labels = try form(of: node.inputs[1])
        let shape = graph.shape(of: node.inputs[0])
        let loss = makePlainForm(.scalar)
        emitKernel(
            node.operation.name, path: node.path, reading: [logits, labels], writing: [loss],
            flops: graph.cost(of: node).flops
        ) { pointers in
            let logits = pointers[0].assumingMemoryBound(to: Float.self)
            let labels = pointers[1].assumingMemoryBound(to: Int32.self)
            let loss = pointers[2].assumingMemoryBound(to: Float.self)
            return { loss.pointee = fovea_softmax_cross_entropy(shape[0], shape[1], logits, labels) }
        }
        define(node.outputs[0], as: loss)
    }

    /// The cross-entropy of logits with the samples of a batch side by side: each sample's by blocks, so that a chain of steps goes on from
    /// the forward to the backward part (`Documentation/Decisions/0020-blocks-of-the-batch.md`), and their mean.
    private mutating func lowerBatchInnermostCrossEntropy(_ node: Graph.Node, _ logits: Form)
        throws(PlanError)
    {
        let labels = try form(of: node.inputs[1])
        let shape = graph.shape(of: node.inputs[0])
        let losses = makePlainForm([shape[0]])
        let blocks = batchBlocks(of: logits)
        let (batch, classes) = (shape[0] / blocks, shape[1])
        emitKernel(
            node.operation.name, path: node.path, blocks: blocks, reading: [logits, labels],
            writing: [losses], flops: graph.cost(of: node).flops
        ) { pointers in
            let logits = pointers[0].assumingMemoryBound(to: Float.self)
            let labels = pointers[1].assumingMemoryBound(to: Int32.self)
            let losses = pointers[2].assumingMemoryBound(to: Float.self)
            return { fovea_bi_softmax_cross_entropy(batch, classes, logits, labels, losses) }
        }
        let loss = makePlainForm(.scalar)
        emitParts("mean", path: node.path, reading: [losses], writing: [loss], flops: shape[0]) { pointers in
            let p = pointers.map { $0.assumingMemoryBound(to: Float.self) }
            return [{ p[1].pointee = fovea_mean(shape[0], p[0]) }]
        }
        define(node.outputs[0], as: loss)
    }

    mutating func lowerSoftmaxCrossEntropyGradient(_ node: Graph.Node) throws(PlanError) {
        let sideBySide = batchInnermostForm(of: node.inputs[0])
        let logits = if let sideBySide { sideBySide } else { try plainForm(of: node.inputs[0]) }
        let labels = try form(of: node.inputs[1])
        let scale = try form(of: node.inputs[2])
        let shape = graph.shape(of: node.inputs[0])
        let gradient = makeForm(logits.layout)
        let blocks = batchBlocks(of: logits)
        let (batch, classes, isSideBySide) = (shape[0] / blocks, shape[1], sideBySide != nil)
        emitKernel(
            node.operation.name, path: node.path, blocks: blocks, reading: [logits, labels],
            sharing: [scale], writing: [gradient], flops: graph.cost(of: node).flops
        ) { pointers in
            let logits = pointers[0].assumingMemoryBound(to: Float.self)
            let labels = pointers[1].assumingMemoryBound(to: Int32.self)
            let scale = pointers[2].assumingMemoryBound(to: Float.self)
            let gradient = pointers[3].assumingMemoryBound(to: Float.self)
            return {
                if isSideBySide {
                    fovea_bi_softmax_cross_entropy_gradient(
                        batch, classes, logits, labels, scale.pointee / Float(shape[0]), gradient)
                } else {
                    fovea_softmax_cross_entropy_gradient(
                        batch, classes, logits, labels, scale.pointee, gradient)
                }
            }
        }
        define(node.outputs[0], as: gradient)
    }

    mutating func lowerMeanSquaredError(_ node: Graph.Node) throws(PlanError) {
        let prediction = try plainForm(of: node.inputs[0])
        let target = try plainForm(of: node.inputs[1])
        let shape = graph.shape(of: node.inputs[0])
        let loss = makePlainForm(.scalar)
        let (count, rows) = (shape.count, Float(shape[0]))
        emitKernel(
            node.operation.name, path: node.path, reading: [prediction, target], writing: [loss],
            flops: 3 * count
        ) { pointers in
            let p = pointers.map { $0.assumingMemoryBound(to: Float.self) }
            return { p[2].pointee = fovea_squared_error(count, p[0], p[1]) / rows }
        }
        define(node.outputs[0], as: loss)
    }

    mutating func lowerMeanSquaredErrorGradient(_ node: Graph.Node) throws(PlanError) {
        let prediction = try plainForm(of: node.inputs[0])
        let target = try plainForm(of: node.inputs[1])
        let scale = try form(of: node.inputs[2])
        let shape = graph.shape(of: node.inputs[0])
        let gradient = makePlainForm(shape)
        let (count, rows) = (shape.count, Float(shape[0]))
        emitKernel(
            node.operation.name, path: node.path, reading: [prediction, target, scale], writing: [gradient],
            flops: 2 * count
        ) { pointers in
            let p = pointers.map { $0.assumingMemoryBound(to: Float.self) }
            return { fovea_squared_error_gradient(count, p[0], p[1], 2 * p[2].pointee / rows, p[3]) }
        }
        define(node.outputs[0], as: gradient)
    }

    mutating func lowerSumOfSquares(_ node: Graph.Node) throws(PlanError) {
        // The order of the elements does not matter, and the padding of blocked layouts is zero.
        let x = try form(of: node.inputs[0])
        let sum = makePlainForm(.scalar)
        let count = x.layout.storedCount
        emitKernel(node.operation.name, path: node.path, reading: [x], writing: [sum], flops: 2 * count) {
            pointers in
            let p = pointers.map { $0.assumingMemoryBound(to: Float.self) }
            return { p[1].pointee = fovea_sum_of_squares(count, p[0]) }
        }
        define(node.outputs[0], as: sum)
    }
}
