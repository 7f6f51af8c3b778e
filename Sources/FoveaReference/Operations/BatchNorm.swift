import FoveaGraph
import FoveaTensor

extension ReferenceKernels {
    static func batchNorm(
        _ rule: Operation.BatchNorm, _ x: Reals, scale: Reals, shift: Reals, runningMean: Reals,
        runningVariance: Reals
    ) -> [Reals] {
        let channels = scale.count
        let perChannel = x.count / channels
        var y = Reals(x.shape, repeating: 0)
        var (mean, variance) = (scale, scale)
        var (newMean, newVariance) = (runningMean, runningVariance)
        let momentum = Double(rule.momentum)
        for c in 0..<channels {
            var sum = 0.0
            forEachIndex(ofChannel: c, in: x.shape) { sum += Double(x[$0]) }
            let m = sum / Double(perChannel)
            var squares = 0.0
            forEachIndex(ofChannel: c, in: x.shape) { squares += (Double(x[$0]) - m) * (Double(x[$0]) - m) }
            let v = squares / Double(perChannel)
            let factor = Double(scale[c]) / (v + Double(rule.epsilon)).squareRoot()
            forEachIndex(ofChannel: c, in: x.shape) {
                y[$0] = Scalar(factor * (Double(x[$0]) - m) + Double(shift[c]))
            }
            mean[c] = Scalar(m)
            variance[c] = Scalar(v)
            newMean[c] = Scalar((1 - momentum) * Double(runningMean[c]) + momentum * m)
            newVariance[c] = Scalar(
                (1 - momentum) * Double(runningVariance[c]) + momentum * squares / Double(perChannel - 1))
        }
        return [y, mean, variance, newMean, newVariance]
    }

    static func batchNormGradient(
        _ rule: Operation.BatchNormGradient, _ x: Reals, scale: Reals, mean: Reals, variance: Reals, dy: Reals
    ) -> [Reals] {
        let channels = scale.count
        let perChannel = Double(x.count / channels)
        var dx = Reals(x.shape, repeating: 0)
        var (dscale, dshift) = (scale, scale)
        for c in 0..<channels {
            let m = Double(mean[c])
            let inverse = 1 / (Double(variance[c]) + Double(rule.epsilon)).squareRoot()
            var (sum, product) = (0.0, 0.0)
            forEachIndex(ofChannel: c, in: x.shape) {
                sum += Double(dy[$0])
                product += Double(dy[$0]) * (Double(x[$0]) - m) * inverse
            }
            forEachIndex(ofChannel: c, in: x.shape) {
                let normalized = (Double(x[$0]) - m) * inverse
                let centered = Double(dy[$0]) - sum / perChannel - normalized * product / perChannel
                dx[$0] = Scalar(Double(scale[c]) * inverse * centered)
            }
            dscale[c] = Scalar(product)
            dshift[c] = Scalar(sum)
        }
        return [dx, dscale, dshift]
    }

    static func batchNormInference(
        _ rule: Operation.BatchNormInference, _ x: Reals, scale: Reals, shift: Reals, mean: Reals,
        variance: Reals
    ) -> Reals {
        var y = Reals(x.shape, repeating: 0)
        for c in 0..<scale.count {
            let factor = Double(scale[c]) / (Double(variance[c]) + Double(rule.epsilon)).squareRoot()
            forEachIndex(ofChannel: c, in: x.shape) {
                y[$0] = Scalar(factor * (Double(x[$0]) - Double(mean[c])) + Double(shift[c]))
            }
        }
        return y
    }

    /// Calls `body` with the index of each element of channel `c` in `[N, C, ...]`, in row-major order.
    @inline(__always)
    private static func forEachIndex(ofChannel c: Int, in shape: Shape, _ body: (Int) -> Void) {
        let plane = shape.dimensions.dropFirst(2).reduce(1, *)
        for n in 0..<shape[0] {
            let start = (n * shape[1] + c) * plane
            for index in start..<start + plane { body(index) }
        }
    }
}
