import CFoveaKernels
import COneDNN
import FoveaGraph
import FoveaTensor

/// A convolution as oneDNN wants it: extents of weights with the groups apart, hyper-parameters as arrays.
private struct ConvolutionProblem {
    let source: [Int]
    let weights: [Int]
    let bias: [Int]?
    let destination: [Int]
    let strides: [Int64]
    let dilations: [Int64]
    let paddingBefore: [Int64]
    let paddingAfter: [Int64]

    init(_ convolution: Operation.Convolution, x: Shape, weight: Shape, y: Shape, hasBias: Bool) {
        source = x.dimensions
        let groups = convolution.groups
        weights = groups == 1 ? weight.dimensions : [groups, weight[0] / groups] + weight.dimensions[1...]
        bias = hasBias ? [weight[0]] : nil
        destination = y.dimensions
        strides = [Int64(convolution.stride.height), Int64(convolution.stride.width)]
        // oneDNN counts the gaps between taps, not the distance.
        dilations = [Int64(convolution.dilation.height - 1), Int64(convolution.dilation.width - 1)]
        paddingBefore = [Int64(convolution.padding.top), Int64(convolution.padding.left)]
        paddingAfter = [Int64(convolution.padding.bottom), Int64(convolution.padding.right)]
    }
}

extension Compiler {
    mutating func lowerConvolution(
        _ convolution: Operation.Convolution, _ node: Graph.Node, at position: Int
    ) throws(PlanError) {
        let chain = fusion.chains[position] ?? .none
        var name = node.operation.name
        var result = node.outputs[0]
        var post = PostOperations()
        var factor: Float?
        var residual: Form?
        if let batchNorm = chain.batchNorm {
            name += "+batchNorm"
            result = graph.nodes[batchNorm].outputs[0]
        }
        if let scale = chain.scale, case .scale(let operation) = graph.nodes[scale.node].operation {
            name += "+scale"
            if scale.isFolded { factor = operation.factor } else { post.scale = operation.factor }
            result = graph.nodes[scale.node].outputs[0]
        }
        if let add = chain.add {
            name += "+add"
            post.sum = true
            residual = try storedForm(of: add.residual)
            result = graph.nodes[add.node].outputs[0]
        }
        var nameWithActivation = name
        if let activation = fusedActivation(at: position) {
            nameWithActivation += "+\(activation.function)"
            post.activation = activation.function
            result = activation.result
        }

        if residual == nil, chain.scale == nil,
            runsBatchInnermost(
                convolution, x: graph.shape(of: node.inputs[0]), weight: graph.shape(of: node.inputs[1]))
        {
            let (weight, bias) = try parameters(
                of: node, batchNorm: chain.batchNorm,
                weights: .plain(graph.shape(of: node.inputs[1]).dimensions))
            guard let function = post.activation, function.kernel == nil else {
                let y = try lowerBatchInnermostConvolution(
                    convolution, node, weight: weight, bias: bias, activation: post.activation,
                    name: nameWithActivation)
                return define(result, as: y)
            }
            let sum = try lowerBatchInnermostConvolution(
                convolution, node, weight: weight, bias: bias, activation: nil, name: name)
            return define(result, as: try activated(function, node, of: sum))
        }

        let takesActivation = post.activation == nil || post.activation == .relu
        let (xShape, weightShape) = (graph.shape(of: node.inputs[0]), graph.shape(of: node.inputs[1]))
        let yShape = graph.shape(of: node.outputs[0])
        if chain.scale == nil, takesActivation,
            runsBFloat16(convolution, weight: weightShape, result: result)
        {
            return try lowerBFloat16Convolution(
                convolution, node, batchNorm: chain.batchNorm, residual: chain.add?.residual,
                isRectified: post.activation == .relu, result: result, name: nameWithActivation)
        }
        if chain.scale == nil, takesActivation,
            runsBFloat16Winograd(convolution, weight: weightShape, result: result)
        {
            return try lowerBFloat16WinogradConvolution(
                convolution, node, batchNorm: chain.batchNorm, residual: chain.add?.residual,
                isRectified: post.activation == .relu, result: result, name: nameWithActivation)
        }
        let isGrouped =
            chain.scale == nil && runsGrouped(convolution, x: xShape, weight: weightShape, y: yShape)
        if isGrouped || runsWinograd(convolution, x: xShape, weight: weightShape, y: yShape),
            takesActivation || residual == nil
        {
            let isRectified = post.activation == .relu
            if takesActivation { name = nameWithActivation }
            var y =
                isGrouped
                ? try lowerGroupedConvolution(
                    convolution, node, batchNorm: chain.batchNorm, residual: chain.add?.residual,
                    isRectified: isRectified, result: result, name: name)
                : try lowerWinogradConvolution(
                    convolution, node, batchNorm: chain.batchNorm, residual: chain.add?.residual,
                    isRectified: isRectified, result: result, name: name)
            if let function = post.activation, !takesActivation {
                y = try activated(function, node, of: y)
            }
            return define(result, as: y)
        }

        let activation = takeActivationAfterwards(from: &post)
        if activation == nil { name = nameWithActivation }
        let hasBias = node.inputs.count == 3 || chain.batchNorm != nil
        let destination = residual?.layout
        let descriptor = try inBestType(preferring: productType) { compiler, dtype throws(PlanError) in
            try compiler.convolutionForward(
                convolution, x: compiler.graph.shape(of: node.inputs[0]),
                weight: compiler.graph.shape(of: node.inputs[1]),
                y: compiler.graph.shape(of: node.outputs[0]), hasBias: hasBias, postOperations: post,
                dtype: dtype, result: compiler.resultType(of: result, computedIn: dtype),
                destination: dtype == .float32 ? destination?.storing(dtype) : destination)
        }
        if let add = chain.add {
            residual = try overwritable(add.residual, in: descriptor.layout(DNNL_ARG_DST), path: node.path)
        }
        let x = try form(of: node.inputs[0], in: descriptor.layout(DNNL_ARG_SRC))
        if descriptor.layout(DNNL_ARG_WEIGHTS).dtype != .float32 {
            try settleWeight(of: node, multipliedBy: convolution)
        }
        let (weight, bias) = try parameters(
            of: node, batchNorm: chain.batchNorm, factor: factor, weights: descriptor.layout(DNNL_ARG_WEIGHTS)
        )
        var y = makeForm(descriptor.layout(DNNL_ARG_DST))
        var inputs = [(DNNL_ARG_SRC, x), (DNNL_ARG_WEIGHTS, weight)]
        if let bias { inputs.append((DNNL_ARG_BIAS, bias)) }
        if let residual { y.buffer = residual.buffer }
        emit(name, node, descriptor, reading: inputs, writing: [(DNNL_ARG_DST, y)])
        if let activation { y = try activated(activation, node, of: y) }
        if y.layout.isPlain, isPooledInBlocks(result) {
            let blocked = MemoryDescriptor.blocked(
                y.layout.dimensions, channels: fovea_vector_lanes(), y.layout.dtype)
            y = try reorder(y, to: blocked, path: node.path)
        }
        define(result, as: y)
    }

