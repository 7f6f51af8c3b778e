import FoveaGraph
import FoveaTensor

extension ReferenceKernels {
    static func groupNorm(
        _ rule: Operation.GroupNorm, _ x: Reals, scale: Reals?, shift: Reals?
    ) -> [Reals] {
        let groups = x.shape[0] * rule.groups
        let count = x.count / groups
        var y = x
        var mean = Reals([x.shape[0], rule.groups], repeating: 0)
        var variance = mean
        for group in 0..<groups {
            // The channels of a group lie side by side in row-major order.
            let elements = group * count..<(group + 1) * count
            var sum = 0.0
            for index in elements { sum += Double(x[index]) }
            let m = sum / Double(count)
            var squares = 0.0
            for index in elements { squares += (Double(x[index]) - m) * (Double(x[index]) - m) }
            let v = squares / Double(count)
            let inverse = 1 / (v + Double(rule.epsilon)).squareRoot()
            for index in elements {
                let normalized = (Double(x[index]) - m) * inverse
                if let scale, let shift {
                    let place = parameterIndex(index, x.shape, scale)
                    y[index] = Scalar(Double(scale[place]) * normalized + Double(shift[place]))
                } else {
                    y[index] = Scalar(normalized)
                }
            }
            mean[group] = Scalar(m)
            variance[group] = Scalar(v)
        }
        return [y, mean, variance]
    }

    static func groupNormGradient(
        _ rule: Operation.GroupNorm, _ x: Reals, mean: Reals, variance: Reals, dy: Reals, scale: Reals?
    ) -> [Reals] {
        let groups = x.shape[0] * rule.groups
        let count = x.count / groups
        var dx = x
        var (dscale, dshift) = (
            [Double](repeating: 0, count: scale?.count ?? 0), [Double](repeating: 0, count: scale?.count ?? 0)
        )
        for group in 0..<groups {
            let elements = group * count..<(group + 1) * count
            let m = Double(mean[group])
            let inverse = 1 / (Double(variance[group]) + Double(rule.epsilon)).squareRoot()
            func weighted(_ index: Int) -> Double {
                Double(dy[index]) * (scale.map { Double($0[parameterIndex(index, x.shape, $0)]) } ?? 1)
            }
            var (sum, product) = (0.0, 0.0)
            for index in elements {
                let normalized = (Double(x[index]) - m) * inverse
                sum += weighted(index)
                product += weighted(index) * normalized
                if let scale {
                    let place = parameterIndex(index, x.shape, scale)
                    dscale[place] += Double(dy[index]) * normalized
                    dshift[place] += Double(dy[index])
                }
            }
            for index in elements {
                let normalized = (Double(x[index]) - m) * inverse
                let centered = weighted(index) - sum / Double(count) - normalized * product / Double(count)
                dx[index] = Scalar(inverse * centered)
            }
        }
        guard let scale else { return [dx] }
        return [
            dx, Reals(scale.shape, dscale.map { Scalar($0) }), Reals(scale.shape, dshift.map { Scalar($0) }),
        ]
    }

    /// The place in `parameter`, one number for each channel or for each element of a sample, of the element of `x`
    /// at `index`.
    private static func parameterIndex(_ index: Int, _ x: Shape, _ parameter: Reals) -> Int {
        let sample = x.dimensions.dropFirst().reduce(1, *)
        return index % sample / (sample / parameter.count)
    }
}
