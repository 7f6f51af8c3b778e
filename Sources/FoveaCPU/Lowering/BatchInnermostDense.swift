import CFoveaKernels
import FoveaGraph
import FoveaTensor

/// The lowering of dense products on vectors that are stored with the samples of a batch side by side, as images are before
/// them: the products are those of 1x1 convolutions of one pixel, on weights as they are
/// (`Documentation/Decisions/0016-batch-innermost-winograd.md`).
extension Compiler {
    /// The most weights for which the kernels, which have no blocks for the caches, were measured to be faster.
    private static let mostBatchInnermostWeights = 1 << 20

    /// The least work of a part of a product: about 10 microseconds of a core.
    private static let partMultiplyAdds = 400_000

    /// `value` `[N, features]` as it is stored, if the samples of a batch are side by side and a product with weights of the given
    /// shape runs on that.
    func batchInnermostVectors(_ value: Graph.Value, multipliedBy weight: Shape) -> Form? {
        guard usesBatchInnermost, weight.count <= Self.mostBatchInnermostWeights,
            graph.shape(of: value)[0] % Self.batchInnermostMultiple == 0
        else { return nil }
        return batchInnermostForm(of: value)
    }

    mutating func lowerBatchInnermostDense(
        _ node: Graph.Node, x: Form, activation: ActivationFunction?, name: String
    ) throws(PlanError) -> Form {
        let shape = graph.shape(of: node.outputs[0])
        let blocks = batchBlocks(of: x)
        let product = fovea_bi_convolution(
            vectors: shape[0] / blocks, inputs: graph.shape(of: node.inputs[0])[1], outputs: shape[1])
        var parameters = [try plainForm(of: node.inputs[1])]
        let hasBias = node.inputs.count == 3
        if hasBias { parameters.append(try plainForm(of: node.inputs[2])) }
        let y = makeForm(.batchInnermostVectors(shape))
        let function = activation?.kernel ?? FOVEA_IDENTITY
        emitKernel(
            name, path: node.path, blocks: blocks, reading: [x], sharing: parameters, writing: [y],
            flops: graph.cost(of: node).flops
        ) { pointers in
            let p = pointers.map { $0.assumingMemoryBound(to: Float.self) }
            let (bias, y) = (hasBias ? p[2] : nil, p[p.count - 1])
            return {
                withUnsafePointer(to: product) {
                    fovea_bi_convolution_forward($0, p[0], p[1], bias, function, y)
                }
            }
        }
        return y
    }

    /// - Parameter layout: of the gradient, which is that of the vectors or of the images that they were flattened from.
    mutating func lowerBatchInnermostDenseInputGradient(
        _ node: Graph.Node, in layout: MemoryDescriptor
    ) throws(PlanError) {
        let (dyShape, weightShape) = (graph.shape(of: node.inputs[0]), graph.shape(of: node.inputs[1]))
        let dy = try form(of: node.inputs[0], in: .batchInnermostVectors(dyShape))
        let weight = try plainForm(of: node.inputs[1])
        let dx = makeForm(layout)
        let blocks = batchBlocks(of: dy)
        let product = fovea_bi_convolution(
            vectors: dyShape[0] / blocks, inputs: weightShape[1], outputs: dyShape[1])
        emitKernel(
            node.operation.name, path: node.path, blocks: blocks, reading: [dy], sharing: [weight],
            writing: [dx], flops: graph.cost(of: node).flops
        ) { pointers in
            let p = pointers.map { $0.assumingMemoryBound(to: Float.self) }
            return {
                withUnsafePointer(to: product) { fovea_bi_convolution_backward_data($0, p[0], p[1], p[2]) }
            }
        }
        define(node.outputs[0], as: dx)
    }

    /// The gradient of weights is a product, too: of plain vectors, whose features are side by side, by gradients with the samples
    /// side by side.
    mutating func lowerBatchInnermostDenseParameterGradient(_ node: Graph.Node) throws(PlanError) {
        let (xShape, dyShape) = (graph.shape(of: node.inputs[0]), graph.shape(of: node.inputs[1]))
        let x = try plainForm(of: node.inputs[0])
        let dy = try form(of: node.inputs[1], in: .batchInnermostVectors(dyShape))
        let (blocks, features, units) = (batchBlocks(of: dy), xShape[1], dyShape[1])
        let gradients = makeParameterGradients(of: node, weights: .plain([units, features]))
        let batch = dyShape[0] / blocks
        // Kernels take six units at a time.
        let sixes = (units + 5) / 6
        let parts = max(1, min(sixes, dyShape[0] * features * units / Self.partMultiplyAdds))
        emitParts(
            node.operation.name, path: node.path, reading: [x, dy], writing: [gradients[0]],
            flops: graph.cost(of: node).flops
        ) { pointers in
            let p = pointers.map { $0.assumingMemoryBound(to: Float.self) }
            return (0..<parts).map { part in
                let (first, end) = (6 * (sixes * part / parts), min(units, 6 * (sixes * (part + 1) / parts)))
                return {
                    fovea_bi_dense_backward_weights(
                        blocks, batch, features, units, first, end, p[0], p[1], p[2])
                }
            }
        }
        guard gradients.count == 2 else { return }
        let sums = makePlainForm([blocks, units])
        let scratch = makePlainForm([(fovea_sum_rows_scratch(blocks, units) + 3) / 4])
        emitParts(
            "bias gradient", path: node.path, reading: [dy], writing: [gradients[1]],
            scratch: [sums, scratch]
        ) { pointers in
            let p = pointers.map { $0.assumingMemoryBound(to: Float.self) }
            return [
                {
                    fovea_sum_columns(blocks * units, batch, p[0], p[2])
                    fovea_sum_rows(blocks, units, p[2], p[1], p[3])
                }
            ]
        }
    }
}

extension MemoryDescriptor {
    /// Vectors `[N, features]` as images of one pixel, with the samples side by side.
    fileprivate static func batchInnermostVectors(_ shape: Shape) -> MemoryDescriptor {
        .batchInnermost(shape.dimensions + [1, 1])
    }
}

extension fovea_bi_convolution {
    /// The product of weights `[outputs, inputs]` by vectors with those of a batch side by side.
    fileprivate init(vectors: Int, inputs: Int, outputs: Int) {
        self.init(
            batch: vectors, channels: inputs, height: 1, width: 1, filters: outputs, outHeight: 1,
            outWidth: 1,
            kernelHeight: 1, kernelWidth: 1, strideHeight: 1, strideWidth: 1, padTop: 0, padLeft: 0)
    }
}
