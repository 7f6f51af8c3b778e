import CFoveaKernels
import COneDNN
import FoveaGraph
import FoveaTensor

/// The gradients of a 1x1 convolution as products of matrices or as another convolution, where oneDNN's primitives are slower
/// (`Documentation/Decisions/0010-pointwise-weights.md`).
extension Compiler {
    /// The pixels from which it matters which factor comes first; with fewer it depends on where they lie in memory.
    private static let leastPixelsToTranspose = 4096
    /// Fewer filters are no good as rows, whatever the channels.
    private static let leastFiltersAsRows = 48
    /// From these on the gradient of the input is faster as a convolution.
    private static let leastChannelsToConvolve = 96

    /// Whether the gradients of a convolution are taken as products of matrices: over channels-last images with nothing left out
    /// between pixels, and so many pixels that putting the gradient of weights in order takes no time beside it.
    func isMatrixProduct(_ convolution: Operation.Convolution, x: Shape, weight: Shape) -> Bool {
        productType == .float32 && activationLayout == .channelsLast
            && Self.isMatrixProduct(convolution, x: x, weight: weight)
    }

    static func isMatrixProduct(_ convolution: Operation.Convolution, x: Shape, weight: Shape) -> Bool {
        let pixels = x[0] * x[2] * x[3]
        // The product goes through pixels in blocks, of which a small last one takes as long as a whole one.
        let fillsBlocks = pixels >= 1024 || pixels >= 512 && pixels % 64 == 0
        return isProductOfPixels(convolution, weight: weight) && fillsBlocks
    }

    /// Whether a convolution multiplies the channels of each pixel by one matrix and leaves out none.
    private static func isProductOfPixels(_ convolution: Operation.Convolution, weight: Shape) -> Bool {
        convolution.isPointwise(weight) && convolution.groups == 1 && convolution.stride == 1
    }

    /// Whether the gradient of the input is faster as a convolution of the gradient of the output, on blocked images.
    func isFasterAsConvolution(_ convolution: Operation.Convolution, weight: Shape) -> Bool {
        activationLayout == .blocked && productType == .float32 && weight[1] >= Self.leastChannelsToConvolve
            && Self.isProductOfPixels(convolution, weight: weight)
    }

    /// The gradient of the input: the convolution of `dy` with the weights transposed.
    mutating func inputGradientAsConvolution(
        _ gradient: Operation.ConvolutionInputGradient, _ node: Graph.Node
    ) throws(PlanError) -> Form {
        let (dyShape, weightShape) = (graph.shape(of: node.inputs[0]), graph.shape(of: node.inputs[1]))
        let descriptor = try convolutionForward(
            gradient.convolution, x: dyShape, weight: [weightShape[1], weightShape[0], 1, 1],
            y: gradient.inputShape, hasBias: false, dtype: .float32, result: .float32)
        let transposed = descriptor.layout(DNNL_ARG_WEIGHTS)
        let dy = try form(of: node.inputs[0], in: descriptor.layout(DNNL_ARG_SRC))
        let weight = try form(of: node.inputs[1], in: transposed.withFirstAxesExchanged)
        let dx = makeForm(descriptor.layout(DNNL_ARG_DST))
        emit(
            node.operation.name, node, descriptor,
            reading: [
                (DNNL_ARG_SRC, dy), (DNNL_ARG_WEIGHTS, Form(layout: transposed, buffer: weight.buffer)),
            ],
            writing: [(DNNL_ARG_DST, dx)])
        return dx
    }

    /// `dX = dY W`, with a row of `X` and `dY` for each pixel.
    mutating func matrixProductInputGradient(
        _ gradient: Operation.ConvolutionInputGradient, _ node: Graph.Node
    ) throws(PlanError) -> Form {
        let (dyShape, weightShape) = (graph.shape(of: node.inputs[0]), graph.shape(of: node.inputs[1]))
        let dy = try form(of: node.inputs[0], in: .channelsLast(dyShape.dimensions))
        let weight = try plainForm(of: node.inputs[1])
        let dx = makeForm(.channelsLast(gradient.inputShape.dimensions))
        let (filters, channels) = (weightShape[0], weightShape[1])
        let pixels = dyShape[0] * dyShape[2] * dyShape[3]
        emitKernel(
            node.operation.name, path: node.path, implementation: "gemm", reading: [dy, weight],
            writing: [dx], flops: graph.cost(of: node).flops
        ) { pointers in
            let p = pointers.map { $0.assumingMemoryBound(to: Float.self) }
            return {
                multiply(
                    p[0], transposed: false, by: p[1], to: p[2], rows: pixels, depth: filters,
                    columns: channels)
            }
        }
        return dx
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
                    multiply(
                        p[0], transposed: true, by: p[1], to: p[2], rows: channels, depth: pixels,
                        columns: filters)
                } else {
                    multiply(
                        p[1], transposed: true, by: p[0], to: p[2], rows: filters, depth: pixels,
                        columns: channels)
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

/// `c [rows, columns] = a b [depth, columns]`, added to what is there if `adds`, where `a` is `[rows, depth]`, or
/// `[depth, rows]` if `transposed`.
func multiply(
    _ a: UnsafePointer<Float>, transposed: Bool, by b: UnsafePointer<Float>,
    to c: UnsafeMutablePointer<Float>, rows: Int, depth: Int, columns: Int, adds: Bool = false
) {
    let status = dnnl_sgemm(
        CChar(UInt8(ascii: transposed ? "T" : "N")), CChar(UInt8(ascii: "N")), Int64(rows), Int64(columns),
        Int64(depth), 1, a, Int64(transposed ? rows : depth), b, Int64(columns), adds ? 1 : 0, c,
        Int64(columns))
    precondition(status == dnnl_success, "the memory for a matrix product is used up")
}

extension Operation.Convolution {
    /// Whether each output is made of the channels of one pixel, in the groups and at the stride there are.
    func isPointwise(_ weight: Shape) -> Bool { weight[2] == 1 && weight[3] == 1 && padding == .zero }
}
