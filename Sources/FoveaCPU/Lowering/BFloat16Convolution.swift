import CFoveaKernels
import FoveaGraph
import FoveaTensor

/// Products of bfloat16 numbers for which oneDNN is slower on vectors: convolutions of 1x1 taps, with the gradients of their
/// input and taps, and of images with few channels (`Documentation/Decisions/0009-bfloat16.md`).
extension Compiler {
    /// Whether a convolution runs so.
    func runsBFloat16(_ convolution: Operation.Convolution, weight: Shape, result: Graph.Value) -> Bool {
        guard hasBFloat16Kernels, convolution.groups == 1, convolution.dilation == 1,
            weight[0] % Self.panel == 0,
            resultType(of: result, computedIn: productType) == .bfloat16
        else { return false }
        return convolution.isPointwise(weight) ? weight[1] % 2 == 0 : weight[1] <= Self.mostFewChannels
    }

    /// Whether the gradient of its input does.
    func runsBFloat16Gradient(
        _ convolution: Operation.Convolution, weight: Shape, result: Graph.Value
    ) -> Bool {
        hasBFloat16Kernels && convolution.groups == 1 && convolution.stride == 1
            && convolution.isPointwise(weight) && weight[1] % Self.panel == 0 && weight[0] % 2 == 0
            && resultType(of: result, computedIn: productType) == .bfloat16
    }

    /// Whether the gradient of its taps does, which is of no padded images: 1x1 taps.
    func runsBFloat16(_ gradient: Operation.ConvolutionParameterGradient) -> Bool {
        let (convolution, weight) = (gradient.convolution, gradient.weightShape)
        return hasBFloat16Kernels && convolution.groups == 1 && convolution.isPointwise(weight)
            && !gradient.hasBias && weight[0] % Self.panel == 0 && weight[1] % Self.panel == 0
    }

    var hasBFloat16Kernels: Bool {
        productType == .bfloat16 && activationLayout == .channelsLast && CPUBackend.hasBFloat16Kernels
    }

    /// The filters that are computed together.
    static var panel: Int { Int(FOVEA_BFLOAT16_PANEL) }

    /// As many channels as photographs have: oneDNN pads each pixel to pairs, here each row of taps is.
    private static let mostFewChannels = 4

    mutating func lowerBFloat16Convolution(
        _ convolution: Operation.Convolution, _ node: Graph.Node, batchNorm: Int?, residual: Graph.Value?,
        isRectified: Bool, result: Graph.Value, name: String
    ) throws(PlanError) {
        let weightShape = graph.shape(of: node.inputs[1])
        let (input, output) = (graph.shape(of: node.inputs[0]), graph.shape(of: result))
        try settleWeight(of: node, multipliedBy: convolution)
        var x = try form(of: node.inputs[0], in: .channelsLast(input.dimensions, .bfloat16))
        var (height, width) = (input[2], input[3])
        let taps: Form
        let bias: Form?
        if convolution.isPointwise(weightShape) {
            (taps, bias) = try parameters(
                of: node, batchNorm: batchNorm, weights: .panels(weightShape.dimensions))
        } else {
            let padding = convolution.padding
            x = pad(x, by: padding, path: node.path)
            (height, width) = (height + padding.top + padding.bottom, width + padding.left + padding.right)
            let weight: Form
            (weight, bias) = try parameters(
                of: node, batchNorm: batchNorm, weights: .channelsLast(weightShape.dimensions))
            taps = try packRows(weight, path: node.path)
        }
        let layout = MemoryDescriptor.channelsLast(output.dimensions, .bfloat16)
        let y =
            if let residual { try overwritable(residual, in: layout, path: node.path) } else {
                makeForm(layout)
            }
        let row = width * input[1]
        emitBFloat16Convolution(
            fovea_bfloat16_convolution(
                count: output[0], height: output[2], width: output[3], filters: output[1],
                imageStep: height * row, rowStep: convolution.stride.height * row,
                pixelStep: convolution.stride.width * input[1],
                tapRows: weightShape[2], tapRowStep: row, tapCount: weightShape[3] * input[1]),
            name: name, node, x: x, taps: taps, bias: bias, adds: residual != nil, isRectified: isRectified,
            y: y)
        define(result, as: y)
    }

    /// The gradient of the input is the convolution of the output's gradient with the transposed taps.
    mutating func bfloat16InputGradient(
        _ gradient: Operation.ConvolutionInputGradient, _ node: Graph.Node
    ) throws(PlanError) -> Form {
        let (output, input) = (graph.shape(of: node.inputs[0]), gradient.inputShape)
        let dy = try form(of: node.inputs[0], in: .channelsLast(output.dimensions, .bfloat16))
        let taps = try form(
            of: node.inputs[1], in: .transposedPanels(graph.shape(of: node.inputs[1]).dimensions))
        let dx = makeForm(.channelsLast(input.dimensions, .bfloat16))
        let row = output[3] * output[1]
        emitBFloat16Convolution(
            fovea_bfloat16_convolution(
                count: input[0], height: input[2], width: input[3], filters: input[1],
                imageStep: output[2] * row, rowStep: row, pixelStep: output[1], tapRows: 1, tapRowStep: 0,
                tapCount: output[1]),
            name: node.operation.name, node, x: dy, taps: taps, bias: nil, adds: false, isRectified: false,
            y: dx)
        return dx
    }

