import CFoveaKernels
import COneDNN
import FoveaGraph
import FoveaTensor

extension Compiler {
    mutating func lowerConstant(_ constant: Operation.Constant, _ node: Graph.Node) throws(PlanError) {
        let result = makePlainForm(constant.shape)
        let (count, value) = (constant.shape.count, constant.value)
        emitKernel("constant", path: node.path, reading: [], writing: [result]) { pointers in
            { fovea_fill(count, value, pointers[0].assumingMemoryBound(to: Float.self)) }
        }
        define(node.outputs[0], as: result)
    }

    mutating func lowerBinary(
        _ operation: fovea_binary_operation, _ node: Graph.Node, at position: Int,
        activation given: (function: ActivationFunction, result: Graph.Value)? = nil
    ) throws(PlanError) {
        let shapes = node.inputs.map { graph.shape(of: $0) }
        let resultShape = graph.shape(of: node.outputs[0])
        // oneDNN repeats only the second operand. Both operations commute to the bit.
        let full = shapes[0] == resultShape ? 0 : 1
        guard shapes[full] == resultShape, shapes[1 - full].rank == resultShape.rank, resultShape.rank > 0
        else {
            return try lowerStridedBinary(operation, node)
        }
        var left = node.inputs[full]
        var right = node.inputs[1 - full]
        // The result can take the memory of the first operand, so let that be one which dies here.
        if shapes[0] == shapes[1], readers[right.index].last == position, readers[left.index].last != position
        {
            swap(&left, &right)
        }
        let a = try oneDNNForm(of: left)
        guard a.layout.dimensions == resultShape.dimensions || shapes[0] == shapes[1] else {
            return try lowerStridedBinary(operation, node)
        }
        let b: Form
        if shapes[0] == shapes[1] {
            // oneDNN adds one type to another.
            b = try form(of: right, in: a.layout.storing(try storedForm(of: right).layout.dtype))
        } else {
            b = try oneDNNForm(of: right)
        }
        guard b.layout.dimensions.count == a.layout.dimensions.count else {
            return try lowerStridedBinary(operation, node)
        }
        var name = node.operation.name
        var result = node.outputs[0]
        var post = PostOperations()
        if let activation = given ?? fusedActivation(at: position) {
            name += "+\(activation.function)"
            post.activation = activation.function
            result = activation.result
        }
        let algorithm = operation == FOVEA_ADD ? dnnl_binary_add : dnnl_binary_mul
        let engine = engine
        let descriptor = try PrimitiveDescriptor(
            name, postOperations: post, layouts: [a.layout, b.layout]
        ) { descriptor, m, _, attributes in
            dnnl_binary_primitive_desc_create(
                &descriptor, engine.handle, algorithm, m[0], m[1], m[0], attributes)
        }
        let y = makeForm(a.layout)
        emit(
            name, node, descriptor, reading: [(DNNL_ARG_SRC_0, a), (DNNL_ARG_SRC_1, b)],
            writing: [(DNNL_ARG_DST, y)], inPlace: (output: y, input: a))
        define(result, as: y)
    }

    /// The sum of a few values, the gradient of a ReLU and a multiple of that in one pass over memory.
    mutating func lowerCombination(
        _ combination: Combinations.Combination, _ node: Graph.Node, at position: Int
    ) throws(PlanError) {
        if combination.operands.count == 1, combination.rectified == nil, combination.scale == nil {
            return define(node.outputs[0], as: try storedForm(of: combination.operands[0]))
        }
        let layout = try storedForm(of: combination.rectified ?? combination.operands[0]).layout
        var inputs: [Form] = []
        for operand in combination.operands { inputs.append(try form(of: operand, in: layout)) }
        let count = inputs.count
        var name = count > 1 ? "sum of \(count)" : ""
        if let rectified = combination.rectified {
            inputs.append(try form(of: rectified, in: layout))
            name += (name.isEmpty ? "" : "+") + "gradient of relu"
        }
        let result = makeForm(layout)
        var outputs = [result]
        var factor: Float?
        if let scale = combination.scale, case .scale(let operation) = graph.nodes[scale].operation {
            outputs.append(makeForm(layout))
            factor = operation.factor
            name += "+scale"
            define(graph.nodes[scale].outputs[0], as: outputs[1])
        }
        let dying = combination.operands.firstIndex { readers[$0.index].allSatisfy { $0 <= position } }
        let elements = layout.storedCount
        emitKernel(
            name, path: node.path, reading: inputs, writing: outputs, flops: inputs.count * elements,
            inPlace: (output: result, input: inputs[dying ?? 0])
        ) { [hasMask = combination.rectified != nil] pointers in
            let p = pointers.map { $0.assumingMemoryBound(to: Float.self) }
            var combination = fovea_combination()
            withUnsafeMutableBytes(of: &combination.operands) { bytes in
                let operands = bytes.bindMemory(to: UnsafePointer<Float>?.self)
                for operand in 0..<count { operands[operand] = UnsafePointer(p[operand]) }
            }
            combination.count = count
            if hasMask { combination.rectified = UnsafePointer(p[count]) }
            combination.sum = p[inputs.count]
            if let factor { (combination.multiple, combination.factor) = (p[inputs.count + 1], factor) }
            return { [combination] in withUnsafePointer(to: combination) { fovea_combine(elements, $0) } }
        }
        define(node.outputs[0], as: result)
    }

