import CFoveaKernels
import FoveaGraph
import FoveaTensor

/// Convolutions of 3x3, 5x5, 1x3, 3x1, 1x7 and 7x1 taps without stride by Winograd's minimal filtering, with 25, 36, 50 and
/// 57 % of the multiplications, in groups of channels too (`Documentation/Decisions/0013-winograd.md`).
extension Compiler {
    /// Whether a convolution, with its gradients, runs by minimal filtering: where it can, and where there are so many tiles that
    /// transforming the taps takes little beside them.
    func runsWinograd(_ convolution: Operation.Convolution, x: Shape, weight: Shape, y: Shape) -> Bool {
        guard productType == .float32 || CPUBackend.vectorsHaveBFloat16,
            activationLayout != .batchInnermost, convolutionAlgorithm != .direct,
            WinogradTaps(weight).areFiltered, convolution.stride == 1, convolution.dilation == 1,
            convolution.padding.top < weight[2], convolution.padding.left < weight[3],
            fillsVectors(convolution, inputs: x[1], outputs: weight[0])
        else { return false }
        let tiles = WinogradTaps(weight).tiles(of: y)
        return convolutionAlgorithm == .winograd
            || tiles >= Self.leastWinogradTiles
                && (productType == .float32 || outrunsBFloat16(convolution, weight: weight, tiles: tiles))
    }

    /// Whether minimal filtering, in float32, is faster than products of bfloat16 numbers, as measured on vectors: where it
    /// saves most multiplications, of all channels or of groups that are too small for oneDNN, and where the transforms of
    /// taps are small beside those of images.
    private func outrunsBFloat16(_ convolution: Operation.Convolution, weight: Shape, tiles: Int) -> Bool {
        let (outputs, groupInputs) = (weight[0], weight[1])
        let inputs = groupInputs * convolution.groups
        return !Engine.hasAMX && weight[2] == 3 && weight[3] == 3
            && (convolution.groups == 1 || groupInputs < fovea_vector_lanes())
            && 2 * tiles * (inputs + outputs) >= 3 * groupInputs * outputs
    }

    /// Whether vectors hold channels of one group, or whole groups of as many inputs as outputs.
    private func fillsVectors(_ convolution: Operation.Convolution, inputs: Int, outputs: Int) -> Bool {
        let lanes = fovea_vector_lanes()
        let (groupInputs, groupOutputs) = (inputs / convolution.groups, outputs / convolution.groups)
        if groupInputs % lanes == 0 && groupOutputs % lanes == 0 { return true }
        return groupInputs == groupOutputs && (groupInputs == 4 || groupInputs == 8) && inputs % lanes == 0
    }

    /// As many tiles as transform the taps to advantage, also where that is done in each step.
    private static let leastWinogradTiles = 32

    mutating func lowerWinogradConvolution(
        _ convolution: Operation.Convolution, _ node: Graph.Node, batchNorm: Int?, residual: Graph.Value?,
        isRectified: Bool, result: Graph.Value, name: String
    ) throws(PlanError) -> Form {
        let (weight, bias) = try parameters(
            of: node, batchNorm: batchNorm, weights: Self.winogradWeights(graph.shape(of: node.inputs[1])))
        let x = try winogradForm(of: node.inputs[0])
        let taps = transformTaps(weight, of: convolution, isBackward: false, path: node.path)
        let layout = winogradLayout(
            graph.shape(of: result), resultType(of: result, computedIn: productType))
        let y =
            if let residual { try overwritable(residual, in: layout, path: node.path) } else {
                makeForm(layout)
            }
        let problem = winogradProblem(
            convolution, weight: graph.shape(of: node.inputs[1]), input: x.layout, output: y.layout,
            top: convolution.padding.top, left: convolution.padding.left)
        emitWinogradConvolution(
            problem, name: name, node, x: x, taps: taps, bias: bias, adds: residual != nil,
            isRectified: isRectified, y: y)
        return y
    }

