import CFoveaKernels
import COneDNN
import FoveaGraph
import FoveaTensor

extension Compiler {
    /// The most weights that are packed for the forward product in each step.
    private static let mostPackedWeights = 1 << 20
    /// The batches whose products with more weights are those of `Dense.c`.
    private static let batchesBoundByWeights = 8...Int(FOVEA_DENSE_MAX_BATCH)

    mutating func lowerDense(_ node: Graph.Node, at position: Int) throws(PlanError) {
        var nameWithActivation = node.operation.name
        var result = node.outputs[0]
        var post = PostOperations()
        if let activation = fusedActivation(at: position) {
            nameWithActivation += "+\(activation.function)"
            post.activation = activation.function
            result = activation.result
        }
        if let x = batchInnermostVectors(node.inputs[0], multipliedBy: graph.shape(of: node.inputs[1])),
            post.activation.map({ $0.kernel != nil }) ?? true
        {
            denseSources[node.inputs[1]] = x.layout
            let y = try lowerBatchInnermostDense(
                node, x: x, activation: post.activation, name: nameWithActivation)
            return define(result, as: y)
        }
        if try isBoundByWeights(node) {
            var y = try lowerWeightBoundDense(node)
            if let activation = post.activation { y = try activated(activation, node, of: y) }
            return define(result, as: y)
        }
        let activation = takeActivationAfterwards(from: &post)
        let name = activation == nil ? nameWithActivation : node.operation.name
        // Vectors flattened from images keep the layout of the image: the weights are packed to match.
        let stored = try denseSource(node.inputs[0]).layout
        denseSources[node.inputs[1]] = stored
        let hasBias = node.inputs.count == 3
        let descriptor = try inBestType(preferring: productType) { compiler, dtype throws(PlanError) in
            let result = compiler.resultType(of: result, computedIn: dtype)
            if let weights = try compiler.forwardWeights(node.inputs[1], source: stored) {
                return try compiler.denseForward(
                    source: stored, weights: weights, hasBias: hasBias, postOperations: post, result: result)
            }
            return try compiler.denseForward(
                source: stored.storing(dtype), weight: node.inputs[1], hasBias: hasBias, postOperations: post,
                result: result)
        }
        let x = try form(of: node.inputs[0], in: descriptor.layout(DNNL_ARG_SRC))
        if descriptor.layout(DNNL_ARG_WEIGHTS).dtype != .float32 { try settleDenseWeight(of: node) }
        let weight = try form(of: node.inputs[1], in: descriptor.layout(DNNL_ARG_WEIGHTS))
        var inputs = [(DNNL_ARG_SRC, x), (DNNL_ARG_WEIGHTS, weight)]
        if hasBias { inputs.append((DNNL_ARG_BIAS, try plainForm(of: node.inputs[2]))) }
        var y = makeForm(descriptor.layout(DNNL_ARG_DST))
        emit(name, node, descriptor, reading: inputs, writing: [(DNNL_ARG_DST, y)])
        if let activation { y = try activated(activation, node, of: y) }
        define(result, as: y)
    }

    /// Whether a product takes as long as its trained weights take to be read, with rows of weights and vectors as they are
    /// (`Documentation/Decisions/0022-dense-products.md`).
    private mutating func isBoundByWeights(_ node: Graph.Node) throws(PlanError) -> Bool {
        let source = try denseSource(node.inputs[0]).layout
        guard isTrainedInFloat32(node.inputs[1], source: source), source.dimensions.count == 2,
            Self.batchesBoundByWeights ~= source.dimensions[0],
            graph.shape(of: node.inputs[1]).count > Self.mostPackedWeights
        else { return false }
        return try forwardWeights(node.inputs[1], source: source) == nil
    }

