import CFoveaKernels
import FoveaGraph
import FoveaTensor

/// Convolutions of 3x3 taps without stride by minimal filtering of 2x2 outputs in products of bfloat16 numbers, with 44 % of the
/// multiplications, and the gradients of their inputs (`Documentation/Decisions/0013-winograd.md`).
extension Compiler {
    /// Whether a convolution runs so.
    func runsBFloat16Winograd(
        _ convolution: Operation.Convolution, weight: Shape, result: Graph.Value
    ) -> Bool {
        runsBFloat16Winograd(convolution, weight, inputs: weight[1], outputs: weight[0], result: result)
    }

    /// Whether the gradient of its input does.
    func runsBFloat16WinogradGradient(
        _ convolution: Operation.Convolution, weight: Shape, result: Graph.Value
    ) -> Bool {
        runsBFloat16Winograd(convolution, weight, inputs: weight[0], outputs: weight[1], result: result)
    }

    private func runsBFloat16Winograd(
        _ convolution: Operation.Convolution, _ weight: Shape, inputs: Int, outputs: Int,
        result: Graph.Value
    ) -> Bool {
        guard hasBFloat16Kernels, convolutionAlgorithm == nil, weight[2] == 3, weight[3] == 3,
            convolution.groups == 1, convolution.stride == 1, convolution.dilation == 1,
            convolution.padding.top < 3, convolution.padding.left < 3,
            inputs % fovea_vector_lanes() == 0, outputs % Self.panel == 0,
            resultType(of: result, computedIn: productType) == .bfloat16
        else { return false }
        let shape = graph.shape(of: result)
        return shape[0] * ((shape[2] + 1) / 2) * ((shape[3] + 1) / 2) >= Self.leastTiles
    }

    /// The fewest tiles for which it is measured to be faster: one image of 7x7.
    private static let leastTiles = 16

    mutating func lowerBFloat16WinogradConvolution(
        _ convolution: Operation.Convolution, _ node: Graph.Node, batchNorm: Int?, residual: Graph.Value?,
        isRectified: Bool, result: Graph.Value, name: String
    ) throws(PlanError) {
        let (weight, bias) = try parameters(
            of: node, batchNorm: batchNorm, weights: Self.winogradWeights(graph.shape(of: node.inputs[1])))
        let x = try form(
            of: node.inputs[0],
            in: .channelsLast(graph.shape(of: node.inputs[0]).dimensions, .bfloat16))
        let layout = MemoryDescriptor.channelsLast(graph.shape(of: result).dimensions, .bfloat16)
        let y =
            if let residual { try overwritable(residual, in: layout, path: node.path) } else {
                makeForm(layout)
            }
        emitBFloat16Winograd(
            name, node, x: x, weight: weight, isTurned: false, bias: bias, adds: residual != nil,
            isRectified: isRectified, y: y, top: convolution.padding.top, left: convolution.padding.left)
        define(result, as: y)
    }

    /// The gradient of the input is the convolution of the output's gradient with the taps turned by half a turn.
    mutating func lowerBFloat16WinogradInputGradient(
        _ gradient: Operation.ConvolutionInputGradient, _ node: Graph.Node
    ) throws(PlanError) {
        let (dyShape, weightShape) = (graph.shape(of: node.inputs[0]), graph.shape(of: node.inputs[1]))
        let dy = try form(of: node.inputs[0], in: .channelsLast(dyShape.dimensions, .bfloat16))
        let weight = try form(of: node.inputs[1], in: Self.exchangedWinogradWeights(weightShape))
        let dx = makeForm(.channelsLast(gradient.inputShape.dimensions, .bfloat16))
        let padding = gradient.convolution.padding
        emitBFloat16Winograd(
            node.operation.name, node, x: dy, weight: weight, isTurned: true, bias: nil, adds: false,
            isRectified: false, y: dx, top: 2 - padding.top, left: 2 - padding.left)
        define(node.outputs[0], as: dx)
    }

    /// The order of weights in memory whose filters are read as channels: taps, then filters, then channels.
    private static func exchangedWinogradWeights(_ shape: Shape) -> MemoryDescriptor {
        let (filters, channels) = (shape[0], shape[1])
        return MemoryDescriptor(
            shape.dimensions, strides: [channels, 1, 3 * filters * channels, filters * channels])
    }

    /// - Parameter adds: whether the result is added to what `y` holds.
    private mutating func emitBFloat16Winograd(
        _ name: String, _ node: Graph.Node, x: Form, weight: Form, isTurned: Bool, bias: Form?, adds: Bool,
        isRectified: Bool, y: Form, top: Int, left: Int
    ) {
        let (input, output) = (x.layout.dimensions, y.layout.dimensions)
        let (inputs, outputs) = (input[1], output[1])
        let taps = makeForm(.plain([fovea_bfloat16_winograd_tap_count(inputs, outputs)], .bfloat16))
        emitKernel(
            "transformTaps", path: node.path, implementation: "winograd:bf16", reading: [weight],
            writing: [taps]
        ) { pointers in
            let from = pointers[0].assumingMemoryBound(to: Float.self)
            let to = pointers[1].assumingMemoryBound(to: UInt16.self)
            return { fovea_bfloat16_winograd_transform(inputs, outputs, isTurned ? 1 : 0, from, to) }
        }
        var problem = fovea_bfloat16_winograd(
            count: input[0], inputHeight: input[2], inputWidth: input[3], inputs: inputs, height: output[2],
            width: output[3], outputs: outputs, top: top, left: left, parts: Int(fovea_threads()))
        let scratch = makePlainForm([fovea_bfloat16_winograd_scratch(&problem) / 4])
        emitKernel(
            name, path: node.path, implementation: "winograd:bf16",
            reading: [x, taps] + (bias.map { [$0] } ?? []) + (adds ? [y] : []), writing: [y, scratch],
            flops: graph.cost(of: node).flops
        ) { [problem] pointers in
            let p = pointers.map { $0.assumingMemoryBound(to: UInt16.self) }
            let (y, scratch) = (p[p.count - 2], pointers[p.count - 1])
            let bias = bias != nil ? pointers[2].assumingMemoryBound(to: Float.self) : nil
            return {
                var problem = problem
                fovea_bfloat16_winograd_convolve(
                    &problem, p[0], p[1], bias, adds ? 1 : 0, isRectified ? 1 : 0, y, scratch)
            }
        }
    }
}