    /// The gradient of the input is the convolution of the output's gradient with the taps turned by half a turn.
    mutating func lowerWinogradInputGradient(
        _ gradient: Operation.ConvolutionInputGradient, _ node: Graph.Node
    ) throws(PlanError) {
        let weightShape = graph.shape(of: node.inputs[1])
        let dy = try winogradForm(of: node.inputs[0])
        let weight = try form(of: node.inputs[1], in: Self.winogradWeights(weightShape))
        let taps = transformTaps(weight, of: gradient.convolution, isBackward: true, path: node.path)
        let dx = makeForm(
            winogradLayout(
                gradient.inputShape, resultType(of: node.outputs[0], computedIn: productType)))
        let padding = gradient.convolution.padding
        let problem = winogradProblem(
            gradient.convolution, weight: weightShape, input: dy.layout, output: dx.layout,
            top: weightShape[2] - 1 - padding.top, left: weightShape[3] - 1 - padding.left)
        emitWinogradConvolution(
            problem, name: node.operation.name, node, x: dy, taps: taps, bias: nil, adds: false,
            isRectified: false, y: dx)
        define(node.outputs[0], as: dx)
    }

    mutating func lowerWinogradParameterGradient(
        _ gradient: Operation.ConvolutionParameterGradient, _ node: Graph.Node
    ) throws(PlanError) {
        let (x, dy) = (try winogradForm(of: node.inputs[0]), try winogradForm(of: node.inputs[1]))
        let padding = gradient.convolution.padding
        var problem = winogradProblem(
            gradient.convolution, weight: gradient.weightShape, input: x.layout, output: dy.layout,
            top: padding.top, left: padding.left)
        let scratch = makePlainForm([fovea_winograd_gradient_scratch(&problem) / 4])
        let gradients = makeParameterGradients(of: node, weights: Self.winogradWeights(gradient.weightShape))
        emitKernel(
            node.operation.name, path: node.path, implementation: "winograd", reading: [x, dy],
            writing: [scratch] + gradients, flops: graph.cost(of: node).flops
        ) { [problem] pointers in
            let p = pointers.map { $0.assumingMemoryBound(to: Float.self) }
            let db = p.count > 4 ? p[4] : nil
            return {
                var problem = problem
                fovea_winograd_gradient(&problem, pointers[0], pointers[1], p[3], db, pointers[2])
            }
        }
    }

    /// The order of weights in memory: taps, then input channels of a group, then filters.
    static func winogradWeights(_ shape: Shape) -> MemoryDescriptor {
        let (filters, channels, columns) = (shape[0], shape[1], shape[3])
        return MemoryDescriptor(
            shape.dimensions, strides: [1, filters, columns * channels * filters, channels * filters])
    }

    /// How images of `dtype` are stored that minimal filtering reads and writes.
    private func winogradLayout(_ shape: Shape, _ dtype: DType) -> MemoryDescriptor {
        activationLayout == .channelsLast
            ? .channelsLast(shape.dimensions, dtype)
            : .blocked(shape.dimensions, channels: fovea_vector_lanes(), dtype)
    }

    /// `value` as minimal filtering reads it, of the type that there is.
    private mutating func winogradForm(of value: Graph.Value) throws(PlanError) -> Form {
        let dtype = try storedLayout(of: value).dtype
        return try form(of: value, in: winogradLayout(graph.shape(of: value), dtype))
    }

    private func winogradProblem(
        _ convolution: Operation.Convolution, weight: Shape, input: MemoryDescriptor,
        output: MemoryDescriptor,
        top: Int, left: Int
    ) -> fovea_winograd {
        let taps = WinogradTaps(weight)
        return fovea_winograd(
            taps: taps.taps, count: input.dimensions[0], groups: convolution.groups,
            top: taps.isColumn ? left : top, left: taps.isColumn ? top : left,
            input: winogradImages(input, transposed: taps.isColumn),
            output: winogradImages(output, transposed: taps.isColumn), lanes: fovea_vector_lanes(),
            parts: Int(fovea_threads()))
    }

