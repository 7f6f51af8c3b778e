import FoveaGraph
import FoveaTensor

extension ReferenceKernels {
    static func parametricReLU(_ x: Reals, weight: Reals) -> Reals {
        var y = x
        for index in 0..<x.count {
            y[index] = x[index] > 0 ? x[index] : weight[slopeIndex(index, x.shape, weight)] * x[index]
        }
        return y
    }

    static func parametricReLUGradient(_ x: Reals, weight: Reals, dy: Reals) -> [Reals] {
        var dx = dy
        var sums = [Double](repeating: 0, count: weight.count)
        for index in 0..<x.count where !(x[index] > 0) {
            let place = slopeIndex(index, x.shape, weight)
            dx[index] = weight[place] * dy[index]
            sums[place] += Double(x[index]) * Double(dy[index])
        }
        return [dx, Reals(weight.shape, sums.map { Scalar($0) })]
    }

    /// The place of the weight that the element of `x` at `index` is multiplied by.
    private static func slopeIndex(_ index: Int, _ x: Shape, _ weight: Reals) -> Int {
        if weight.count == 1 { return 0 }
        return index / x.dimensions.dropFirst(2).reduce(1, *) % x[1]
    }
}
