import CFoveaKernels
import FoveaGraph
import FoveaTensor

/// The lowering of convolution and pooling to Fovea's own kernels on images with the batch innermost: on networks with
/// few channels they are several times faster than what oneDNN has
/// (`Documentation/Decisions/0003-batch-innermost.md`).
extension Compiler {
    /// The multiple of the batch size that the kernels take: one vector of 8 numbers.
    static let batchInnermostMultiple = 8

    /// Whether a convolution runs on images with the batch innermost.
    func runsBatchInnermost(_ convolution: Operation.Convolution, x: Shape, weight: Shape) -> Bool {
        usesBatchInnermost && Self.hasBatchInnermostKernel(convolution, batch: x[0])
    }

    private static func hasBatchInnermostKernel(_ convolution: Operation.Convolution, batch: Int) -> Bool {
        convolution.groups == 1 && convolution.dilation == 1 && batch % batchInnermostMultiple == 0
    }

    /// Whether a network is faster with the batch innermost: all its convolutions are on few channels, with kernels and
    /// batches of the sizes for which that was measured.
    static func isFasterBatchInnermost(_ graph: Graph) -> Bool {
        guard supportsBatchInnermost(graph) else { return false }
        var count = 0
        for node in graph.nodes where node.phase == .forward {
            guard case .convolution(let convolution) = node.operation else { continue }
            let (x, weight) = (graph.shape(of: node.inputs[0]), graph.shape(of: node.inputs[1]))
            let isNarrow = min(weight[0], x[1]) < 16
            guard hasBatchInnermostKernel(convolution, batch: x[0]), isNarrow || (32..<256).contains(x[0]),
                max(weight[0], x[1]) <= 32, weight[2] * weight[3] > 1
            else { return false }
            count += 1
        }
        return count > 0
    }

    /// Whether a pooling runs on images with the batch innermost: where its input is stored so already.
    func runsBatchInnermost(_ pool: Operation.Pool, _ x: MemoryDescriptor) -> Bool {
        guard pool.poolWindow.dilation == 1, pool.poolWindow.tapCount <= 256 else { return false }
        if x.isBatchInnermost { return true }
        return activationLayout == .batchInnermost
            && x.dimensions[0] % Self.batchInnermostMultiple == 0
    }

    /// Whether every operation on images has a kernel for them, so that none forces them into another layout.
    private static func supportsBatchInnermost(_ graph: Graph) -> Bool {
        // Kernels, their gradients, and what penalties make of them have four axes, too, and are no images.
        var kernels = Set<Graph.Value>()
        func isImage(_ value: Graph.Value) -> Bool {
            if case .variable = graph.origin(of: value) { return false }
            return graph.shape(of: value).rank == 4 && !kernels.contains(value)
        }
        for node in graph.nodes where node.phase != .update {
            if case .convolutionParameterGradient = node.operation {
                kernels.formUnion(node.outputs)
                continue
            }
            guard node.inputs.contains(where: isImage) else {
                let isOfKernels = node.inputs.contains { graph.shape(of: $0).rank == 4 }
                if isOfKernels { kernels.formUnion(node.outputs) }
                continue
            }
            switch node.operation {
            case .convolution, .convolutionInputGradient, .pool, .poolGradient, .activation,
                .activationGradient,
                .reshape, .sumOfSquares, .scale:
                continue
            default: return false
            }
        }
        return true
    }

    /// Where `value` is stored with the samples of a batch side by side, if it is.
    func batchInnermostForm(of value: Graph.Value) -> Form? {
        forms[value.index].first { $0.layout.isBatchInnermost }
    }

    /// The blocks of the batch that steps on `form` work on.
    func batchBlocks(of form: Form) -> Int { form.layout.isBatchInnermost ? form.layout.batchBlocks : 1 }

    /// Whether a pass of a convolution runs by the minimal filtering of rows, which is not possible for all and not faster for some
    /// (`Documentation/Decisions/0016-batch-innermost-winograd.md`).
    private func filtersRows(_ shape: fovea_bi_convolution, _ pass: fovea_bi_pass) -> Bool {
        var shape = shape
        guard convolutionAlgorithm != .direct, fovea_bi_can_filter(&shape) != 0 else { return false }
        return convolutionAlgorithm == .winograd
            || min(shape.channels, shape.filters) >= Self.leastFilteredChannels(shape, pass)
    }

