import CFoveaKernels
import FoveaGraph
import FoveaTensor

/// Group normalization runs in kernels of its own on channels-last images: oneDNN has it from version 3.3 on, and not
/// with a scale for each element.
extension Compiler {
    mutating func lowerGroupNorm(_ norm: Operation.GroupNorm, _ node: Graph.Node) throws(PlanError) {
        let shape = graph.shape(of: node.inputs[0])
        let scale = node.inputs.count == 3 ? node.inputs[1] : nil
        let kernel = fovea_group_norm(norm, x: shape, scale: scale.map { graph.shape(of: $0) })
        let x = try form(of: node.inputs[0], in: .pixels(shape))
        var inputs = [x]
        for parameter in node.inputs.dropFirst() {
            inputs.append(try form(of: parameter, in: parameterLayout(kernel.affine, x: shape)))
        }
        let y = makeForm(x.layout)
        let outputs = [y] + node.outputs.dropFirst().map { makePlainForm(graph.shape(of: $0)) }
        emitKernel(
            node.operation.name, path: node.path, reading: inputs,
            writing: outputs + [makeScratch(kernel)], flops: graph.cost(of: node).flops,
            inPlace: (output: y, input: x)
        ) { pointers in
            let p = pointers.map { $0.assumingMemoryBound(to: Float.self) }
            let (scale, shift) = inputs.count == 3 ? (p[1], p[2]) : (nil, nil)
            let out = Array(p.dropFirst(inputs.count))
            return {
                withUnsafePointer(to: kernel) {
                    fovea_group_norm_forward($0, p[0], scale, shift, out[0], out[1], out[2], out[3])
                }
            }
        }
        for (value, form) in zip(node.outputs, outputs) { define(value, as: form) }
    }

    mutating func lowerGroupNormGradient(
        _ gradient: Operation.GroupNormGradient, _ node: Graph.Node
    ) throws(PlanError) {
        let shape = graph.shape(of: node.inputs[0])
        let scale = node.inputs.count == 5 ? node.inputs[4] : nil
        let kernel = fovea_group_norm(gradient.norm, x: shape, scale: scale.map { graph.shape(of: $0) })
        let x = try form(of: node.inputs[0], in: .pixels(shape))
        let dy = try form(of: node.inputs[3], in: .pixels(shape))
        var inputs = [x, try plainForm(of: node.inputs[1]), try plainForm(of: node.inputs[2]), dy]
        let dx = makeForm(x.layout)
        var outputs = [dx]
        if let scale {
            let layout = parameterLayout(kernel.affine, x: shape)
            inputs.append(try form(of: scale, in: layout))
            outputs += [makeForm(layout), makeForm(layout)]
        }
        emitKernel(
            node.operation.name, path: node.path, reading: inputs,
            writing: outputs + [makeScratch(kernel)], flops: graph.cost(of: node).flops,
            inPlace: (output: dx, input: dy)
        ) { pointers in
            let p = pointers.map { $0.assumingMemoryBound(to: Float.self) }
            let scale = inputs.count == 5 ? p[4] : nil
            let out = Array(p.dropFirst(inputs.count))
            let (dscale, dshift) = out.count == 4 ? (out[1], out[2]) : (nil, nil)
            return {
                withUnsafePointer(to: kernel) {
                    fovea_group_norm_backward(
                        $0, p[0], scale, p[1], p[2], p[3], out[0], dscale, dshift, out[out.count - 1])
                }
            }
        }
        for (value, form) in zip(node.outputs, outputs) { define(value, as: form) }
    }

    private mutating func makeScratch(_ kernel: fovea_group_norm) -> Form {
        makeForm(.plain([withUnsafePointer(to: kernel) { fovea_group_norm_scratch($0) }]))
    }

    /// How scale and shift lie beside the pixels of an image.
    private func parameterLayout(_ affine: fovea_affine, x: Shape) -> MemoryDescriptor {
        affine == FOVEA_AFFINE_ELEMENT && x.rank == 4
            ? .channelsLast([1] + x.dimensions[1...]) : .plain([x[1]])
    }
}

extension MemoryDescriptor {
    /// The layout of images or vectors with the channels of a pixel side by side.
    fileprivate static func pixels(_ shape: Shape) -> MemoryDescriptor {
        shape.rank == 4 ? .channelsLast(shape.dimensions) : .plain(shape.dimensions)
    }
}

extension fovea_group_norm {
    fileprivate init(_ norm: Operation.GroupNorm, x: Shape, scale: Shape?) {
        let affine = scale.map { $0.rank == 1 ? FOVEA_AFFINE_CHANNEL : FOVEA_AFFINE_ELEMENT }
        self.init(
            batch: x[0], channels: x[1], pixels: x.dimensions.dropFirst(2).reduce(1, *), groups: norm.groups,
            affine: affine ?? FOVEA_AFFINE_NONE, epsilon: norm.epsilon)
    }
}
