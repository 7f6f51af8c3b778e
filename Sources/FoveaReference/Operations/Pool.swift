import FoveaGraph
import FoveaTensor

extension ReferenceKernels {
    static func pool(_ rule: Operation.Pool, _ x: Reals, shape: Shape) -> Reals {
        var y = Reals(shape, repeating: 0)
        forEachWindow(rule.poolWindow, input: x.shape, output: shape) { output, inputs, paddedCount in
            switch rule.reduction {
            case .maximum:
                y[output] = x[largest(of: inputs, in: x)]
            case .average(let countsPadding):
                var sum = 0.0
                for input in inputs { sum += Double(x[input]) }
                y[output] = Scalar(sum / Double(countsPadding ? paddedCount : inputs.count))
            }
        }
        return y
    }

    static func poolGradient(_ rule: Operation.PoolGradient, _ x: Reals, dy: Reals) -> Reals {
        var sums = [Double](repeating: 0, count: x.count)
        forEachWindow(rule.pool.poolWindow, input: x.shape, output: dy.shape) { output, inputs, paddedCount in
            let gradient = Double(dy[output])
            switch rule.pool.reduction {
            case .maximum:
                sums[largest(of: inputs, in: x)] += gradient
            case .average(let countsPadding):
                let part = gradient / Double(countsPadding ? paddedCount : inputs.count)
                for input in inputs { sums[input] += part }
            }
        }
        return Reals(x.shape, sums.map { Scalar($0) })
    }

    /// The first of the largest elements; a NaN counts as larger than any number, so that it is not hidden.
    private static func largest(of indices: [Int], in x: Reals) -> Int {
        var best = indices[0]
        for index in indices.dropFirst() where !x[best].isNaN && (x[index] > x[best] || x[index].isNaN) {
            best = index
        }
        return best
    }

    /// Calls `body` for each output element with its index, the indices of the input elements under its
    /// window in row-major order, and the number of taps of the window inside of the padded image.
    private static func forEachWindow(
        _ window: Window, input: Shape, output: Shape, _ body: (Int, [Int], Int) -> Void
    ) {
        var index = 0
        var inputs: [Int] = []
        for plane in 0..<output[0] * output[1] {
            for i in 0..<output[2] {
                for j in 0..<output[3] {
                    inputs.removeAll(keepingCapacity: true)
                    for u in 0..<window.kernel.height {
                        let row = i * window.stride.height + u * window.dilation.height - window.padding.top
                        guard 0..<input[2] ~= row else { continue }
                        for v in 0..<window.kernel.width {
                            let column =
                                j * window.stride.width + v * window.dilation.width - window.padding.left
                            guard 0..<input[3] ~= column else { continue }
                            inputs.append((plane * input[2] + row) * input[3] + column)
                        }
                    }
                    body(index, inputs, window.tapCount)
                    index += 1
                }
            }
        }
    }
}