    /// As many channels on both sides as the transforms of rows pay off for.
    ///
    /// Forward each filter's results are transformed back, for which there are too few registers without AVX-512.
    private static func leastFilteredChannels(_ shape: fovea_bi_convolution, _ pass: fovea_bi_pass) -> Int {
        let hasFewRegisters = fovea_vector_lanes() == 8
        if shape.kernelWidth == 5 { return pass == FOVEA_BI_FORWARD ? 2 : 1 }
        return pass == FOVEA_BI_FORWARD && hasFewRegisters ? 6 : 2
    }

    /// Whether a convolution runs forward by the minimal filtering of columns alone, which needs the registers of AVX-512 and is faster
    /// than that of rows or of both for few channels (`Documentation/Decisions/0023-columns.md`).
    private func filtersColumns(_ shape: fovea_bi_convolution) -> Bool {
        var shape = shape
        return convolutionAlgorithm != .direct && fovea_vector_lanes() == 16 && shape.batch % 16 == 0
            && fovea_bi_can_filter_columns(&shape) != 0 && shape.channels <= (shape.kernelHeight == 5 ? 2 : 3)
    }

    /// Scratch memory for a pass by minimal filtering, for each thread.
    private mutating func filteringScratch(
        _ shape: fovea_bi_convolution, _ pass: fovea_bi_pass, byColumns: Bool = false
    ) -> Form {
        makePlainForm([
            Int(fovea_threads())
                * withUnsafePointer(to: shape) {
                    byColumns ? fovea_bi_columns_scratch($0) : fovea_bi_winograd_scratch($0, pass)
                }
        ])
    }

    /// The taps of `weight` as a pass by minimal filtering reads them, made once where both passes read the same.
    private mutating func filteredTaps(
        of weight: Form, _ shape: fovea_bi_convolution, _ pass: fovea_bi_pass, byColumns: Bool = false,
        path: String
    ) -> Form {
        let (count, isShared) = withUnsafePointer(to: shape) {
            byColumns
                ? (fovea_bi_columns_taps($0), false)
                : (fovea_bi_winograd_taps($0), fovea_bi_winograd_shares_taps($0) != 0)
        }
        if isShared, let taps = planeTaps[weight.buffer], taps.layout.storedCount == count { return taps }
        let taps = makePlainForm([count])
        if isShared { planeTaps[weight.buffer] = taps }
        emitParts("transform of taps", path: path, reading: [weight], writing: [taps]) { pointers in
            let p = pointers.map { $0.assumingMemoryBound(to: Float.self) }
            return [
                {
                    withUnsafePointer(to: shape) {
                        if byColumns {
                            fovea_bi_columns_filter_taps($0, p[0], p[1])
                        } else {
                            fovea_bi_winograd_filter_taps($0, pass, p[0], p[1])
                        }
                    }
                }
            ]
        }
        return taps
    }