    mutating func lowerBFloat16ParameterGradient(
        _ gradient: Operation.ConvolutionParameterGradient, _ node: Graph.Node
    ) throws(PlanError) {
        let (input, output) = (graph.shape(of: node.inputs[0]), graph.shape(of: node.inputs[1]))
        let x = try form(of: node.inputs[0], in: .channelsLast(input.dimensions, .bfloat16))
        let dy = try form(of: node.inputs[1], in: .channelsLast(output.dimensions, .bfloat16))
        let stride = gradient.convolution.stride
        let row = input[3] * input[1]
        let problem = fovea_bfloat16_convolution(
            count: output[0], height: output[2], width: output[3], filters: output[1],
            imageStep: input[2] * row, rowStep: stride.height * row, pixelStep: stride.width * input[1],
            tapRows: 1, tapRowStep: 0, tapCount: input[1])
        let byteCount = withUnsafePointer(to: problem) {
            fovea_bfloat16_weight_gradient_scratch($0, Int(fovea_threads()))
        }
        let scratch = makeForm(.plain([byteCount / MemoryLayout<Float>.size]))
        let gradients = makeParameterGradients(
            of: node, weights: .channelsLast(gradient.weightShape.dimensions))
        emitKernel(
            node.operation.name, path: node.path, implementation: "fovea:bf16", reading: [x, dy],
            writing: gradients, scratch: [scratch], flops: graph.cost(of: node).flops
        ) { pointers in
            let x = pointers[0].assumingMemoryBound(to: UInt16.self)
            let dy = pointers[1].assumingMemoryBound(to: UInt16.self)
            let (taps, scratch) = (pointers[2].assumingMemoryBound(to: Float.self), pointers[3])
            return {
                var problem = problem
                fovea_bfloat16_weight_gradient(&problem, x, dy, taps, scratch)
            }
        }
    }

    /// A copy of images with zeros around them, so that no row of taps reaches over an edge.
    private mutating func pad(_ x: Form, by edges: Edges, path: String) -> Form {
        let extents = x.layout.dimensions
        var padding = fovea_padding(
            count: extents[0], height: extents[2], width: extents[3], channels: extents[1], top: edges.top,
            left: edges.left, bottom: edges.bottom, right: edges.right)
        let padded = makeForm(.plain([fovea_padded_count(&padding)], .bfloat16))
        emitKernel("pad", path: path, reading: [x], writing: [padded]) { [padding] pointers in
            let p = pointers.map { $0.assumingMemoryBound(to: UInt16.self) }
            return {
                var padding = padding
                fovea_pad(&padding, p[0], p[1])
            }
        }
        return padded
    }

    /// Packs weights of 1x1 taps in row-major order; whether there is a kernel for that.
    mutating func packPanels(of weight: Form, into panels: Form, path: String) -> Bool {
        let extents = weight.layout.dimensions
        guard CPUBackend.vectorsHaveBFloat16, extents.count == 4, extents[2...] == [1, 1],
            extents[0] % Self.panel == 0, extents[1] % Self.panel == 0, weight.layout.dtype == .float32,
            weight.layout.isPlain
        else { return false }
        let packsFilters = panels.layout == .panels(extents)
        guard packsFilters || panels.layout == .transposedPanels(extents) else { return false }
        let pack = packsFilters ? fovea_bfloat16_pack_rows : fovea_bfloat16_pack_columns
        emitKernel("pack", path: path, implementation: "fovea:bf16", reading: [weight], writing: [panels]) {
            let matrix = $0[0].assumingMemoryBound(to: Float.self)
            let panels = $0[1].assumingMemoryBound(to: UInt16.self)
            return { pack(extents[0], extents[1], matrix, panels) }
        }
        return true
    }

    /// Channels-last weights in panels of filters, each row of taps and channels padded to pairs.
    private mutating func packRows(_ weight: Form, path: String) throws(PlanError) -> Form {
        let extents = weight.layout.dimensions
        let (rows, row) = (extents[2], extents[3] * extents[1])
        let dimensions = [extents[0], row, rows, 1]
        let regrouped = MemoryDescriptor(dimensions, strides: [rows * row, 1, row, row])
        return try reorder(
            Form(layout: regrouped, buffer: weight.buffer), to: .panels(dimensions), path: path)
    }

    /// - Parameter adds: whether the result is added to what `y` holds.
    private mutating func emitBFloat16Convolution(
        _ problem: fovea_bfloat16_convolution, name: String, _ node: Graph.Node, x: Form, taps: Form,
        bias: Form?, adds: Bool, isRectified: Bool, y: Form
    ) {
        emitKernel(
            name, path: node.path, implementation: "fovea:bf16",
            reading: [x, taps] + (bias.map { [$0] } ?? []) + (adds ? [y] : []), writing: [y],
            flops: graph.cost(of: node).flops
        ) { pointers in
            let p = pointers.map { $0.assumingMemoryBound(to: UInt16.self) }
            let y = p[p.count - 1]
            let bias = bias != nil ? pointers[2].assumingMemoryBound(to: Float.self) : nil
            return {
                var problem = problem
                fovea_bfloat16_convolve(&problem, p[0], p[1], bias, adds ? 1 : 0, isRectified ? 1 : 0, y)
            }
        }
    }
}