    /// Whether a pooling reads `image`, for which oneDNN has kernels on blocked layouts alone.
    private func isPooledInBlocks(_ image: Graph.Value) -> Bool {
        activationLayout == .blocked && graph.shape(of: image)[1] % fovea_vector_lanes() == 0
            && readers[image.index].contains {
                if case .pool = graph.nodes[$0].operation { true } else { false }
            }
    }

    mutating func lowerConvolutionInputGradient(
        _ gradient: Operation.ConvolutionInputGradient, _ node: Graph.Node, at position: Int
    ) throws(PlanError) {
        let (dyShape, weightShape) = (graph.shape(of: node.inputs[0]), graph.shape(of: node.inputs[1]))
        if runsBatchInnermost(gradient.convolution, x: gradient.inputShape, weight: weightShape) {
            return try lowerBatchInnermostInputGradient(gradient, node)
        }
        if runsBFloat16WinogradGradient(
            gradient.convolution, weight: weightShape, result: node.outputs[0])
        {
            return try lowerBFloat16WinogradInputGradient(gradient, node)
        }
        if runsWinograd(gradient.convolution, x: gradient.inputShape, weight: weightShape, y: dyShape) {
            return try lowerWinogradInputGradient(gradient, node)
        }
        if runsGroupedGradient(
            gradient.convolution, x: gradient.inputShape, weight: weightShape, y: dyShape)
        {
            return try lowerGroupedInputGradient(gradient, node)
        }
        if fusion.compactGradients.contains(position) {
            return try lowerCompactInputGradient(gradient, node, at: position)
        }
        define(node.outputs[0], as: try inputGradient(gradient, node))
    }

