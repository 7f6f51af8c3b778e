import CFoveaKernels
import FoveaGraph
import FoveaTensor

/// Convolutions of three columns of taps at every other column, in groups of 4, 8 or 16 channels, for which oneDNN is slow
/// (`Documentation/Decisions/0015-grouped-strides.md`).
extension Compiler {
    /// Whether a convolution runs so: in float32 on channels-last images whose vectors hold one or more groups.
    func runsGrouped(_ convolution: Operation.Convolution, x: Shape, weight: Shape, y: Shape) -> Bool {
        let (groupSize, lanes) = (weight[1], fovea_vector_lanes())
        return productType == .float32 && activationLayout == .channelsLast
            && weight[3] == 3 && convolution.stride.width == 2 && convolution.dilation == 1
            && convolution.groups > 1 && x[1] == y[1] && x[1] % lanes == 0
            && [4, 8, 16].contains(groupSize) && groupSize <= lanes
    }

    /// Whether the gradients of such a convolution run so: where groups share vectors, or there are so many pixels that the
    /// taps take little time beside them.
    func runsGroupedGradient(
        _ convolution: Operation.Convolution, x: Shape, weight: Shape, y: Shape
    ) -> Bool {
        runsGrouped(convolution, x: x, weight: weight, y: y)
            && (weight[1] < fovea_vector_lanes() || y[0] * y[2] * y[3] >= 2048)
    }

    mutating func lowerGroupedConvolution(
        _ convolution: Operation.Convolution, _ node: Graph.Node, batchNorm: Int?, residual: Graph.Value?,
        isRectified: Bool, result: Graph.Value, name: String
    ) throws(PlanError) -> Form {
        let weightShape = graph.shape(of: node.inputs[1])
        let (weight, bias) = try parameters(
            of: node, batchNorm: batchNorm, weights: groupedWeights(weightShape))
        let x = try channelsLastForm(of: node.inputs[0])
        let layout = MemoryDescriptor.channelsLast(graph.shape(of: result).dimensions)
        let y =
            if let residual { try overwritable(residual, in: layout, path: node.path) } else {
                makeForm(layout)
            }
        let problem = groupedProblem(
            convolution, x: Shape(x.layout.dimensions), weight: weightShape, y: graph.shape(of: result))
        let (hasBias, adds) = (bias != nil, residual != nil)
        emitKernel(
            name, path: node.path, implementation: "grouped",
            reading: [x, weight] + (bias.map { [$0] } ?? []) + (adds ? [y] : []), writing: [y],
            flops: graph.cost(of: node).flops
        ) { pointers in
            let p = pointers.map { $0.assumingMemoryBound(to: Float.self) }
            let (y, bias) = (p[p.count - 1], hasBias ? p[2] : nil)
            return {
                var problem = problem
                fovea_grouped_convolve(&problem, p[0], p[1], bias, adds ? y : nil, isRectified ? 1 : 0, y)
            }
        }
        return y
    }

    mutating func lowerGroupedInputGradient(
        _ gradient: Operation.ConvolutionInputGradient, _ node: Graph.Node
    ) throws(PlanError) {
        let weightShape = graph.shape(of: node.inputs[1])
        let dy = try channelsLastForm(of: node.inputs[0])
        let weight = try form(of: node.inputs[1], in: groupedWeights(weightShape))
        let problem = groupedProblem(
            gradient.convolution, x: gradient.inputShape, weight: weightShape,
            y: graph.shape(of: node.inputs[0]))
        let exchanged = makePlainForm([weightShape.count])
        emitKernel(
            "exchangeTaps", path: node.path, implementation: "grouped", reading: [weight],
            writing: [exchanged]
        ) { pointers in
            let p = pointers.map { $0.assumingMemoryBound(to: Float.self) }
            return {
                var problem = problem
                fovea_grouped_exchange(&problem, p[0], p[1])
            }
        }
        let dx = makeForm(.channelsLast(gradient.inputShape.dimensions))
        emitKernel(
            node.operation.name, path: node.path, implementation: "grouped", reading: [dy, exchanged],
            writing: [dx], flops: graph.cost(of: node).flops
        ) { pointers in
            let p = pointers.map { $0.assumingMemoryBound(to: Float.self) }
            return {
                var problem = problem
                fovea_grouped_input_gradient(&problem, p[0], p[1], p[2])
            }
        }
        define(node.outputs[0], as: dx)
    }

    mutating func lowerGroupedParameterGradient(
        _ gradient: Operation.ConvolutionParameterGradient, _ node: Graph.Node
    ) throws(PlanError) {
        let x = try channelsLastForm(of: node.inputs[0])
        let dy = try channelsLastForm(of: node.inputs[1])
        let problem = groupedProblem(
            gradient.convolution, x: Shape(x.layout.dimensions), weight: gradient.weightShape,
            y: Shape(dy.layout.dimensions))
        // The sums of the bias's gradient are double.
        let scratch = makePlainForm([2 * gradient.weightShape[0]])
        let gradients = makeParameterGradients(of: node, weights: groupedWeights(gradient.weightShape))
        emitKernel(
            node.operation.name, path: node.path, implementation: "grouped", reading: [x, dy],
            writing: [scratch] + gradients, flops: graph.cost(of: node).flops
        ) { pointers in
            let p = pointers.map { $0.assumingMemoryBound(to: Float.self) }
            let db = p.count > 4 ? p[4] : nil
            return {
                var problem = problem
                fovea_grouped_taps_gradient(&problem, p[0], p[1], p[3], db, pointers[2])
            }
        }
    }

    private mutating func channelsLastForm(of value: Graph.Value) throws(PlanError) -> Form {
        try form(of: value, in: .channelsLast(graph.shape(of: value).dimensions))
    }

    private func groupedWeights(_ shape: Shape) -> MemoryDescriptor {
        .blockedWeights(shape.dimensions, filters: fovea_vector_lanes())
    }

    private func groupedProblem(
        _ convolution: Operation.Convolution, x: Shape, weight: Shape, y: Shape
    ) -> fovea_grouped_convolution {
        fovea_grouped_convolution(
            count: x[0], channels: x[1], groupSize: weight[1], inputHeight: x[2], inputWidth: x[3],
            outputHeight: y[2], outputWidth: y[3], tapRows: weight[2], rowStep: convolution.stride.height,
            top: convolution.padding.top, left: convolution.padding.left, lanes: fovea_vector_lanes())
    }
}
