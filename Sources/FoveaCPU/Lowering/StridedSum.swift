import CFoveaKernels
import FoveaGraph
import FoveaTensor

/// The gradient of the input of a strided 1x1 convolution, of which most pixels are zero, added to that of another convolution
/// (`Documentation/Decisions/0019-unfolding.md`).
extension Compiler {
    /// Computes the pixels that the convolution reads: the gradient of one without stride.
    mutating func lowerCompactInputGradient(
        _ gradient: Operation.ConvolutionInputGradient, _ node: Graph.Node, at position: Int
    ) throws(PlanError) {
        let (x, dy) = (gradient.inputShape, graph.shape(of: node.inputs[0]))
        var dense = gradient
        dense.convolution.stride = 1
        dense.inputShape = [x[0], x[1], dy[2], dy[3]]
        let few = try inputGradient(dense, node)
        let layout = MemoryDescriptor.channelsLast(dense.inputShape.dimensions, few.layout.dtype)
        compactGradients[position] =
            few.layout == layout ? few : try reorder(few, to: layout, path: node.path)
    }

    mutating func lowerStridedSum(
        _ sum: Fusion.StridedSum, _ node: Graph.Node, at position: Int
    ) throws(PlanError) {
        guard let few = compactGradients[sum.gradient],
            case .convolutionInputGradient(let gradient) = graph.nodes[sum.gradient].operation
        else { return try lowerBinary(FOVEA_ADD, node, at: position) }
        let shape = gradient.inputShape
        let pixels = few.layout.dimensions
        // Nobody reads the other gradient but this sum.
        let dtype = few.layout.dtype
        let dx = try overwritable(sum.other, in: .channelsLast(shape.dimensions, dtype), path: node.path)
        let stride = gradient.convolution.stride
        let places = fovea_unfolding(
            channels: shape[1], height: shape[2], width: shape[3], outputHeight: pixels[2],
            outputWidth: pixels[3], tapRows: 1, tapColumns: 1, rowStep: stride.height,
            columnStep: stride.width, top: 0, left: 0)
        emitKernel(
            "add strided", path: node.path, reading: [few, dx], writing: [dx], flops: few.layout.storedCount
        ) { pointers in
            {
                let isBFloat16: Int32 = dtype == .bfloat16 ? 1 : 0
                withUnsafePointer(to: places) {
                    fovea_add_strided($0, shape[0], isBFloat16, pointers[0], pointers[1])
                }
            }
        }
        define(node.outputs[0], as: dx)
    }
}