    /// The gradient of the input by a product of matrices or by oneDNN, from what `node` reads.
    mutating func inputGradient(
        _ gradient: Operation.ConvolutionInputGradient, _ node: Graph.Node
    ) throws(PlanError) -> Form {
        let (dyShape, weightShape) = (graph.shape(of: node.inputs[0]), graph.shape(of: node.inputs[1]))
        if isMatrixProduct(gradient.convolution, x: gradient.inputShape, weight: weightShape) {
            return try matrixProductInputGradient(gradient, node)
        }
        if runsBFloat16Gradient(gradient.convolution, weight: weightShape, result: node.outputs[0]) {
            return try bfloat16InputGradient(gradient, node)
        }
        if isFasterAsConvolution(gradient.convolution, weight: weightShape) {
            return try inputGradientAsConvolution(gradient, node)
        }
        let problem = ConvolutionProblem(
            gradient.convolution, x: gradient.inputShape, weight: weightShape, y: dyShape, hasBias: false)
        let engine = engine
        let descriptor = try inBestType(preferring: productType) { compiler, dtype throws(PlanError) in
            let forward = try compiler.convolutionForward(
                gradient.convolution, x: gradient.inputShape, weight: weightShape, y: dyShape, hasBias: false,
                dtype: dtype, result: dtype)
            let weights = MemoryDescriptor.any(problem.weights, dtype)
            return try compiler.cachedDescriptor(
                DescriptorKey(
                    operation: .convolutionInputGradient(gradient), shapes: [dyShape, weightShape],
                    dtype: dtype),
                preferred: [forward.layout(DNNL_ARG_SRC), weights, forward.layout(DNNL_ARG_DST)],
                free: [.any(problem.source, dtype), weights, .any(problem.destination, dtype)], hint: forward
            ) { descriptor, m, hint, attributes in
                dnnl_convolution_backward_data_primitive_desc_create(
                    &descriptor, engine.handle, dnnl_convolution_direct, m[0], m[1], m[2], problem.strides,
                    problem.dilations, problem.paddingBefore, problem.paddingAfter, hint, attributes)
            }
        }
        let dy = try form(of: node.inputs[0], in: descriptor.layout(DNNL_ARG_DIFF_DST))
        let weight = try form(of: node.inputs[1], in: descriptor.layout(DNNL_ARG_WEIGHTS))
        let dx = makeForm(descriptor.layout(DNNL_ARG_DIFF_SRC))
        emit(
            node.operation.name, node, descriptor,
            reading: [(DNNL_ARG_DIFF_DST, dy), (DNNL_ARG_WEIGHTS, weight)],
            writing: [(DNNL_ARG_DIFF_SRC, dx)])
        return dx
    }