    private mutating func lowerWeightBoundDense(_ node: Graph.Node) throws(PlanError) -> Form {
        let weightShape = graph.shape(of: node.inputs[1])
        let x = try denseSource(node.inputs[0])
        try settle(node.inputs[1], in: .plain(weightShape.dimensions))
        var inputs = [x, try plainForm(of: node.inputs[1])]
        let hasBias = node.inputs.count == 3
        if hasBias { inputs.append(try plainForm(of: node.inputs[2])) }
        let y = makePlainForm([x.layout.dimensions[0], weightShape[0]])
        let shape = fovea_dense(batch: x.layout.dimensions[0], inputs: weightShape[1], units: weightShape[0])
        let threads = fovea_threads()
        let scratch = makePlainForm([fovea_dense_scratch(threads) / MemoryLayout<Float>.size])
        emitKernel(
            node.operation.name, path: node.path, reading: inputs, writing: [y], scratch: [scratch],
            flops: graph.cost(of: node).flops
        ) { pointers in
            let p = pointers.map { $0.assumingMemoryBound(to: Float.self) }
            let (bias, y, scratch) = hasBias ? (p[2], p[3], p[4]) : (nil, p[2], p[3])
            return {
                withUnsafePointer(to: shape) {
                    fovea_dense_forward($0, threads, p[0], p[1], bias, y, scratch)
                }
            }
        }
        return y
    }

    mutating func lowerDenseInputGradient(_ node: Graph.Node) throws(PlanError) {
        let (dyShape, weightShape) = (graph.shape(of: node.inputs[0]), graph.shape(of: node.inputs[1]))
        let stored = denseSources[node.inputs[1]] ?? .plain([dyShape[0], weightShape[1]])
        if stored.isBatchInnermost {
            return try lowerBatchInnermostDenseInputGradient(node, in: stored)
        }
        let engine = engine
        let descriptor = try inBestType(preferring: productType) { compiler, dtype throws(PlanError) in
            let source = stored.storing(dtype)
            let forward = try compiler.denseForward(source: source, weight: node.inputs[1], hasBias: false)
            return try compiler.packedOrFree(
                "a dense input gradient", weights: forward.layout(DNNL_ARG_WEIGHTS),
                others: [source, .plain(dyShape.dimensions, dtype)], hint: forward
            ) { descriptor, m, hint, attributes in
                dnnl_inner_product_backward_data_primitive_desc_create(
                    &descriptor, engine.handle, m[1], m[0], m[2], hint, attributes)
            }
        }
        let dy = try form(of: node.inputs[0], in: descriptor.layout(DNNL_ARG_DIFF_DST))
        let weight = try form(of: node.inputs[1], in: descriptor.layout(DNNL_ARG_WEIGHTS))
        let dx = makeForm(descriptor.layout(DNNL_ARG_DIFF_SRC))
        emit(
            node.operation.name, node, descriptor,
            reading: [(DNNL_ARG_DIFF_DST, dy), (DNNL_ARG_WEIGHTS, weight)],
            writing: [(DNNL_ARG_DIFF_SRC, dx)])
        define(node.outputs[0], as: dx)
    }

    mutating func lowerDenseParameterGradient(_ node: Graph.Node) throws(PlanError) {
        let (units, features) = (graph.shape(of: node.inputs[1])[1], graph.shape(of: node.inputs[0])[1])
        if features >= Self.batchInnermostMultiple,
            batchInnermostVectors(node.inputs[0], multipliedBy: [units, features]) != nil
        {
            return try lowerBatchInnermostDenseParameterGradient(node)
        }
        let hasBias = node.outputs.count == 2
        let descriptor = try denseParameterGradient(
            of: node.inputs[0], source: try denseSource(node.inputs[0]).layout, units: units, hasBias: hasBias
        )
        let x = try form(of: node.inputs[0], in: descriptor.layout(DNNL_ARG_SRC))
        let dy = try form(of: node.inputs[1], in: descriptor.layout(DNNL_ARG_DIFF_DST))
        let dw = makeForm(descriptor.layout(DNNL_ARG_DIFF_WEIGHTS))
        var outputs = [(DNNL_ARG_DIFF_WEIGHTS, dw)]
        define(node.outputs[0], as: dw)
        if hasBias {
            let db = makePlainForm([units])
            outputs.append((DNNL_ARG_DIFF_BIAS, db))
            define(node.outputs[1], as: db)
        }
        emit(
            node.operation.name, node, descriptor, reading: [(DNNL_ARG_SRC, x), (DNNL_ARG_DIFF_DST, dy)],
            writing: outputs)
    }

