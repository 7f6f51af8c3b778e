import COneDNN
import FoveaGraph
import FoveaTensor

extension Compiler {
    /// Where a step writes the output's gradient `value` of one of several convolutions with the same input; `nil` for others.
    mutating func siblingPart(for value: Graph.Value, in layout: MemoryDescriptor) -> Part? {
        guard let place = siblings.places[value] else { return nil }
        let part = siblingPart(at: place, graph.shape(of: value))
        return part?.alone == layout ? part : nil
    }

    private mutating func siblingPart(at place: Siblings.Place, _ shape: Shape) -> Part? {
        guard let family = siblings.families[place.family] else { return nil }
        let whole =
            siblingGradients[place.family]
            ?? makeForm(.channelsLast([shape[0], family.filters, shape[2], shape[3]]))
        siblingGradients[place.family] = whole
        buffers[whole.buffer.index].holdsParts = true
        return Part(of: Part(whole: whole), shape.dimensions, fromChannel: place.firstChannel)
    }

    /// The sum of the gradients of the input and those of all weights: `dX = [dY₁ dY₂ …] [W₁; W₂; …]` and
    /// `[dW₁; dW₂; …] = [dY₁ dY₂ …]ᵀ X`, with a row of `X` and of each `dY` for each pixel.
    mutating func lowerSiblings(_ family: Siblings.Family) throws(PlanError) {
        let last = graph.nodes[family.last]
        var weights: [Form] = []
        var weightGradients: [Form] = []
        for member in family.members {
            let node = graph.nodes[member.inputGradient]
            let dy = node.inputs[0]
            guard let place = siblings.places[dy], let target = siblingPart(at: place, graph.shape(of: dy))
            else {
                throw PlanError("a gradient has no place beside its siblings")
            }
            if parts[dy]?.form != target.form {
                try reorder(
                    try form(of: dy, in: target.alone), into: target.form, named: "concatenate",
                    path: node.path)
            }
            weights.append(try plainForm(of: node.inputs[1]))
            weightGradients.append(makePlainForm(graph.shape(of: node.inputs[1])))
            define(graph.nodes[member.parameterGradient].outputs[0], as: weightGradients.last!)
        }
        let xShape = graph.shape(of: last.outputs[0])
        let x = try form(
            of: graph.nodes[family.members[0].parameterGradient].inputs[0],
            in: .channelsLast(xShape.dimensions))
        let dx = makeForm(.channelsLast(xShape.dimensions))
        let (channels, filters) = (xShape[1], family.filters)
        let pixels = xShape[0] * xShape[2] * xShape[3]
        let sizes = family.members.map { $0.filters * channels }
        let flops = family.members.reduce(0) {
            $0 + graph.cost(of: graph.nodes[$1.inputGradient]).flops
                + graph.cost(of: graph.nodes[$1.parameterGradient]).flops
        }
        emitKernel(
            "convolutionGradients of \(sizes.count)", path: last.path, implementation: "gemm",
            reading: [x, siblingGradients[family.last]!] + weights,
            writing: [dx] + weightGradients + [makePlainForm([filters, channels])], flops: flops
        ) { pointers in
            let p = pointers.map { $0.assumingMemoryBound(to: Float.self) }
            let weights = p[2..<2 + sizes.count], gradients = p[3 + sizes.count..<3 + 2 * sizes.count]
            let (x, dy, dx, all) = (p[0], p[1], p[2 + sizes.count], p[3 + 2 * sizes.count])
            return {
                var place = all
                for (weight, size) in zip(weights, sizes) {
                    place.update(from: weight, count: size)
                    place += size
                }
                multiply(
                    dy, transposed: false, by: all, to: dx, rows: pixels, depth: filters, columns: channels)
                multiply(
                    dy, transposed: true, by: x, to: all, rows: filters, depth: pixels, columns: channels)
                place = all
                for (gradient, size) in zip(gradients, sizes) {
                    gradient.update(from: place, count: size)
                    place += size
                }
            }
        }
        define(last.outputs[0], as: dx)
    }
}
