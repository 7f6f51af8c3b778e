import CFoveaKernels
import COneDNN
import FoveaGraph
import FoveaTensor

/// The gradient of the weights of a 1x1 convolution as one matrix product, where that is faster than oneDNN's primitive for it
/// (`Documentation/Decisions/0010-pointwise-weights.md`).
extension Compiler {
    /// The pixels from which it matters which factor comes first; with fewer it depends on where they lie in memory.
    private static let leastPixelsToTranspose = 4096
    /// Fewer filters are no good as rows, whatever the channels.
    private static let leastFiltersAsRows = 48

    /// Whether the gradient of the weights is taken as a product of matrices: over channels-last images with nothing left out
    /// between pixels, and so many pixels that putting the small result in order takes no time beside it.
    func isMatrixProduct(_ gradient: Operation.ConvolutionParameterGradient, x: Shape) -> Bool {
        let (convolution, kernel) = (gradient.convolution, gradient.weightShape)
        return productType == .float32 && activationLayout == .channelsLast && kernel[2] == 1
            && kernel[3] == 1
            && convolution.groups == 1
            && convolution.stride == 1 && convolution.padding == .zero
            && x[0] * x[2] * x[3] >= 1024
    }

    /// `dW = dYᵀ X`, with a row of `X` and `dY` for each pixel, or its transpose, and the sum of the rows of `dY` for the bias.
    mutating func lowerMatrixProductParameterGradient(
        _ gradient: Operation.ConvolutionParameterGradient, _ node: Graph.Node
    ) throws(PlanError) {
        let (xShape, dyShape) = (graph.shape(of: node.inputs[0]), graph.shape(of: node.inputs[1]))
        let x = try form(of: node.inputs[0], in: .channelsLast(xShape.dimensions))
        let dy = try form(of: node.inputs[1], in: .channelsLast(dyShape.dimensions))
        let (channels, filters) = (xShape[1], dyShape[1])
        let pixels = xShape[0] * xShape[2] * xShape[3]
        let isTransposed =
            pixels >= Self.leastPixelsToTranspose
            && (filters > channels || filters < Self.leastFiltersAsRows)
        let dw =
            isTransposed
            ? makeForm(MemoryDescriptor(gradient.weightShape.dimensions, strides: [1, filters, 1, 1]))
            : makePlainForm(gradient.weightShape)
        emitKernel(
            node.operation.name, path: node.path, implementation: "gemm", reading: [x, dy], writing: [dw],
            flops: graph.cost(of: node).flops
        ) { pointers in
            let p = pointers.map { $0.assumingMemoryBound(to: Float.self) }
            return {
                if isTransposed {
                    transposedProduct(p[0], channels, p[1], filters, depth: pixels, into: p[2])
                } else {
                    transposedProduct(p[1], filters, p[0], channels, depth: pixels, into: p[2])
                }
            }
        }
        define(node.outputs[0], as: dw)
        try lowerBiasGradient(gradient, node, of: dy)
    }

    /// The sum of the rows of `dy` if the convolution has a bias.
    mutating func lowerBiasGradient(
        _ gradient: Operation.ConvolutionParameterGradient, _ node: Graph.Node, of dy: Form
    ) throws(PlanError) {
        guard gradient.hasBias else { return }
        let filters = gradient.weightShape[0]
        let pixels = dy.layout.dimensions.reduce(1, *) / filters
        let db = makePlainForm([filters])
        let scratch = makePlainForm([fovea_sum_rows_scratch(pixels, filters) / 4])
        emitKernel("sum", path: node.path, reading: [dy], writing: [db, scratch]) { pointers in
            let p = pointers.map { $0.assumingMemoryBound(to: Float.self) }
            return { fovea_sum_rows(pixels, filters, p[0], p[1], pointers[2]) }
        }
        define(node.outputs[1], as: db)
    }
}

/// `result = aᵀ b`, added to what is there if `adds`: of `depth` rows of as many elements as are given.
func transposedProduct(
    _ a: UnsafePointer<Float>, _ rows: Int, _ b: UnsafePointer<Float>, _ columns: Int, depth: Int,
    into result: UnsafeMutablePointer<Float>, adds: Bool = false
) {
    let (rows, columns) = (Int64(rows), Int64(columns))
    let status = dnnl_sgemm(
        CChar(UInt8(ascii: "T")), CChar(UInt8(ascii: "N")), rows, columns, Int64(depth), 1, a, rows, b,
        columns,
        adds ? 1 : 0, result, columns)
    precondition(status == dnnl_success, "the memory for a matrix product is used up")
}
