import FoveaGraph
import FoveaTensor

extension ReferenceKernels {
    /// `function` of each element.
    @inline(__always)
    static func map(_ x: Reals, _ function: (Scalar) -> Scalar) -> Reals {
        Reals(x.shape, x.elements.map(function))
    }

    /// `function` of each pair of elements, both operands repeated to `shape`.
    @inline(__always)
    static func elementwise(
        _ left: Reals, _ right: Reals, shape: Shape, _ function: (Scalar, Scalar) -> Scalar
    ) -> Reals {
        let (a, b) = (repeated(left, to: shape), repeated(right, to: shape))
        return Reals(shape, (0..<shape.count).map { function(a[$0], b[$0]) })
    }

    static func scale(_ rule: Operation.Scale, _ x: Reals) -> Reals {
        let factor = Scalar(rule.factor)
        return map(x) { factor * $0 }
    }

    static func broadcast(_ rule: Operation.Broadcast, _ x: Reals) -> Reals {
        repeated(x, to: rule.shape)
    }

    static func reduceSum(_ rule: Operation.ReduceSum, _ x: Reals) -> Reals {
        var sums = [Double](repeating: 0, count: rule.shape.count)
        for (index, target) in indices(into: rule.shape, from: x.shape).enumerated() {
            sums[target] += Double(x[index])
        }
        return Reals(rule.shape, sums.map { Scalar($0) })
    }

    private static func repeated(_ x: Reals, to shape: Shape) -> Reals {
        if x.shape == shape { return x }
        return Reals(shape, indices(into: x.shape, from: shape).map { x[$0] })
    }

    /// For each element of `large` in row-major order, the index of the element of `small` that stands at its
    /// place when `small` is repeated along the axes that it lacks or has with extent 1.
    private static func indices(into small: Shape, from large: Shape) -> [Int] {
        let missing = large.rank - small.rank
        var strides = [Int](repeating: 0, count: large.rank)
        for (axis, stride) in small.strides.enumerated() where small[axis] != 1 {
            strides[missing + axis] = stride
        }

        var result: [Int] = []
        result.reserveCapacity(large.count)
        var position = [Int](repeating: 0, count: large.rank)
        var index = 0
        for _ in 0..<large.count {
            result.append(index)
            for axis in position.indices.reversed() {
                position[axis] += 1
                index += strides[axis]
                if position[axis] < large[axis] { break }
                index -= strides[axis] * large[axis]
                position[axis] = 0
            }
        }
        return result
    }
}