    /// The primitive for a gradient of weights, which is float32 whatever is multiplied.
    private mutating func denseParameterGradient(
        of x: Graph.Value, source stored: MemoryDescriptor, units: Int, hasBias: Bool
    ) throws(PlanError) -> PrimitiveDescriptor {
        let engine = engine
        let columns =
            stored.dimensions.count == 2 ? MemoryDescriptor.columns([units, stored.dimensions[1]]) : nil
        let settled = columns.flatMap { livesInColumns($0, multiplying: x) ? $0 : nil }
        return try inBestType(preferring: productType) { compiler, dtype throws(PlanError) in
            let source = stored.storing(dtype)
            let forward = try compiler.denseForward(
                source: source,
                weights: settled ?? compiler.trainedWeights(units: units, source: source, dtype),
                hasBias: hasBias)
            return try compiler.packedOrFree(
                "a dense parameter gradient",
                weights: dtype == .float32
                    ? forward.layout(DNNL_ARG_WEIGHTS)
                    : compiler.trainedWeights(units: units, source: source, .float32),
                others: [
                    source, hasBias ? .plain([units]) : nil,
                    .plain([source.dimensions[0], units], dtype),
                ], hint: forward
            ) { descriptor, m, hint, attributes in
                dnnl_inner_product_backward_weights_primitive_desc_create(
                    &descriptor, engine.handle, m[1], m[0], m[2], m[3], hint, attributes)
            }
        }
    }

    /// Whether the weight that a dense product multiplies `x` by lives in the given layout.
    private func livesInColumns(_ columns: MemoryDescriptor, multiplying x: Graph.Value) -> Bool {
        readers[x.index].contains { reader in
            let user = graph.nodes[reader]
            guard case .dense = user.operation, user.inputs[0] == x,
                case .variable(let position) = graph.origin(of: user.inputs[1])
            else { return false }
            return homes[position]?.layout == columns
        }
    }

    /// Lets the weight of the dense product `node` live as its gradient comes.
    private mutating func settleDenseWeight(of node: Graph.Node) throws(PlanError) {
        for reader in readers[node.inputs[0].index] {
            let user = graph.nodes[reader]
            guard case .denseParameterGradient = user.operation, user.inputs[0] == node.inputs[0],
                graph.shape(of: user.outputs[0]) == graph.shape(of: node.inputs[1])
            else { continue }
            let descriptor = try denseParameterGradient(
                of: node.inputs[0], source: try denseSource(node.inputs[0]).layout,
                units: graph.shape(of: node.inputs[1])[0],
                hasBias: user.outputs.count == 2)
            return try settle(node.inputs[1], in: descriptor.layout(DNNL_ARG_DIFF_WEIGHTS))
        }
    }

    /// The vectors that a dense product reads: as they are, but not with the batch innermost.
    private mutating func denseSource(_ value: Graph.Value) throws(PlanError) -> Form {
        let present = try storedForm(of: value)
        return present.layout.isBatchInnermost ? try plainForm(of: value) : present
    }

    /// How weights that change in every step are stored: as rows where the source is plain, since packing them mostly gains
    /// less than unpacking their gradients, or packing them anew in each step, costs; else in the layout that matches the
    /// source's.
    private func trainedWeights(
        units: Int, source: MemoryDescriptor, _ dtype: DType
    ) -> MemoryDescriptor {
        let dimensions = [units] + source.dimensions[1...]
        return source.isPlain ? .plain(dimensions, dtype) : .any(dimensions, dtype)
    }

