import CFoveaKernels
import FoveaGraph
import FoveaTensor

/// The lowering of losses on logits that are stored with the samples of a batch side by side, so that a chain of steps by blocks of
/// the batch goes on from the forward to the backward part (`Documentation/Decisions/0020-blocks-of-the-batch.md`).
extension Compiler {
    mutating func lowerBatchInnermostCrossEntropy(_ node: Graph.Node, _ logits: Form) throws(PlanError) {
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

    mutating func lowerBatchInnermostCrossEntropyGradient(
        _ node: Graph.Node, _ logits: Form
    ) throws(PlanError) {
        let labels = try form(of: node.inputs[1])
        let scale = try form(of: node.inputs[2])
        let shape = graph.shape(of: node.inputs[0])
        let gradient = makeForm(logits.layout)
        let blocks = batchBlocks(of: logits)
        let (batch, classes) = (shape[0] / blocks, shape[1])
        emitKernel(
            node.operation.name, path: node.path, blocks: blocks, reading: [logits, labels],
            sharing: [scale], writing: [gradient], flops: graph.cost(of: node).flops
        ) { pointers in
            let logits = pointers[0].assumingMemoryBound(to: Float.self)
            let labels = pointers[1].assumingMemoryBound(to: Int32.self)
            let scale = pointers[2].assumingMemoryBound(to: Float.self)
            let gradient = pointers[3].assumingMemoryBound(to: Float.self)
            return {
                fovea_bi_softmax_cross_entropy_gradient(
                    batch, classes, logits, labels, scale.pointee / Float(shape[0]), gradient)
            }
        }
        define(node.outputs[0], as: gradient)
    }
}