    /// Any broadcast, in row-major order.
    private mutating func lowerStridedBinary(
        _ operation: fovea_binary_operation, _ node: Graph.Node
    ) throws(PlanError) {
        let a = try plainForm(of: node.inputs[0])
        let b = try plainForm(of: node.inputs[1])
        let shape = graph.shape(of: node.outputs[0])
        let y = makePlainForm(shape)
        let extents = shape.dimensions.map(Int64.init)
        let aStrides = graph.shape(of: node.inputs[0]).strides(broadcastTo: shape)
        let bStrides = graph.shape(of: node.inputs[1]).strides(broadcastTo: shape)
        try checkRank(shape)
        emitKernel(node.operation.name, path: node.path, reading: [a, b], writing: [y], flops: shape.count) {
            pointers in
            let p = pointers.map { $0.assumingMemoryBound(to: Float.self) }
            return {
                fovea_binary(operation, Int32(extents.count), extents, p[0], aStrides, p[1], bStrides, p[2])
            }
        }
        // The fused activation, if any, becomes a step of its own.
        define(node.outputs[0], as: y)
        try lowerAbsorbedActivation(after: node)
    }

    private mutating func lowerAbsorbedActivation(after node: Graph.Node) throws(PlanError) {
        guard let reader = readers[node.outputs[0].index].first, readers[node.outputs[0].index].count == 1,
            fusion.absorbed.contains(reader), case .activation(let activation) = graph.nodes[reader].operation
        else { return }
        try lowerActivation(activation, graph.nodes[reader])
    }

    mutating func lowerBroadcast(_ node: Graph.Node) throws(PlanError) {
        let x = try plainForm(of: node.inputs[0])
        let shape = graph.shape(of: node.outputs[0])
        try checkRank(shape)
        let y = makePlainForm(shape)
        let extents = shape.dimensions.map(Int64.init)
        let xStrides = graph.shape(of: node.inputs[0]).strides(broadcastTo: shape)
        let yStrides = shape.strides.map(Int64.init)
        emitKernel(node.operation.name, path: node.path, reading: [x], writing: [y]) { pointers in
            let p = pointers.map { $0.assumingMemoryBound(to: Float.self) }
            return { fovea_copy(Int32(extents.count), extents, p[0], xStrides, p[1], yStrides) }
        }
        define(node.outputs[0], as: y)
    }

    mutating func lowerReduceSum(_ node: Graph.Node) throws(PlanError) {
        let x = try plainForm(of: node.inputs[0])
        let (from, to) = (graph.shape(of: node.inputs[0]), graph.shape(of: node.outputs[0]))
        try checkRank(from)
        let y = makePlainForm(to)
        let extents = from.dimensions.map(Int64.init)
        let strides = to.strides(broadcastTo: from)
        let count = to.count
        emitKernel(node.operation.name, path: node.path, reading: [x], writing: [y], flops: from.count) {
            pointers in
            let p = pointers.map { $0.assumingMemoryBound(to: Float.self) }
            return { fovea_reduce_sum(Int32(extents.count), extents, p[0], p[1], strides, count) }
        }
        define(node.outputs[0], as: y)
    }

    func checkRank(_ shape: Shape) throws(PlanError) {
        guard shape.rank <= Int(FOVEA_MAX_RANK) else {
            throw PlanError("\(shape) has more than \(FOVEA_MAX_RANK) axes")
        }
    }
}

extension Shape {
    /// The strides in elements with which a dense tensor of this shape is read as one of `shape`: 0 where repeated.
    fileprivate func strides(broadcastTo shape: Shape) -> [Int64] {
        let own = strides
        let missing = shape.rank - rank
        return (0..<shape.rank).map { axis in
            axis < missing || dimensions[axis - missing] == 1 ? 0 : Int64(own[axis - missing])
        }
    }
}