    /// Whether a plain source is multiplied by a weight that changes in every step, in float32.
    private func isTrainedInFloat32(_ weight: Graph.Value, source: MemoryDescriptor) -> Bool {
        isAssigned(weight) && source.isPlain && source.dtype == .float32 && productType == .float32
    }

    /// The layout in which the forward product reads trained weights, in float32 and from a plain source.
    ///
    /// oneDNN's product with rows of weights is half as fast as that with columns, which the gradient of the input has
    /// instead. Without such a gradient the weights are stored as columns; with one they are packed for the forward product
    /// where that costs less than it gains (`Documentation/Decisions/0014-dense-weights.md`).
    private mutating func forwardWeights(
        _ weight: Graph.Value, source: MemoryDescriptor
    ) throws(PlanError) -> MemoryDescriptor? {
        guard isTrainedInFloat32(weight, source: source) else { return nil }
        let shape = graph.shape(of: weight)
        let hasInputGradient = readers[weight.index].contains {
            if case .denseInputGradient = graph.nodes[$0].operation { true } else { false }
        }
        if !hasInputGradient { return MemoryDescriptor.columns(shape.dimensions) }
        guard source.dimensions[0] >= 32, (1 << 17)...Self.mostPackedWeights ~= shape.count else {
            return nil
        }
        try settle(weight, in: .plain(shape.dimensions))
        return .any(shape.dimensions)
    }

    /// The forward primitive for a source in the given layout: vectors, or images whose flattening is left out.
    private func denseForward(
        source: MemoryDescriptor, weight: Graph.Value, hasBias: Bool, postOperations: PostOperations = .none,
        result: DType? = nil
    ) throws(PlanError) -> PrimitiveDescriptor {
        let units = graph.shape(of: weight)[0]
        return try denseForward(
            source: source,
            weights: isAssigned(weight)
                ? trainedWeights(units: units, source: source, source.dtype)
                : .any([units] + source.dimensions[1...], source.dtype),
            hasBias: hasBias, postOperations: postOperations, result: result)
    }

    private func denseForward(
        source: MemoryDescriptor, weights: MemoryDescriptor, hasBias: Bool,
        postOperations: PostOperations = .none, result: DType? = nil
    ) throws(PlanError) -> PrimitiveDescriptor {
        let engine = engine
        let units = weights.dimensions[0]
        return try PrimitiveDescriptor(
            "a dense product", postOperations: postOperations,
            layouts: [
                source, weights, hasBias ? .plain([units]) : nil,
                .plain([source.dimensions[0], units], result ?? source.dtype),
            ]
        ) { descriptor, m, _, attributes in
            dnnl_inner_product_forward_primitive_desc_create(
                &descriptor, engine.handle, dnnl_forward_training, m[0], m[1], m[2], m[3], attributes)
        }
    }

    /// A primitive on weights as the forward primitive has them if they are rows or columns or if it is the one that oneDNN takes when
    /// free to choose, since packing large weights anew costs more than the product.
    private func packedOrFree(
        _ name: String, weights: MemoryDescriptor, others: [MemoryDescriptor?], hint: PrimitiveDescriptor,
        _ make: PrimitiveDescriptor.Maker
    ) throws(PlanError) -> PrimitiveDescriptor {
        let free = try PrimitiveDescriptor(
            name, layouts: [.any(weights.dimensions, weights.dtype)] + others, hint: hint, make)
        guard let packed = try? PrimitiveDescriptor(name, layouts: [weights] + others, hint: hint, make),
            weights.isPlain && !packed.isReferenceLoop
                || weights.isColumns && !packed.isReferenceLoop
                || packed.implementation == free.implementation
        else { return free }
        return packed
    }
}
