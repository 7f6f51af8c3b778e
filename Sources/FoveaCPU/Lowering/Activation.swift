import COneDNN
import FoveaGraph
import FoveaTensor

extension Compiler {
    mutating func lowerActivation(_ activation: Operation.Activation, _ node: Graph.Node) throws(PlanError) {
        try lowerElementwise("\(activation.function)", node, algorithm: activation.function.algorithm, alpha: 0)
    }

    mutating func lowerScale(_ scale: Operation.Scale, _ node: Graph.Node) throws(PlanError) {
        try lowerElementwise("scale", node, algorithm: dnnl_eltwise_linear, alpha: scale.factor)
    }

    private mutating func lowerElementwise(
        _ name: String, _ node: Graph.Node, algorithm: dnnl_alg_kind_t, alpha: Float
    ) throws(PlanError) {
        let x = try form(of: node.inputs[0])
        let engine = engine
        let descriptor = try PrimitiveDescriptor(name, layouts: [x.layout]) { descriptor, m, _, attributes in
            dnnl_eltwise_forward_primitive_desc_create(
                &descriptor, engine.handle, dnnl_forward_training, algorithm, m[0], m[0], alpha, 0, attributes)
        }
        let y = makeForm(x.layout)
        emit(
            name, node, descriptor, reading: [(DNNL_ARG_SRC, x)], writing: [(DNNL_ARG_DST, y)],
            inPlace: (output: y, input: x))
        define(node.outputs[0], as: y)
    }

    mutating func lowerActivationGradient(
        _ gradient: Operation.ActivationGradient, _ node: Graph.Node
    ) throws(PlanError) {
        let y = try form(of: node.inputs[0])
        let dy = try form(of: node.inputs[1], in: y.layout)
        let engine = engine
        let function = gradient.function
        let algorithm = gradient.function.gradientAlgorithm
        let forward = try PrimitiveDescriptor("\(function)", layouts: [y.layout]) { descriptor, m, _, attributes in
            dnnl_eltwise_forward_primitive_desc_create(
                &descriptor, engine.handle, dnnl_forward_training, algorithm, m[0], m[0], 0, 0, attributes)
        }
        let descriptor = try PrimitiveDescriptor(
            "the gradient of \(function)", layouts: [y.layout], hint: forward
        ) { descriptor, m, hint, attributes in
            dnnl_eltwise_backward_primitive_desc_create(
                &descriptor, engine.handle, algorithm, m[0], m[0], m[0], 0, 0, hint, attributes)
        }
        let dx = makeForm(y.layout)
        emit(
            "\(function)Gradient", node, descriptor, reading: [(DNNL_ARG_DIFF_DST, dy), (DNNL_ARG_DST, y)],
            writing: [(DNNL_ARG_DIFF_SRC, dx)], inPlace: (output: dx, input: dy))
        define(node.outputs[0], as: dx)
    }
}
