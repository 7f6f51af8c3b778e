import CFoveaKernels
import COneDNN
import FoveaGraph
import FoveaTensor

extension Compiler {
    mutating func lowerActivation(_ activation: Operation.Activation, _ node: Graph.Node) throws(PlanError) {
        let x = try form(of: node.inputs[0])
        guard x.layout.isGapless || activation.function.keepsZero else {
            return try lowerElementwise(
                "\(activation.function)", node, algorithm: activation.function.algorithm, alpha: 0)
        }
        let y = makeForm(x.layout)
        let count = x.layout.byteCount / MemoryLayout<Float>.size
        let function = Optional(activation.function).kernel
        emitKernel(
            "\(activation.function)", path: node.path, reading: [x], writing: [y], flops: count,
            inPlace: (output: y, input: x)
        ) { pointers in
            let p = pointers.map { $0.assumingMemoryBound(to: Float.self) }
            return { fovea_activate(function, count, p[0], p[1]) }
        }
        define(node.outputs[0], as: y)
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
                &descriptor, engine.handle, dnnl_forward_training, algorithm, m[0], m[0], alpha, 0, attributes
            )
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
        let dx = makeForm(y.layout)
        let count = y.layout.byteCount / MemoryLayout<Float>.size
        let function = Optional(gradient.function).kernel
        // In the padding of a blocked layout the gradient is zero, and so is its product with anything.
        emitKernel(
            "\(gradient.function)Gradient", path: node.path, reading: [y, dy], writing: [dx],
            flops: 2 * count,
            inPlace: (output: dx, input: dy)
        ) { pointers in
            let p = pointers.map { $0.assumingMemoryBound(to: Float.self) }
            return { fovea_activate_gradient(function, count, p[0], p[1], p[2]) }
        }
        define(node.outputs[0], as: dx)
    }
}

extension ActivationFunction {
    /// Whether the function of zero is zero, so that the padding of a blocked layout stays as it must be.
    fileprivate var keepsZero: Bool {
        switch self {
        case .relu, .tanh: true
        case .sigmoid: false
        }
    }
}
