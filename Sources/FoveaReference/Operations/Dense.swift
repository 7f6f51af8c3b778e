import FoveaGraph
import FoveaTensor

extension ReferenceKernels {
    static func dense(_ x: Reals, weight: Reals, bias: Reals?) -> Reals {
        let (batch, features, units) = (x.shape[0], x.shape[1], weight.shape[0])
        var y = Reals([batch, units], repeating: 0)
        x.elements.withUnsafeBufferPointer { x in
            weight.elements.withUnsafeBufferPointer { weight in
                for n in 0..<batch {
                    for k in 0..<units {
                        var sum = bias.map { Double($0[k]) } ?? 0
                        for f in 0..<features {
                            sum += Double(x[n * features + f]) * Double(weight[k * features + f])
                        }
                        y[n * units + k] = Scalar(sum)
                    }
                }
            }
        }
        return y
    }

    static func denseInputGradient(dy: Reals, weight: Reals) -> Reals {
        let (batch, units, features) = (dy.shape[0], weight.shape[0], weight.shape[1])
        var dx = Reals([batch, features], repeating: 0)
        var sums = [Double](repeating: 0, count: features)
        weight.elements.withUnsafeBufferPointer { weight in
            for n in 0..<batch {
                sums.withUnsafeMutableBufferPointer { sums in
                    sums.update(repeating: 0)
                    for k in 0..<units {
                        let gradient = Double(dy[n * units + k])
                        for f in 0..<features { sums[f] += gradient * Double(weight[k * features + f]) }
                    }
                }
                for f in 0..<features { dx[n * features + f] = Scalar(sums[f]) }
            }
        }
        return dx
    }

    static func denseParameterGradient(
        _ rule: Operation.DenseParameterGradient, _ x: Reals, dy: Reals
    ) -> [Reals] {
        let (batch, features, units) = (x.shape[0], x.shape[1], dy.shape[1])
        var dw = Reals([units, features], repeating: 0)
        var db = Reals([units], repeating: 0)
        var sums = [Double](repeating: 0, count: features)
        x.elements.withUnsafeBufferPointer { x in
            for k in 0..<units {
                var sum = 0.0
                sums.withUnsafeMutableBufferPointer { sums in
                    sums.update(repeating: 0)
                    for n in 0..<batch {
                        let gradient = Double(dy[n * units + k])
                        sum += gradient
                        for f in 0..<features { sums[f] += gradient * Double(x[n * features + f]) }
                    }
                }
                for f in 0..<features { dw[k * features + f] = Scalar(sums[f]) }
                db[k] = Scalar(sum)
            }
        }
        return rule.hasBias ? [dw, db] : [dw]
    }
}
