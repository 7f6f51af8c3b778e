import CFoveaKernels
import COneDNN
import FoveaGraph
import FoveaTensor

extension Compiler {
    /// No step at all where the elements can stay where they are.
    mutating func lowerReshape(_ reshape: Operation.Reshape, _ node: Graph.Node) throws(PlanError) {
        let x = try form(of: node.inputs[0])
        let dimensions = reshape.shape.dimensions
        if x.layout.dimensions == dimensions {
            // Back to the image that a flattened vector kept, or no change.
            return define(node.outputs[0], as: x)
        }
        if x.layout.isPlain {
            return define(node.outputs[0], as: Form(layout: .plain(dimensions), buffer: x.buffer))
        }
        if reshape.shape.rank == 2, x.layout.dimensions.count == 4, x.layout.dimensions[0] == reshape.shape[0]
        {
            // A vector that keeps the image's layout.
            return define(node.outputs[0], as: x)
        }
        let plain = try plainForm(of: node.inputs[0])
        define(node.outputs[0], as: Form(layout: .plain(dimensions), buffer: plain.buffer))
    }

    mutating func lowerConcatenate(_ concatenate: Operation.Concatenate, _ node: Graph.Node) throws(PlanError)
    {
        let shape = graph.shape(of: node.outputs[0])
        var parts: [Form] = []
        for input in node.inputs {
            let present = try oneDNNForm(of: input)
            // Parts of one layout are copied faster than parts of several.
            let isAligned = present.layout.dimensions.count == shape.rank
            parts.append(isAligned ? present : try plainForm(of: input))
        }
        let engine = engine
        let descriptor = try PrimitiveDescriptor(
            "concatenation", layouts: parts.map(\.layout)
        ) { descriptor, m, _, attributes in
            dnnl_concat_primitive_desc_create(
                &descriptor, engine.handle, nil, Int32(m.count), Int32(concatenate.axis), m, attributes)
        }
        let y = makeForm(descriptor.layout(DNNL_ARG_DST))
        let inputs = parts.enumerated().map { (DNNL_ARG_MULTIPLE_SRC + Int32($0.offset), $0.element) }
        emit(node.operation.name, node, descriptor, reading: inputs, writing: [(DNNL_ARG_DST, y)])
        define(node.outputs[0], as: y)
    }

    mutating func lowerSlice(_ slice: Operation.Slice, _ node: Graph.Node) throws(PlanError) {
        let x = try plainForm(of: node.inputs[0])
        let (from, to) = (graph.shape(of: node.inputs[0]), graph.shape(of: node.outputs[0]))
        try checkRank(from)
        let y = makePlainForm(to)
        let extents = to.dimensions.map(Int64.init)
        let (xStrides, yStrides) = (from.strides.map(Int64.init), to.strides.map(Int64.init))
        let offset = slice.start * from.strides[slice.axis]
        emitKernel(node.operation.name, path: node.path, reading: [x], writing: [y]) { pointers in
            let p = pointers.map { $0.assumingMemoryBound(to: Float.self) }
            return { fovea_copy(Int32(extents.count), extents, p[0] + offset, xStrides, p[1], yStrides) }
        }
        define(node.outputs[0], as: y)
    }
}
