import FoveaGraph
import FoveaTensor

extension ReferenceKernels {
    static func concatenate(_ rule: Operation.Concatenate, _ parts: [Reals], shape: Shape) -> Reals {
        let outer = shape.dimensions[..<rule.axis].reduce(1, *)
        var elements: [Scalar] = []
        elements.reserveCapacity(shape.count)
        for index in 0..<outer {
            for part in parts {
                let run = part.shape.dimensions[rule.axis...].reduce(1, *)
                elements += part.elements[index * run..<(index + 1) * run]
            }
        }
        return Reals(shape, elements)
    }

    static func slice(_ rule: Operation.Slice, _ x: Reals, shape: Shape) -> Reals {
        let outer = shape.dimensions[..<rule.axis].reduce(1, *)
        let inner = shape.dimensions[(rule.axis + 1)...].reduce(1, *)
        var elements: [Scalar] = []
        elements.reserveCapacity(shape.count)
        for index in 0..<outer {
            let start = (index * x.shape[rule.axis] + rule.start) * inner
            elements += x.elements[start..<start + rule.count * inner]
        }
        return Reals(shape, elements)
    }
}
