import COneDNN
import FoveaGraph
import FoveaTensor

extension Compiler {
    mutating func lowerDense(_ node: Graph.Node, at position: Int) throws(PlanError) {
        var name = node.operation.name
        var result = node.outputs[0]
        var post = PostOperations()
        if let activation = fusedActivation(at: position) {
            name += "+\(activation.function)"
            post.activation = activation.function
            result = activation.result
        }
        // Vectors flattened from images keep the layout of the image: the weights are packed to match.
        let x = try denseSource(node.inputs[0])
        denseSources[node.inputs[1]] = x.layout
        let descriptor = try denseForward(
            source: x.layout, weight: node.inputs[1], hasBias: node.inputs.count == 3, postOperations: post)
        let weight = try form(of: node.inputs[1], in: descriptor.layout(DNNL_ARG_WEIGHTS))
        var inputs = [(DNNL_ARG_SRC, x), (DNNL_ARG_WEIGHTS, weight)]
        if node.inputs.count == 3 { inputs.append((DNNL_ARG_BIAS, try plainForm(of: node.inputs[2]))) }
        let y = makeForm(descriptor.layout(DNNL_ARG_DST))
        emit(name, node, descriptor, reading: inputs, writing: [(DNNL_ARG_DST, y)])
        define(result, as: y)
    }

    mutating func lowerDenseInputGradient(_ node: Graph.Node) throws(PlanError) {
        let (dyShape, weightShape) = (graph.shape(of: node.inputs[0]), graph.shape(of: node.inputs[1]))
        let source = denseSources[node.inputs[1]] ?? .plain([dyShape[0], weightShape[1]])
        let forward = try denseForward(source: source, weight: node.inputs[1], hasBias: false)
        let dy = try plainForm(of: node.inputs[0])
        let weights = forward.layout(DNNL_ARG_WEIGHTS)
        let engine = engine
        let descriptor = try packedOrFree(
            "a dense input gradient", weights: weights, others: [source, dy.layout], hint: forward
        ) { descriptor, m, hint, attributes in
            dnnl_inner_product_backward_data_primitive_desc_create(
                &descriptor, engine.handle, m[1], m[0], m[2], hint, attributes)
        }
        let weight = try form(of: node.inputs[1], in: descriptor.layout(DNNL_ARG_WEIGHTS))
        let dx = makeForm(source)
        emit(
            node.operation.name, node, descriptor,
            reading: [(DNNL_ARG_DIFF_DST, dy), (DNNL_ARG_WEIGHTS, weight)],
            writing: [(DNNL_ARG_DIFF_SRC, dx)])
        define(node.outputs[0], as: dx)
    }

    mutating func lowerDenseParameterGradient(_ node: Graph.Node) throws(PlanError) {
        let x = try denseSource(node.inputs[0])
        let dy = try plainForm(of: node.inputs[1])
        let units = graph.shape(of: node.inputs[1])[1]
        let hasBias = node.outputs.count == 2
        let forward = try denseForward(
            source: x.layout, weights: trainedWeights(units: units, source: x.layout), hasBias: hasBias)
        let engine = engine
        let descriptor = try packedOrFree(
            "a dense parameter gradient", weights: forward.layout(DNNL_ARG_WEIGHTS),
            others: [x.layout, hasBias ? .plain([units]) : nil, dy.layout], hint: forward
        ) { descriptor, m, hint, attributes in
            dnnl_inner_product_backward_weights_primitive_desc_create(
                &descriptor, engine.handle, m[1], m[0], m[2], m[3], hint, attributes)
        }
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

    /// The vectors that a dense product reads: as they are, but not with the batch innermost.
    private mutating func denseSource(_ value: Graph.Value) throws(PlanError) -> Form {
        let present = try form(of: value)
        return present.layout.isBatchInnermost ? try plainForm(of: value) : present
    }

    /// How weights that change in every step are stored: as rows where the source is plain, since packing them gains less
    /// than unpacking their gradients costs; else in the layout that matches the source's.
    private func trainedWeights(units: Int, source: MemoryDescriptor) -> MemoryDescriptor {
        let dimensions = [units] + source.dimensions[1...]
        return source.isPlain ? .plain(dimensions) : .any(dimensions)
    }

    /// The forward primitive for a source in the given layout: vectors, or images whose flattening is left out.
    private func denseForward(
        source: MemoryDescriptor, weight: Graph.Value, hasBias: Bool, postOperations: PostOperations = .none
    ) throws(PlanError) -> PrimitiveDescriptor {
        let units = graph.shape(of: weight)[0]
        return try denseForward(
            source: source,
            weights: isAssigned(weight)
                ? trainedWeights(units: units, source: source) : .any([units] + source.dimensions[1...]),
            hasBias: hasBias, postOperations: postOperations)
    }

    private func denseForward(
        source: MemoryDescriptor, weights: MemoryDescriptor, hasBias: Bool,
        postOperations: PostOperations = .none
    ) throws(PlanError) -> PrimitiveDescriptor {
        let engine = engine
        let units = weights.dimensions[0]
        return try PrimitiveDescriptor(
            "a dense product", postOperations: postOperations,
            layouts: [
                source, weights, hasBias ? .plain([units]) : nil, .plain([source.dimensions[0], units]),
            ]
        ) { descriptor, m, _, attributes in
            dnnl_inner_product_forward_primitive_desc_create(
                &descriptor, engine.handle, dnnl_forward_training, m[0], m[1], m[2], m[3], attributes)
        }
    }

    /// A primitive on weights as the forward primitive has them if they are rows or if it is the one that oneDNN takes when
    /// free to choose, since packing large weights anew costs more than the product.
    private func packedOrFree(
        _ name: String, weights: MemoryDescriptor, others: [MemoryDescriptor?], hint: PrimitiveDescriptor,
        _ make: PrimitiveDescriptor.Maker
    ) throws(PlanError) -> PrimitiveDescriptor {
        let free = try PrimitiveDescriptor(
            name, layouts: [.any(weights.dimensions)] + others, hint: hint, make)
        guard let packed = try? PrimitiveDescriptor(name, layouts: [weights] + others, hint: hint, make),
            weights.isPlain && !packed.isReferenceLoop || packed.implementation == free.implementation
        else { return free }
        return packed
    }
}