    mutating func lowerConvolutionParameterGradient(
        _ gradient: Operation.ConvolutionParameterGradient, _ node: Graph.Node
    ) throws(PlanError) {
        let (xShape, dyShape) = (graph.shape(of: node.inputs[0]), graph.shape(of: node.inputs[1]))
        if runsBatchInnermost(gradient.convolution, x: xShape, weight: gradient.weightShape) {
            return try lowerBatchInnermostParameterGradient(gradient, node)
        }
        if runsWinograd(gradient.convolution, x: xShape, weight: gradient.weightShape, y: dyShape) {
            return try lowerWinogradParameterGradient(gradient, node)
        }
        if runsGroupedGradient(gradient.convolution, x: xShape, weight: gradient.weightShape, y: dyShape) {
            return try lowerGroupedParameterGradient(gradient, node)
        }
        if isMatrixProduct(gradient.convolution, x: xShape, weight: gradient.weightShape) {
            return try lowerMatrixProductParameterGradient(gradient, node)
        }
        if isUnfolded(gradient, x: xShape, dy: dyShape) {
            return try lowerUnfoldedParameterGradient(gradient, node)
        }
        if runsBFloat16(gradient) {
            return try lowerBFloat16ParameterGradient(gradient, node)
        }
        let descriptor = try parameterGradient(gradient, x: xShape, dy: dyShape)
        let x = try form(of: node.inputs[0], in: descriptor.layout(DNNL_ARG_SRC))
        let dy = try form(of: node.inputs[1], in: descriptor.layout(DNNL_ARG_DIFF_DST))
        let gradients = makeParameterGradients(
            of: node, weights: descriptor.layout(DNNL_ARG_DIFF_WEIGHTS))
        emit(
            node.operation.name, node, descriptor, reading: [(DNNL_ARG_SRC, x), (DNNL_ARG_DIFF_DST, dy)],
            writing: Array(zip([DNNL_ARG_DIFF_WEIGHTS, DNNL_ARG_DIFF_BIAS], gradients)))
    }

    /// The places of the gradients that `node` computes: of the weights, in the given layout, and of the bias if there is one.
    mutating func makeParameterGradients(of node: Graph.Node, weights: MemoryDescriptor) -> [Form] {
        let gradients =
            [makeForm(weights)] + node.outputs.dropFirst().map { makePlainForm(graph.shape(of: $0)) }
        for (value, gradient) in zip(node.outputs, gradients) { define(value, as: gradient) }
        return gradients
    }

    /// The primitive for a gradient of weights, which is float32 whatever is multiplied.
    private mutating func parameterGradient(
        _ gradient: Operation.ConvolutionParameterGradient, x: Shape, dy: Shape
    ) throws(PlanError) -> PrimitiveDescriptor {
        let problem = ConvolutionProblem(
            gradient.convolution, x: x, weight: gradient.weightShape, y: dy, hasBias: gradient.hasBias)
        let bias = problem.bias.map { MemoryDescriptor.plain($0) }
        let engine = engine
        return try inBestType(preferring: productType) { compiler, dtype throws(PlanError) in
            let forward = try compiler.convolutionForward(
                gradient.convolution, x: x, weight: gradient.weightShape, y: dy, hasBias: gradient.hasBias,
                dtype: dtype, result: dtype)
            let weights = MemoryDescriptor.any(problem.weights)
            let descriptor = try compiler.cachedDescriptor(
                DescriptorKey(
                    operation: .convolutionParameterGradient(gradient), shapes: [x, dy], dtype: dtype),
                preferred: [forward.layout(DNNL_ARG_SRC), weights, forward.layout(DNNL_ARG_DST), bias],
                free: [.any(problem.source, dtype), weights, .any(problem.destination, dtype), bias],
                hint: forward
            ) { descriptor, m, hint, attributes in
                dnnl_convolution_backward_weights_primitive_desc_create(
                    &descriptor, engine.handle, dnnl_convolution_direct, m[0], m[1], m[3], m[2],
                    problem.strides, problem.dilations, problem.paddingBefore, problem.paddingAfter, hint,
                    attributes)
            }
            if compiler.overrunsScratch(gradient.convolution, x: x) {
                try descriptor.passOver { $0.hasPrefix("jit_1x1") || $0.hasPrefix("jit_bf16_1x1") }
            }
            return descriptor
        }
    }

