import COneDNN
import FoveaGraph
import FoveaTensor

extension Compiler {
    mutating func lowerParametricReLU(_ node: Graph.Node) throws(PlanError) {
        let x = try slopedSource(node.inputs[0])
        let descriptor = try parametricReLUForward(x.layout, slopes: graph.shape(of: node.inputs[1]))
        let weight = try form(of: node.inputs[1], in: descriptor.layout(DNNL_ARG_WEIGHTS))
        let y = makeForm(x.layout)
        emit(
            node.operation.name, node, descriptor, reading: [(DNNL_ARG_SRC, x), (DNNL_ARG_WEIGHTS, weight)],
            writing: [(DNNL_ARG_DST, y)])
        define(node.outputs[0], as: y)
    }

    mutating func lowerParametricReLUGradient(_ node: Graph.Node) throws(PlanError) {
        let x = try slopedSource(node.inputs[0])
        let dy = try form(of: node.inputs[2], in: x.layout)
        let forward = try parametricReLUForward(x.layout, slopes: graph.shape(of: node.inputs[1]))
        let slopes = forward.layout(DNNL_ARG_WEIGHTS)
        let engine = engine
        let descriptor = try PrimitiveDescriptor(
            "the gradient of a parametric ReLU", layouts: [x.layout, slopes], hint: forward
        ) { descriptor, m, hint, attributes in
            dnnl_prelu_backward_primitive_desc_create(
                &descriptor, engine.handle, m[0], m[1], m[0], m[1], m[0], hint, attributes)
        }
        let weight = try form(of: node.inputs[1], in: slopes)
        let (dx, dweight) = (makeForm(x.layout), makeForm(slopes))
        emit(
            node.operation.name, node, descriptor,
            reading: [(DNNL_ARG_SRC, x), (DNNL_ARG_WEIGHTS, weight), (DNNL_ARG_DIFF_DST, dy)],
            writing: [(DNNL_ARG_DIFF_SRC, dx), (DNNL_ARG_DIFF_WEIGHTS, dweight)])
        define(node.outputs[0], as: dx)
        define(node.outputs[1], as: dweight)
    }

    /// `value` with its channels apart, which a vector flattened from images has not.
    private mutating func slopedSource(_ value: Graph.Value) throws(PlanError) -> Form {
        let present = try imageForm(of: value)
        return present.layout.dimensions == graph.shape(of: value).dimensions
            ? present : try plainForm(of: value)
    }

    private func parametricReLUForward(
        _ layout: MemoryDescriptor, slopes: Shape
    ) throws(PlanError) -> PrimitiveDescriptor {
        var dimensions = layout.dimensions.map { _ in 1 }
        dimensions[1] = slopes[0]
        let engine = engine
        return try PrimitiveDescriptor("a parametric ReLU", layouts: [layout, .any(dimensions)]) {
            descriptor, m, _, attributes in
            dnnl_prelu_forward_primitive_desc_create(
                &descriptor, engine.handle, dnnl_forward_training, m[0], m[1], m[0], attributes)
        }
    }
}
