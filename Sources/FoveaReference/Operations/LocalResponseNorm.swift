import FoveaGraph
import FoveaTensor

extension ReferenceKernels {
    static func localResponseNorm(_ rule: Operation.LocalResponseNorm, _ x: Reals) -> Reals {
        var y = x
        for index in 0..<x.count {
            y[index] = Scalar(Double(x[index]) * power(base(rule, x, at: index), -Double(rule.beta)))
        }
        return y
    }

    static func localResponseNormGradient(
        _ rule: Operation.LocalResponseNorm, _ x: Reals, dy: Reals
    ) -> Reals {
        let beta = Double(rule.beta)
        let bases = (0..<x.count).map { base(rule, x, at: $0) }
        let factor = 2 * Double(rule.alpha) * beta / Double(rule.placeCount)
        var dx = x
        for index in 0..<x.count {
            var sum = 0.0
            // The windows that cover an element are those in the middle of its own.
            forEachNeighbour(of: index, in: x.shape, rule) {
                sum += Double(dy[$0]) * Double(x[$0]) * power(bases[$0], -beta - 1)
            }
            dx[index] = Scalar(
                Double(dy[index]) * power(bases[index], -beta) - factor * Double(x[index]) * sum)
        }
        return dx
    }

    private static func base(_ rule: Operation.LocalResponseNorm, _ x: Reals, at index: Int) -> Double {
        var squares = 0.0
        forEachNeighbour(of: index, in: x.shape, rule) { squares += Double(x[$0]) * Double(x[$0]) }
        return Double(rule.k) + Double(rule.alpha) / Double(rule.placeCount) * squares
    }

    /// Calls `body` with the index of each element inside of the image in the window around the one at `index`.
    private static func forEachNeighbour(
        of index: Int, in shape: Shape, _ rule: Operation.LocalResponseNorm, _ body: (Int) -> Void
    ) {
        let (reach, width, plane) = (rule.size / 2, shape[3], shape[2] * shape[3])
        let (row, column) = (index % plane / width, index % width)
        switch rule.region {
        case .acrossChannels:
            let channel = index / plane % shape[1]
            for other in max(channel - reach, 0)...min(channel + reach, shape[1] - 1) {
                body(index + (other - channel) * plane)
            }
        case .withinChannel:
            for i in max(row - reach, 0)...min(row + reach, shape[2] - 1) {
                for j in max(column - reach, 0)...min(column + reach, width - 1) {
                    body(index + (i - row) * width + j - column)
                }
            }
        }
    }
}
