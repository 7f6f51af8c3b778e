import CFoveaKernels
import COneDNN
import FoveaGraph
import FoveaTensor

extension Compiler {
    mutating func lowerActivation(_ activation: Operation.Activation, _ node: Graph.Node) throws(PlanError) {
        let x = try storedForm(of: node.inputs[0])
        define(node.outputs[0], as: try activated(activation.function, node, of: x))
    }

    /// `function` of each element of `x`, in place where nobody else reads it.
    mutating func activated(
        _ function: ActivationFunction, _ node: Graph.Node, of x: Form
    ) throws(PlanError) -> Form {
        guard let kernel = function.kernel, x.layout.dtype == .float32,
            x.layout.isGapless || function.keepsZero
        else { return try elementwise("\(function)", node, function.eltwise, of: x) }
        let y = makeForm(x.layout)
        let (count, blocks) = (x.layout.storedCount, batchBlocks(of: x))
        emitKernel(
            "\(function)", path: node.path, blocks: blocks, reading: [x], writing: [y], flops: count,
            inPlace: (output: y, input: x)
        ) { pointers in
            let p = pointers.map { $0.assumingMemoryBound(to: Float.self) }
            return { fovea_activate(kernel, count / blocks, p[0], p[1]) }
        }
        return y
    }

    /// The activation that is faster after a product of oneDNN than within it, which `post` loses.
    func takeActivationAfterwards(from post: inout PostOperations) -> ActivationFunction? {
        guard precision == .float32, let function = post.activation, function.isFasterAfterwards else {
            return nil
        }
        post.activation = nil
        return function
    }

    mutating func lowerScale(_ scale: Operation.Scale, _ node: Graph.Node) throws(PlanError) {
        let x = try storedForm(of: node.inputs[0])
        define(node.outputs[0], as: try elementwise("scale", node, .scale(by: scale.factor), of: x))
    }

    /// oneDNN's `function` of each element of `x`.
    mutating func elementwise(
        _ name: String, _ node: Graph.Node, _ function: Eltwise, of x: Form
    ) throws(PlanError) -> Form {
        let engine = engine
        let descriptor = try PrimitiveDescriptor(name, layouts: [x.layout]) { descriptor, m, _, attributes in
            dnnl_eltwise_forward_primitive_desc_create(
                &descriptor, engine.handle, dnnl_forward_training, function.algorithm, m[0], m[0],
                function.alpha, function.beta, attributes)
        }
        let y = makeForm(x.layout)
        emit(
            name, node, descriptor, reading: [(DNNL_ARG_SRC, x)], writing: [(DNNL_ARG_DST, y)],
            inPlace: (output: y, input: x), flops: x.layout.storedCount)
        return y
    }

    mutating func lowerActivationGradient(
        _ gradient: Operation.ActivationGradient, _ node: Graph.Node
    ) throws(PlanError) {
        let y = try storedForm(of: node.inputs[0])
        let isBFloat16 = y.layout.dtype == .bfloat16
        guard let kernel = gradient.function.kernel, !isBFloat16 || kernel == FOVEA_RELU else {
            return try lowerEltwiseGradient(gradient.function, node)
        }
        let dy = try form(of: node.inputs[1], in: y.layout)
        let dx = makeForm(y.layout)
        let (count, blocks) = (y.layout.storedCount, batchBlocks(of: y))
        // In the padding of a blocked layout the gradient is zero, and so is its product with anything.
        emitKernel(
            "gradient of \(gradient.function)", path: node.path, blocks: blocks, reading: [y, dy],
            writing: [dx], flops: 2 * count, inPlace: (output: dx, input: dy)
        ) { pointers in
            if isBFloat16 {
                let p = pointers.map { $0.assumingMemoryBound(to: UInt16.self) }
                return { fovea_relu_gradient_bfloat16(count / blocks, p[0], p[1], p[2]) }
            }
            let p = pointers.map { $0.assumingMemoryBound(to: Float.self) }
            return { fovea_activate_gradient(kernel, count / blocks, p[0], p[1], p[2]) }
        }
        define(node.outputs[0], as: dx)
    }

    private mutating func lowerEltwiseGradient(
        _ function: ActivationFunction, _ node: Graph.Node
    ) throws(PlanError) {
        let known = try storedForm(of: node.inputs[0])
        let dy = try form(of: node.inputs[1], in: known.layout)
        let eltwise = function.eltwiseOfGradient
        let engine = engine
        let forward = try PrimitiveDescriptor("\(function)", layouts: [known.layout]) {
            descriptor, m, _, attributes in
            dnnl_eltwise_forward_primitive_desc_create(
                &descriptor, engine.handle, dnnl_forward_training, eltwise.algorithm, m[0], m[0],
                eltwise.alpha, eltwise.beta, attributes)
        }
        let descriptor = try PrimitiveDescriptor(
            "the gradient of \(function)", layouts: [known.layout], hint: forward
        ) { descriptor, m, hint, attributes in
            dnnl_eltwise_backward_primitive_desc_create(
                &descriptor, engine.handle, eltwise.algorithm, m[0], m[0], m[0], eltwise.alpha, eltwise.beta,
                hint, attributes)
        }
        let dx = makeForm(known.layout)
        let argument = function.derivativeFollowsFromOutput ? DNNL_ARG_DST : DNNL_ARG_SRC
        emit(
            "gradient of \(function)", node, descriptor,
            reading: [(argument, known), (DNNL_ARG_DIFF_DST, dy)], writing: [(DNNL_ARG_DIFF_SRC, dx)],
            inPlace: (output: dx, input: dy))
        define(node.outputs[0], as: dx)
    }
}

extension ActivationFunction {
    /// The kernels' name of the function; `nil` where oneDNN computes it.
    var kernel: fovea_activation? {
        switch self {
        case .relu: FOVEA_RELU
        case .tanh: FOVEA_TANH
        case .sigmoid: FOVEA_SIGMOID
        case .leakyReLU, .elu, .gelu, .geluTanh, .swish, .hardSigmoid, .hardSwish, .softplus: nil
        }
    }

    /// Whether a product is better followed by the kernel than given to oneDNN with the function as a post-operation, which
    /// for these takes it nine times as long for each vector (`Documentation/Decisions/0003-batch-innermost.md`).
    fileprivate var isFasterAfterwards: Bool { kernel != nil && self != .relu }

    /// Whether the function of zero is zero, so that the padding of a blocked layout stays as it must be.
    fileprivate var keepsZero: Bool {
        switch self {
        case .sigmoid, .hardSigmoid, .softplus: false
        default: true
        }
    }
}
