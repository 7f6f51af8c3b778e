import COneDNN
import FoveaGraph
import FoveaTensor

extension Compiler {
    mutating func lowerDense(_ node: Graph.Node, at position: Int) throws(PlanError) {
        var name = node.operation.name
        var result = node.outputs[0]
        var post = PostOperations()
        if let activation = fusion.chains[position]?.activation,
            case .activation(let operation) = graph.nodes[activation].operation
        {
            name += "+\(operation.function)"
            post.activation = operation.function
            result = graph.nodes[activation].outputs[0]
        }
        // Vectors flattened from images keep the layout of the image: the weights are packed to match.
        let x = try form(of: node.inputs[0])
        denseSources[node.inputs[1]] = x.layout
        let descriptor = try denseForward(
            source: x.layout, units: graph.shape(of: node.outputs[0])[1], hasBias: node.inputs.count == 3,
            postOperations: post)
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
        let forward = try denseForward(source: source, units: weightShape[0], hasBias: false)
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
            node.operation.name, node, descriptor, reading: [(DNNL_ARG_DIFF_DST, dy), (DNNL_ARG_WEIGHTS, weight)],
            writing: [(DNNL_ARG_DIFF_SRC, dx)])
        define(node.outputs[0], as: dx)
    }

    mutating func lowerDenseParameterGradient(_ node: Graph.Node) throws(PlanError) {
        let x = try form(of: node.inputs[0])
        let dy = try plainForm(of: node.inputs[1])
        let units = graph.shape(of: node.inputs[1])[1]
        let hasBias = node.outputs.count == 2
        let forward = try denseForward(source: x.layout, units: units, hasBias: hasBias)
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

    /// The forward primitive for a source in the given layout: vectors, or images whose flattening is left out.
    private func denseForward(
        source: MemoryDescriptor, units: Int, hasBias: Bool, postOperations: PostOperations = .none
    ) throws(PlanError) -> PrimitiveDescriptor {
        let engine = engine
        return try PrimitiveDescriptor(
            "a dense product", postOperations: postOperations,
            layouts: [
                source, .any([units] + source.dimensions[1...]), hasBias ? .plain([units]) : nil,
                .plain([source.dimensions[0], units]),
            ]
        ) { descriptor, m, _, attributes in
            dnnl_inner_product_forward_primitive_desc_create(
                &descriptor, engine.handle, dnnl_forward_training, m[0], m[1], m[2], m[3], attributes)
        }
    }

    /// A primitive on weights as the forward primitive packs them if it is the one that oneDNN takes when free to
    /// choose, since packing large weights anew costs more than the product.
    private func packedOrFree(
        _ name: String, weights: MemoryDescriptor, others: [MemoryDescriptor?], hint: PrimitiveDescriptor,
        _ make: PrimitiveDescriptor.Maker
    ) throws(PlanError) -> PrimitiveDescriptor {
        let free = try PrimitiveDescriptor(name, layouts: [.any(weights.dimensions)] + others, hint: hint, make)
        guard let packed = try? PrimitiveDescriptor(name, layouts: [weights] + others, hint: hint, make),
            packed.implementation == free.implementation
        else { return free }
        return packed
    }
}
