import CFoveaKernels
import FoveaGraph
import FoveaTensor

/// The gradient of the weights of a strided convolution as products of matrices, over the pixels under its taps put side by
/// side (`Documentation/Decisions/0019-unfolding.md`).
extension Compiler {
    /// The bytes of pixels that are put side by side at once: they stay in the last cache until they are multiplied.
    private static let unfoldedBytes = 2 << 20
    /// The channels on either side from which the products are fast.
    private static let leastChannels = 96
    /// The pixels of the gradient in a batch from which they are faster.
    private static let leastPixels = 512

    func isUnfolded(_ gradient: Operation.ConvolutionParameterGradient, x: Shape, dy: Shape) -> Bool {
        let (convolution, kernel) = (gradient.convolution, gradient.weightShape)
        return productType == .float32 && activationLayout == .channelsLast && convolution.groups == 1
            && convolution.stride != 1 && convolution.dilation == 1 && kernel[2] * kernel[3] > 1
            && min(x[1], dy[1]) >= Self.leastChannels && dy[0] * dy[2] * dy[3] >= Self.leastPixels
    }

    /// `dW = Uᵀ dY`, with a row of `dY` and of the pixels under the taps for each pixel of the output.
    mutating func lowerUnfoldedParameterGradient(
        _ gradient: Operation.ConvolutionParameterGradient, _ node: Graph.Node
    ) throws(PlanError) {
        let (xShape, dyShape) = (graph.shape(of: node.inputs[0]), graph.shape(of: node.inputs[1]))
        let x = try form(of: node.inputs[0], in: .channelsLast(xShape.dimensions))
        let dy = try form(of: node.inputs[1], in: .channelsLast(dyShape.dimensions))
        let kernel = gradient.weightShape
        let (filters, width) = (kernel[0], dyShape[3])
        let columns = kernel.count / filters
        let rows = dyShape[0] * dyShape[2]
        let rowsAtOnce = min(max(Self.unfoldedBytes / (4 * width * columns), 1), rows)
        let dw = makeForm(
            MemoryDescriptor(
                kernel.dimensions,
                strides: [1, filters, kernel[3] * kernel[1] * filters, kernel[1] * filters]))
        let unfolded = makePlainForm([rowsAtOnce * width, columns])
        let unfolding = fovea_unfolding(gradient.convolution, x: xShape, kernel: kernel, y: dyShape)
        emitKernel(
            node.operation.name, path: node.path, implementation: "unfolded gemm", reading: [x, dy],
            writing: [dw, unfolded], flops: graph.cost(of: node).flops
        ) { pointers in
            let p = pointers.map { $0.assumingMemoryBound(to: Float.self) }
            return {
                for first in stride(from: 0, to: rows, by: rowsAtOnce) {
                    let last = min(first + rowsAtOnce, rows)
                    withUnsafePointer(to: unfolding) { fovea_unfold($0, p[0], first, last, p[3]) }
                    multiply(
                        p[3], transposed: true, by: p[1] + first * width * filters, to: p[2], rows: columns,
                        depth: (last - first) * width, columns: filters, adds: first > 0)
                }
            }
        }
        define(node.outputs[0], as: dw)
        try lowerBiasGradient(gradient, node, of: dy)
    }
}

extension fovea_unfolding {
    fileprivate init(_ convolution: Operation.Convolution, x: Shape, kernel: Shape, y: Shape) {
        self.init(
            channels: x[1], height: x[2], width: x[3], outputHeight: y[2], outputWidth: y[3],
            tapRows: kernel[2], tapColumns: kernel[3], rowStep: convolution.stride.height,
            columnStep: convolution.stride.width, top: convolution.padding.top, left: convolution.padding.left
        )
    }
}
