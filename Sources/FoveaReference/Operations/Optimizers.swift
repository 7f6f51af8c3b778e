import FoveaGraph
import FoveaTensor

extension ReferenceKernels {
    static func sgd(
        _ rule: Operation.SGD, _ w: Reals, gradient dw: Reals, velocity: Reals?, rate: Reals
    ) -> [Reals] {
        let (rate, decay, momentum) = (rate[0], Scalar(rule.weightDecay), Scalar(rule.momentum))
        var (newWeight, newVelocity) = (w, velocity)
        for index in 0..<w.count {
            let g = dw[index] + decay * w[index]
            guard let velocity else {
                newWeight[index] = w[index] - rate * g
                continue
            }
            let v = momentum * velocity[index] + g
            newVelocity?[index] = v
            newWeight[index] = w[index] - rate * (rule.usesNesterov ? g + momentum * v : v)
        }
        return [newWeight] + (newVelocity.map { [$0] } ?? [])
    }

    /// The corrections `1 - βᵗ` are computed in Double.
    static func adam(
        _ rule: Operation.Adam, _ w: Reals, gradient dw: Reals, first m: Reals, second v: Reals,
        step: ReferenceArray<Int32>, rate: Reals
    ) -> [Reals] {
        let (beta1, beta2) = (Scalar(rule.beta1), Scalar(rule.beta2))
        let (epsilon, decay, rate) = (Scalar(rule.epsilon), Scalar(rule.weightDecay), rate[0])
        let t = Double(step[0]) + 1
        let firstCorrection = Scalar(1 - power(Double(rule.beta1), t))
        let secondCorrection = Scalar(1 - power(Double(rule.beta2), t))
        var (newWeight, newFirst, newSecond) = (w, m, v)
        for index in 0..<w.count {
            newFirst[index] = beta1 * m[index] + (1 - beta1) * dw[index]
            newSecond[index] = beta2 * v[index] + (1 - beta2) * dw[index] * dw[index]
            let root = (newSecond[index] / secondCorrection).squareRoot()
            newWeight[index] =
                w[index] - rate * (newFirst[index] / firstCorrection / (root + epsilon) + decay * w[index])
        }
        return [newWeight, newFirst, newSecond]
    }
}