    /// Lets the weight that `node` multiplies by live as its gradient comes.
    mutating func settleWeight(
        of node: Graph.Node, multipliedBy convolution: Operation.Convolution
    ) throws(PlanError) {
        for reader in readers[node.inputs[0].index] {
            let user = graph.nodes[reader]
            guard case .convolutionParameterGradient(let gradient) = user.operation,
                gradient.convolution == convolution,
                gradient.weightShape == graph.shape(of: node.inputs[1]), user.inputs[0] == node.inputs[0]
            else { continue }
            if runsBFloat16(gradient) {
                return try settle(node.inputs[1], in: .channelsLast(gradient.weightShape.dimensions))
            }
            let descriptor = try parameterGradient(
                gradient, x: graph.shape(of: user.inputs[0]), dy: graph.shape(of: user.inputs[1]))
            return try settle(node.inputs[1], in: descriptor.layout(DNNL_ARG_DIFF_WEIGHTS))
        }
    }

    /// Whether oneDNN 3.2's `jit_1x1` gradient of weights would write past its scratch memory.
    ///
    /// It does on strided channels-last images whose channels do not fill a vector, and one thread then reads what another
    /// overwrote (`Documentation/Decisions/0005-strided-1x1.md`).
    private func overrunsScratch(_ convolution: Operation.Convolution, x: Shape) -> Bool {
        let lanes = engine.hasAVX512 ? 16 : 8
        return activationLayout != .blocked && convolution.stride != 1
            && x[1] / convolution.groups % lanes != 0
    }

    /// `residual`, which nobody reads after the sum, where the sum may be written: a copy if other values lie in its memory.
    mutating func overwritable(
        _ residual: Graph.Value, in layout: MemoryDescriptor, path: String
    ) throws(PlanError) -> Form {
        let present = try form(of: residual, in: layout)
        return buffers[present.buffer.index].holdsParts ? try copy(present, path: path) : present
    }

    /// The weights in the given layout and the bias, with a batch normalization and a multiple folded in if there are any.
    mutating func parameters(
        of node: Graph.Node, batchNorm: Int?, factor: Float? = nil, weights: MemoryDescriptor
    ) throws(PlanError) -> (weight: Form, bias: Form?) {
        if let factor {
            var (weight, bias) = try parameters(
                of: node, batchNorm: batchNorm, weights: .plain(weights.dimensions))
            weight = try elementwise("scale", node, .scale(by: factor), of: weight)
            if let unscaled = bias {
                bias = try elementwise("scale", node, .scale(by: factor), of: unscaled)
            }
            return (
                weight.layout == weights ? weight : try reorder(weight, to: weights, path: node.path), bias
            )
        }
        if let batchNorm { return try foldBatchNorm(graph.nodes[batchNorm], into: node, weights: weights) }
        let weight = try form(of: node.inputs[1], in: weights)
        return (weight, node.inputs.count == 3 ? try plainForm(of: node.inputs[2]) : nil)
    }