    mutating func lowerBatchInnermostConvolution(
        _ convolution: Operation.Convolution, _ node: Graph.Node, weight: Form, bias: Form?,
        activation: ActivationFunction?, name: String
    ) throws(PlanError) -> Form {
        let (xShape, yShape) = (graph.shape(of: node.inputs[0]), graph.shape(of: node.outputs[0]))
        let x = try form(of: node.inputs[0], in: .batchInnermost(xShape.dimensions))
        let y = makeForm(.batchInnermost(yShape.dimensions))
        let blocks = batchBlocks(of: x)
        let shape = fovea_bi_convolution(
            convolution, x: xShape, weight: graph.shape(of: node.inputs[1]), y: yShape, blocks: blocks)
        let function = activation?.kernel ?? FOVEA_IDENTITY
        let hasBias = bias != nil
        let flops = graph.cost(of: node).flops
        let byColumns = filtersColumns(shape)
        guard byColumns || filtersRows(shape, FOVEA_BI_FORWARD) else {
            emitKernel(
                name, path: node.path, blocks: blocks, reading: [x],
                sharing: [weight] + (bias.map { [$0] } ?? []),
                writing: [y], flops: flops
            ) { pointers in
                let p = pointers.map { $0.assumingMemoryBound(to: Float.self) }
                let (bias, y) = (hasBias ? p[2] : nil, p[hasBias ? 3 : 2])
                return {
                    withUnsafePointer(to: shape) {
                        fovea_bi_convolution_forward($0, p[0], p[1], bias, function, y)
                    }
                }
            }
            return y
        }
        let threads = Int(fovea_threads())
        let taps = filteredTaps(of: weight, shape, FOVEA_BI_FORWARD, byColumns: byColumns, path: node.path)
        emitKernel(
            name, path: node.path, implementation: "winograd", blocks: blocks, reading: [x],
            sharing: [taps] + (bias.map { [$0] } ?? []), writing: [y],
            scratch: [filteringScratch(shape, FOVEA_BI_FORWARD, byColumns: byColumns)], flops: flops
        ) { pointers in
            let p = pointers.map { $0.assumingMemoryBound(to: Float.self) }
            let bias = hasBias ? p[2] : nil
            let (y, scratch) = (p[p.count - 2], p[p.count - 1])
            return {
                withUnsafePointer(to: shape) {
                    if byColumns {
                        fovea_bi_columns_forward($0, threads, p[0], p[1], bias, function, y, scratch)
                    } else {
                        fovea_bi_winograd_forward($0, threads, p[0], p[1], bias, function, y, scratch)
                    }
                }
            }
        }
        return y
    }

    mutating func lowerBatchInnermostInputGradient(
        _ gradient: Operation.ConvolutionInputGradient, _ node: Graph.Node
    ) throws(PlanError) {
        let (dyShape, weightShape) = (graph.shape(of: node.inputs[0]), graph.shape(of: node.inputs[1]))
        let dy = try form(of: node.inputs[0], in: .batchInnermost(dyShape.dimensions))
        let weight = try plainForm(of: node.inputs[1])
        let dx = makeForm(.batchInnermost(gradient.inputShape.dimensions))
        let blocks = batchBlocks(of: dy)
        let shape = fovea_bi_convolution(
            gradient.convolution, x: gradient.inputShape, weight: weightShape, y: dyShape, blocks: blocks)
        define(node.outputs[0], as: dx)
        let flops = graph.cost(of: node).flops
        guard filtersRows(shape, FOVEA_BI_BACKWARD_DATA) else {
            return emitKernel(
                node.operation.name, path: node.path, blocks: blocks, reading: [dy], sharing: [weight],
                writing: [dx], flops: flops
            ) { pointers in
                let p = pointers.map { $0.assumingMemoryBound(to: Float.self) }
                return {
                    withUnsafePointer(to: shape) { fovea_bi_convolution_backward_data($0, p[0], p[1], p[2]) }
                }
            }
        }
        let threads = Int(fovea_threads())
        let taps = filteredTaps(of: weight, shape, FOVEA_BI_BACKWARD_DATA, path: node.path)
        emitKernel(
            node.operation.name, path: node.path, implementation: "winograd", blocks: blocks, reading: [dy],
            sharing: [taps], writing: [dx], scratch: [filteringScratch(shape, FOVEA_BI_BACKWARD_DATA)],
            flops: flops
        ) { pointers in
            let p = pointers.map { $0.assumingMemoryBound(to: Float.self) }
            return {
                withUnsafePointer(to: shape) {
                    fovea_bi_winograd_backward_data($0, threads, p[0], p[1], p[2], p[3])
                }
            }
        }
    }

