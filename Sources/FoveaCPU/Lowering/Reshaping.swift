import COneDNN
import FoveaGraph
import FoveaTensor

extension Compiler {
    /// No step at all where the elements can stay where they are.
    mutating func lowerReshape(_ reshape: Operation.Reshape, _ node: Graph.Node) throws(PlanError) {
        let x = try storedForm(of: node.inputs[0])
        let dimensions = reshape.shape.dimensions
        if x.layout.dimensions == dimensions {
            // Back to the image that a flattened vector kept, or no change.
            return define(node.outputs[0], as: x)
        }
        if x.layout.isPlain {
            return define(
                node.outputs[0], as: Form(layout: .plain(dimensions, x.layout.dtype), buffer: x.buffer))
        }
        if reshape.shape.rank == 2, x.layout.dimensions.count == 4, x.layout.dimensions[0] == reshape.shape[0]
        {
            // A vector that keeps the image's layout.
            return define(node.outputs[0], as: x)
        }
        let plain = try plainForm(of: node.inputs[0])
        define(node.outputs[0], as: Form(layout: .plain(dimensions), buffer: plain.buffer))
    }

    mutating func lowerConcatenate(
        _ concatenate: Operation.Concatenate, _ node: Graph.Node, at position: Int
    ) throws(PlanError) {
        if try lowerJoined(node, at: position) { return }
        let shape = graph.shape(of: node.outputs[0])
        var parts: [Form] = []
        for input in node.inputs {
            let present = try oneDNNForm(of: input)
            // Parts of one layout are copied faster than parts of several.
            let isAligned = present.layout.dimensions.count == shape.rank
            parts.append(isAligned ? present : try plainForm(of: input))
        }
        // oneDNN joins parts of one type only.
        if let shorter = parts.map(\.layout.dtype).first(where: { $0 != .float32 }) {
            for (index, input) in node.inputs.enumerated() {
                parts[index] = try form(of: input, in: parts[index].layout.storing(shorter))
            }
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

    /// Copies the part out, if it cannot stay, in the layout of the whole, which the gradients of joined branches share, unless that has
    /// blocks which the part would cut.
    mutating func lowerSlice(
        _ slice: Operation.Slice, _ node: Graph.Node, at position: Int
    ) throws(PlanError) {
        if try lowerView(slice, node, at: position) { return }
        let (from, to) = (graph.shape(of: node.inputs[0]), graph.shape(of: node.outputs[0]))
        var offsets = [Int](repeating: 0, count: from.rank)
        offsets[slice.axis] = slice.start
        let whole = try storedPart(of: node.inputs[0])
        var x = whole.form
        var layouts: (part: MemoryDescriptor, alone: MemoryDescriptor)?
        if whole.alone.dimensions == from.dimensions {
            layouts = x.layout.part(to.dimensions, at: offsets, order: whole.alone)
        }
        if layouts == nil {
            x = try plainForm(of: node.inputs[0])
            layouts = x.layout.part(to.dimensions, at: offsets)
        }
        guard let layouts else { throw PlanError("\(from) has no part \(to) that oneDNN knows") }
        let y = makeForm(layouts.alone)
        emit(
            node.operation.name, node,
            try reorderDescriptor(from: layouts.part, to: layouts.alone, engine: engine),
            reading: [(DNNL_ARG_FROM, Form(layout: layouts.part, buffer: x.buffer))],
            writing: [(DNNL_ARG_TO, y)])
        define(node.outputs[0], as: y)
    }
}