    /// The forward primitive, made once for all that are alike; its layouts decide those of the backward primitives.
    mutating func convolutionForward(
        _ convolution: Operation.Convolution, x: Shape, weight: Shape, y: Shape, hasBias: Bool,
        postOperations: PostOperations = .none, dtype: DType, result: DType,
        destination: MemoryDescriptor? = nil
    ) throws(PlanError) -> PrimitiveDescriptor {
        let key = DescriptorKey(
            operation: .convolution(convolution), shapes: [x, weight] + (hasBias ? [[weight[0]]] : []),
            postOperations: postOperations, dtype: dtype, result: result)
        if destination == nil, let known = descriptors[key] { return known }
        let problem = ConvolutionProblem(convolution, x: x, weight: weight, y: y, hasBias: hasBias)
        let layout = activationLayout
        func activations(_ dimensions: [Int], _ dtype: DType) -> MemoryDescriptor {
            layout == .blocked ? .any(dimensions, dtype) : .channelsLast(dimensions, dtype)
        }
        let engine = engine
        let descriptor = try PrimitiveDescriptor(
            "a convolution", postOperations: postOperations,
            layouts: [
                activations(problem.source, dtype), .any(problem.weights, dtype),
                problem.bias.map { .plain($0) },
                destination ?? activations(problem.destination, result),
            ]
        ) { descriptor, m, _, attributes in
            dnnl_convolution_forward_primitive_desc_create(
                &descriptor, engine.handle, dnnl_forward_training, dnnl_convolution_direct, m[0], m[1], m[2],
                m[3],
                problem.strides, problem.dilations, problem.paddingBefore, problem.paddingAfter, attributes)
        }
        if destination == nil { descriptors[key] = descriptor }
        return descriptor
    }

    /// The weights and bias of `convolution` with `batchNorm` folded in, computed once.
    private mutating func foldBatchNorm(
        _ batchNorm: Graph.Node, into convolution: Graph.Node, weights: MemoryDescriptor
    ) throws(PlanError) -> (weight: Form, bias: Form?) {
        guard case .batchNormInference(let operation) = batchNorm.operation else {
            throw PlanError("only a batch normalization with fixed statistics is folded")
        }
        let shape = graph.shape(of: convolution.inputs[1])
        let (filters, taps) = (shape[0], shape.count / shape[0])
        var inputs = [try plainForm(of: convolution.inputs[1])]
        for input in batchNorm.inputs.dropFirst() { inputs.append(try plainForm(of: input)) }
        let hasBias = convolution.inputs.count == 3
        if hasBias { inputs.append(try plainForm(of: convolution.inputs[2])) }
        let folded = makeForm(.plain(weights.dimensions))
        let bias = makePlainForm([filters])
        let epsilon = operation.epsilon
        emitKernel("foldBatchNorm", path: batchNorm.path, reading: inputs, writing: [folded, bias]) {
            pointers in
            let p = pointers.map { $0.assumingMemoryBound(to: Float.self) }
            let bias = hasBias ? p[5] : nil
            let outputs = p.suffix(2)
            return {
                fovea_fold_batch_norm(
                    filters, taps, p[0], bias, p[1], p[2], p[3], p[4], epsilon, outputs.first!, outputs.last!)
            }
        }
        let packed =
            folded.layout == weights ? folded : try reorder(folded, to: weights, path: convolution.path)
        return (packed, bias)
    }
}

extension Compiler {
    /// A primitive made once for all that are alike: with the `preferred` layouts unless oneDNN has only a plain loop
    /// for them and something better with the `free` ones, or on blocked images a product of matrices.
    mutating func cachedDescriptor(
        _ key: DescriptorKey, preferred: [MemoryDescriptor?], free: [MemoryDescriptor?],
        hint: PrimitiveDescriptor?,
        _ make: PrimitiveDescriptor.Maker
    ) throws(PlanError) -> PrimitiveDescriptor {
        if let known = descriptors[key] { return known }
        let name = "a \(key.operation.name)"
        let descriptor: PrimitiveDescriptor
        let fitting = try? PrimitiveDescriptor(name, layouts: preferred, hint: hint, make)
        if let fitting, !fitting.isReferenceLoop, activationLayout != .blocked || !fitting.isByGemm {
            descriptor = fitting
        } else {
            descriptor = try PrimitiveDescriptor(name, layouts: free, hint: hint, make)
        }
        descriptors[key] = descriptor
        return descriptor
    }
}