    /// The gradients of weights and bias: what each block of the batch gives to them, and the sums of these in order.
    mutating func lowerBatchInnermostParameterGradient(
        _ gradient: Operation.ConvolutionParameterGradient, _ node: Graph.Node
    ) throws(PlanError) {
        let x = try form(of: node.inputs[0], in: .batchInnermost(graph.shape(of: node.inputs[0]).dimensions))
        let shape = filteredShape(gradient, node)
        let blocks = batchBlocks(of: x)
        let flops = graph.cost(of: node).flops
        let outputs = makeParameterGradients(of: node, weights: .plain(gradient.weightShape.dimensions))
        if let pooled = pooledGradients[node.inputs[1]] {
            return filterParameterGradient(
                shape, node, reading: x, pooled.inputs, writing: outputs, pooled: pooled)
        }
        let dy = try form(of: node.inputs[1], in: .batchInnermost(graph.shape(of: node.inputs[1]).dimensions))
        let hasBias = outputs.count == 2
        guard filtersRows(shape, FOVEA_BI_BACKWARD_WEIGHTS) else {
            let parts =
                blocks == 1 ? outputs : outputs.map { makePlainForm([blocks, $0.layout.storedCount]) }
            emitKernel(
                node.operation.name, path: node.path, blocks: blocks, reading: [x, dy], writing: parts,
                flops: flops
            ) { pointers in
                let p = pointers.map { $0.assumingMemoryBound(to: Float.self) }
                let dbias = hasBias ? p[3] : nil
                return {
                    withUnsafePointer(to: shape) {
                        fovea_bi_convolution_backward_weights($0, p[0], p[1], p[2], dbias)
                    }
                }
            }
            if blocks > 1 {
                for (part, sum) in zip(parts, outputs) { addBlocks(part, into: sum, path: node.path) }
            }
            return
        }
        filterParameterGradient(shape, node, reading: x, [dy], writing: outputs)
    }

    /// The sizes of the gradient of taps at `node`, for a block of the batch.
    private func filteredShape(
        _ gradient: Operation.ConvolutionParameterGradient, _ node: Graph.Node
    ) -> fovea_bi_convolution {
        let (x, y) = (graph.shape(of: node.inputs[0]), graph.shape(of: node.inputs[1]))
        return fovea_bi_convolution(
            gradient.convolution, x: x, weight: gradient.weightShape, y: y,
            blocks: MemoryDescriptor.batchInnermost(x.dimensions).batchBlocks)
    }

    /// The gradients of weights and bias by minimal filtering.
    ///
    /// - Parameters:
    ///   - gradient: the gradient of the output, or the inputs of `pooled`.
    ///   - pooled: what makes the gradient of the output, if no step before does.
    private mutating func filterParameterGradient(
        _ shape: fovea_bi_convolution, _ node: Graph.Node, reading x: Form, _ gradient: [Form],
        writing outputs: [Form], pooled: PooledGradient? = nil
    ) {
        let (threads, blocks, hasBias) = (Int(fovea_threads()), batchBlocks(of: x), outputs.count == 2)
        let sums = makePlainForm([blocks, withUnsafePointer(to: shape) { fovea_bi_winograd_sums($0) }])
        let name = node.operation.name
        emitKernel(
            pooled.map { "\(name) of \($0.name)" } ?? name, path: node.path, implementation: "winograd",
            blocks: blocks, reading: [x] + gradient, writing: [sums],
            scratch: [filteringScratch(shape, FOVEA_BI_BACKWARD_WEIGHTS)],
            flops: graph.cost(of: node).flops + (pooled?.flops ?? 0)
        ) { pointers in
            let p = pointers.map { $0.assumingMemoryBound(to: Float.self) }
            let (x, sums, scratch) = (p[0], p[p.count - 2], p[p.count - 1])
            guard let pooled = pooled?.gradient(Array(pointers.dropFirst())) else {
                return {
                    withUnsafePointer(to: shape) {
                        fovea_bi_winograd_sum_weights(
                            $0, threads, x, p[1], nil, hasBias ? 1 : 0, sums, scratch)
                    }
                }
            }
            return {
                withUnsafePointer(to: shape) { shape in
                    withUnsafePointer(to: pooled) {
                        fovea_bi_winograd_sum_weights(
                            shape, threads, x, nil, $0, hasBias ? 1 : 0, sums, scratch)
                    }
                }
            }
        }
        emitParts(
            "sum of blocks", path: node.path, implementation: "winograd", reading: [sums], writing: outputs
        ) { pointers in
            let p = pointers.map { $0.assumingMemoryBound(to: Float.self) }
            let dbias = hasBias ? p[2] : nil
            return [
                {
                    withUnsafePointer(to: shape) {
                        fovea_bi_winograd_collect_weights($0, blocks, p[0], p[1], dbias)
                    }
                }
            ]
        }
    }