    private func winogradImages(_ layout: MemoryDescriptor, transposed: Bool) -> fovea_images {
        let (channels, height, width) = (layout.dimensions[1], layout.dimensions[2], layout.dimensions[3])
        let lanes = fovea_vector_lanes()
        let isBlocked = activationLayout != .channelsLast
        let pixel = isBlocked ? lanes : channels
        return fovea_images(
            height: transposed ? width : height, width: transposed ? height : width, channels: channels,
            imageStride: channels * height * width, rowStride: transposed ? pixel : width * pixel,
            pixelStride: transposed ? width * pixel : pixel,
            blockStride: isBlocked ? height * width * lanes : lanes,
            isBFloat16: layout.dtype == .bfloat16 ? 1 : 0)
    }

    /// The transform of taps, computed once if the graph does not change them.
    private mutating func transformTaps(
        _ weight: Form, of convolution: Operation.Convolution, isBackward: Bool, path: String
    ) -> Form {
        let shape = weight.layout.dimensions
        var problem = fovea_winograd_taps(
            taps: WinogradTaps(Shape(shape)).taps, lanes: fovea_vector_lanes(), groups: convolution.groups,
            inputs: shape[1] * convolution.groups, outputs: shape[0])
        let taps = makePlainForm([fovea_winograd_tap_count(&problem)])
        emitKernel(
            "transformTaps", path: path, implementation: "winograd", reading: [weight], writing: [taps]
        ) {
            [problem] pointers in
            let p = pointers.map { $0.assumingMemoryBound(to: Float.self) }
            return {
                var problem = problem
                fovea_winograd_transform(&problem, isBackward ? 1 : 0, p[0], p[1])
            }
        }
        return taps
    }

    /// - Parameter adds: whether the result is added to what `y` holds.
    private mutating func emitWinogradConvolution(
        _ problem: fovea_winograd, name: String, _ node: Graph.Node, x: Form, taps: Form, bias: Form?,
        adds: Bool,
        isRectified: Bool, y: Form
    ) {
        var problem = problem
        let scratch = makePlainForm([fovea_winograd_scratch(&problem) / 4])
        emitKernel(
            name, path: node.path, implementation: "winograd",
            reading: [x, taps] + (bias.map { [$0] } ?? []) + (adds ? [y] : []), writing: [y, scratch],
            flops: graph.cost(of: node).flops
        ) { [problem] pointers in
            let p = pointers.map { $0.assumingMemoryBound(to: Float.self) }
            let (x, y, scratch) = (pointers[0], pointers[p.count - 2], pointers[p.count - 1])
            let bias = bias != nil ? p[2] : nil
            return {
                var problem = problem
                fovea_winograd_convolve(
                    &problem, x, p[1], bias, adds ? y : nil, isRectified ? 1 : 0, y, scratch)
            }
        }
    }
}

/// Taps as minimal filtering takes them: a column is a row on images whose rows are the columns.
private struct WinogradTaps {
    let taps: fovea_taps
    let isColumn: Bool

    /// The taps of weights `[filters, channels, height, width]`.
    init(_ weight: Shape) {
        isColumn = weight[3] == 1
        taps =
            isColumn
            ? fovea_taps(rows: 1, columns: weight[2]) : fovea_taps(rows: weight[2], columns: weight[3])
    }

    /// Whether there are so many as minimal filtering is for.
    var areFiltered: Bool {
        switch (taps.rows, taps.columns) {
        case (3, 3), (5, 5), (1, 3), (1, 7): true
        default: false
        }
    }

    /// The number of tiles that results `y` `[batch, filters, height, width]` are made of.
    func tiles(of y: Shape) -> Int {
        var problem = fovea_winograd()
        problem.taps = taps
        problem.count = y[0]
        problem.output.height = isColumn ? y[3] : y[2]
        problem.output.width = isColumn ? y[2] : y[3]
        return fovea_winograd_tiles(&problem)
    }
}
