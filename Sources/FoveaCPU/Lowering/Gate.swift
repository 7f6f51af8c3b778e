import CFoveaKernels
import FoveaGraph
import FoveaTensor

/// Images weighed by a number for each map, in kernels that pass over memory once
/// (`Documentation/Decisions/0018-gates.md`).
extension Compiler {
    mutating func lowerMultiply(_ node: Graph.Node, at position: Int) throws(PlanError) {
        guard precision == .float32, let gated = graph.gatedImage(node) else {
            return try lowerBinary(FOVEA_MULTIPLY, node, at: position)
        }
        let chain = fusion.chains[position] ?? .none
        var (name, result) = (node.operation.name, node.outputs[0])
        if let add = chain.add {
            name += "+add"
            result = graph.nodes[add.node].outputs[0]
        }
        if let activation = chain.activation {
            name += "+relu"
            result = graph.nodes[activation].outputs[0]
        }
        let (layout, maps) = try gateLayout(of: gated.image)
        let x = try form(of: gated.image, in: layout)
        var inputs = [x, try plainForm(of: gated.gate)]
        var inPlace = x
        if let add = chain.add {
            inputs.append(try form(of: add.residual, in: layout))
            // A gradient reads `x` later, of what is added mostly not.
            if readers[gated.image.index].last != position { inPlace = inputs[2] }
        }
        let y = makeForm(layout)
        let relu: Int32 = chain.activation == nil ? 0 : 1
        emitKernel(
            name, path: node.path, reading: inputs, writing: [y], flops: graph.cost(of: node).flops,
            inPlace: (output: y, input: inPlace)
        ) { [hasResidual = chain.add != nil] pointers in
            let p = pointers.map { $0.assumingMemoryBound(to: Float.self) }
            let residual = hasResidual ? p[2] : nil
            let y = p[p.count - 1]
            return {
                withUnsafePointer(to: maps) { fovea_gate($0, p[0], p[1], nil, 0, residual, relu, y) }
            }
        }
        define(result, as: y)
    }

    /// The gradient of an image that is weighed and averaged.
    mutating func lowerGatedGradient(
        _ product: Gating.Product, _ node: Graph.Node, at position: Int
    ) throws(PlanError) {
        let (layout, maps) = try gateLayout(of: product.image)
        let dy = try form(of: product.image, in: layout)
        let inputs = [dy, try plainForm(of: product.gate), try plainForm(of: product.averages)]
        let dx = makeForm(layout)
        let share = 1 / Float(product.pixels)
        emitKernel(
            "multiply+poolGradient average+add", path: node.path, reading: inputs, writing: [dx],
            flops: 3 * layout.storedCount, inPlace: (output: dx, input: dy)
        ) { pointers in
            let p = pointers.map { $0.assumingMemoryBound(to: Float.self) }
            return { withUnsafePointer(to: maps) { fovea_gate($0, p[0], p[1], p[2], share, nil, 0, p[3]) } }
        }
        define(node.outputs[0], as: dx)
    }

    /// The gradient of a gate.
    mutating func lowerGateGradient(_ sum: Gating.Sum, _ node: Graph.Node) throws(PlanError) {
        let (layout, maps) = try gateLayout(of: sum.left)
        let inputs = [try form(of: sum.left, in: layout), try form(of: sum.right, in: layout)]
        let dgate = makePlainForm(graph.shape(of: node.outputs[0]))
        emitKernel(
            "multiply+reduceSum", path: node.path, reading: inputs, writing: [dgate],
            flops: 2 * layout.storedCount
        ) { pointers in
            let p = pointers.map { $0.assumingMemoryBound(to: Float.self) }
            return { withUnsafePointer(to: maps) { fovea_gate_gradient($0, p[0], p[1], p[2]) } }
        }
        define(node.outputs[0], as: dgate)
    }

    /// The layout of `image` in which the kernels find the pixels of each map, and how these lie in it.
    private mutating func gateLayout(
        of image: Graph.Value
    ) throws(PlanError) -> (MemoryDescriptor, fovea_maps) {
        let (layout, shape) = (try storedLayout(of: image), graph.shape(of: image))
        let (maps, pixels) = (shape[0] * shape[1], shape[2] * shape[3])
        if let block = layout.channelBlock, shape[1] % block == 0 {
            return (layout, fovea_maps(outer: maps / block, pixels: pixels, lanes: block))
        }
        let channelsLast = MemoryDescriptor.channelsLast(shape.dimensions)
        return (channelsLast, fovea_maps(outer: shape[0], pixels: pixels, lanes: shape[1]))
    }
}