    /// Adds up the rows of `parts`.
    private mutating func addBlocks(_ parts: Form, into sum: Form, path: String) {
        let (rows, columns) = (parts.layout.dimensions[0], parts.layout.dimensions[1])
        let scratch = makePlainForm([(fovea_sum_rows_scratch(rows, columns) + 3) / 4])
        emitParts("sum of blocks", path: path, reading: [parts], writing: [sum], scratch: [scratch]) {
            pointers in
            let p = pointers.map { $0.assumingMemoryBound(to: Float.self) }
            return [{ fovea_sum_rows(rows, columns, p[0], p[1], p[2]) }]
        }
    }

    mutating func lowerBatchInnermostPool(
        _ pool: Operation.Pool, _ node: Graph.Node, at position: Int, needsGradient: Bool
    ) throws(PlanError) {
        let (xShape, yShape) = (graph.shape(of: node.inputs[0]), graph.shape(of: node.outputs[0]))
        let x = try form(of: node.inputs[0], in: .batchInnermost(xShape.dimensions))
        let y = makeForm(.batchInnermost(yShape.dimensions))
        let blocks = batchBlocks(of: x)
        let shape = fovea_bi_pooling(pool, x: xShape, y: yShape, blocks: blocks)
        var outputs = [y]
        if pool.reduction == .maximum, needsGradient {
            // One byte for each output element.
            let index = makeForm(.plain([(yShape.count + 3) / 4]))
            workspaces[position] = index
            outputs.append(index)
        }
        let reduction = pool.reduction
        emitKernel(
            "pool \(pool.shortName)", path: node.path, blocks: blocks, reading: [x], writing: outputs,
            flops: graph.cost(of: node).flops
        ) { pointers in
            let p = pointers.map { $0.assumingMemoryBound(to: Float.self) }
            let index = pointers.count == 3 ? pointers[2].assumingMemoryBound(to: UInt8.self) : nil
            return {
                withUnsafePointer(to: shape) { shape in
                    switch reduction {
                    case .maximum: fovea_bi_max_pool(shape, p[0], p[1], index)
                    case .average(let countsPadding):
                        fovea_bi_average_pool(shape, countsPadding ? 1 : 0, p[0], p[1])
                    }
                }
            }
        }
        define(node.outputs[0], as: y)
    }

    /// The gradient of a pooling and, with `next`, of the activation before it.
    ///
    /// Where the gradient of taps alone reads it, it is made there.
    mutating func lowerBatchInnermostPoolGradient(
        _ gradient: Operation.PoolGradient, _ node: Graph.Node, before next: Graph.Node?
    ) throws(PlanError) {
        let (xShape, yShape) = (graph.shape(of: node.inputs[0]), graph.shape(of: node.inputs[1]))
        let dy = try form(of: node.inputs[2], in: .batchInnermost(yShape.dimensions))
        let blocks = batchBlocks(of: dy)
        var pooled = PooledGradient(
            pooling: fovea_bi_pooling(gradient.pool, x: xShape, y: yShape, blocks: blocks),
            name: "poolGradient \(gradient.pool.shortName)", inputs: [dy], flops: graph.cost(of: node).flops)
        if case .average(let countsPadding) = gradient.pool.reduction {
            pooled.countsPadding = countsPadding
        } else {
            guard case .node(let position, _) = graph.origin(of: node.inputs[1]),
                let index = workspaces[position]
            else { throw PlanError("the gradient of a maximum needs the node that took the maximum") }
            pooled.inputs.append(index)
            pooled.hasIndex = true
        }
        var result = node.outputs[0]
        if let next, case .activationGradient(let gradient) = next.operation,
            let kernel = gradient.function.kernel
        {
            pooled.function = kernel
            pooled.inputs.append(try form(of: next.inputs[0], in: .batchInnermost(xShape.dimensions)))
            pooled.name += ", of \(gradient.function)"
            result = next.outputs[0]
        }
        if isMadeByRows(result) {
            pooledGradients[result] = pooled
            return
        }
        let dx = makeForm(.batchInnermost(xShape.dimensions))
        let isInPlace = withUnsafePointer(to: pooled.pooling) { fovea_bi_has_tiles($0) != 0 }
        let activated = result == node.outputs[0] ? nil : pooled.inputs.last
        emitKernel(
            pooled.name, path: node.path, blocks: blocks, reading: pooled.inputs, writing: [dx],
            flops: pooled.flops, inPlace: isInPlace ? activated.map { (output: dx, input: $0) } : nil
        ) { pointers in
            let gradient = pooled.gradient(pointers)
            let dx = pointers[pointers.count - 1].assumingMemoryBound(to: Float.self)
            return { withUnsafePointer(to: gradient) { fovea_bi_pool_gradient($0, dx) } }
        }
        define(node.outputs[0], as: dx)
        guard let next, case .activationGradient(let gradient) = next.operation else { return }
        if result == next.outputs[0] {
            define(result, as: dx)
        } else {
            try lowerActivationGradient(gradient, next)
        }
    }

    /// Whether the gradient of taps that alone reads `gradient` makes it row by row, by minimal filtering.
    ///
    /// With more samples than a line of the cache has, rows would be made several times.
    private func isMadeByRows(_ gradient: Graph.Value) -> Bool {
        guard readers[gradient.index].count == 1, !graph.isWanted(gradient) else { return false }
        let reader = graph.nodes[readers[gradient.index][0]]
        guard case .convolutionParameterGradient(let operation) = reader.operation,
            reader.inputs[1] == gradient,
            runsBatchInnermost(
                operation.convolution, x: graph.shape(of: reader.inputs[0]), weight: operation.weightShape)
        else { return false }
        let shape = filteredShape(operation, reader)
        return shape.batch <= 16 && filtersRows(shape, FOVEA_BI_BACKWARD_WEIGHTS)
    }
}

/// The gradient of a pooling and of the activation before it, which a step computes from forms.
struct PooledGradient {
    fileprivate let pooling: fovea_bi_pooling
    fileprivate var countsPadding = false
    fileprivate var hasIndex = false
    fileprivate var function = FOVEA_IDENTITY
    fileprivate var name: String
    /// The gradient of the output, the places of maxima if there are, and the result of the activation if there is one.
    fileprivate var inputs: [Form]
    fileprivate let flops: Int

    fileprivate init(pooling: fovea_bi_pooling, name: String, inputs: [Form], flops: Int) {
        self.pooling = pooling
        self.name = name
        self.inputs = inputs
        self.flops = flops
    }

    /// What the kernels take, from the addresses of the inputs.
    fileprivate func gradient(_ pointers: [UnsafeMutableRawPointer]) -> fovea_bi_pooled_gradient {
        let index = hasIndex ? pointers[1].assumingMemoryBound(to: UInt8.self) : nil
        let y =
            function == FOVEA_IDENTITY ? nil : pointers[inputs.count - 1].assumingMemoryBound(to: Float.self)
        return fovea_bi_pooled_gradient(
            pooling: pooling, index: index, countPadding: countsPadding ? 1 : 0, activation: function, y: y,
            dy: pointers[0].assumingMemoryBound(to: Float.self))
    }
}

extension fovea_bi_convolution {
    fileprivate init(
        _ convolution: Operation.Convolution, x: Shape, weight: Shape, y: Shape, blocks: Int
    ) {
        self.init(
            batch: x[0] / blocks, channels: x[1], height: x[2], width: x[3], filters: y[1], outHeight: y[2],
            outWidth: y[3],
            kernelHeight: weight[2], kernelWidth: weight[3], strideHeight: convolution.stride.height,
            strideWidth: convolution.stride.width, padTop: convolution.padding.top,
            padLeft: convolution.padding.left)
    }
}

extension fovea_bi_pooling {
    fileprivate init(_ pool: Operation.Pool, x: Shape, y: Shape, blocks: Int) {
        let window = pool.poolWindow
        self.init(
            batch: x[0] / blocks, channels: x[1], height: x[2], width: x[3], outHeight: y[2], outWidth: y[3],
            windowHeight: window.kernel.height, windowWidth: window.kernel.width,
            strideHeight: window.stride.height,
            strideWidth: window.stride.width, padTop: window.padding.top, padLeft: window.padding.left)
    }
}
