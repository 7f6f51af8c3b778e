import FoveaGraph
import FoveaTensor

/// Where the taps of a window meet an axis.
struct AxisWindow {
    /// The input position of a tap at output position 0 (negative in the padding).
    func offset(tap: Int) -> Int { tap * dilation - padding }

    let stride: Int
    let dilation: Int
    let padding: Int
    let input: Int
    let output: Int

    /// The output positions whose given tap lies inside of the input.
    func outputs(tap: Int) -> Range<Int> {
        let offset = offset(tap: tap)
        let first = offset >= 0 ? 0 : (-offset + stride - 1) / stride
        let last = input - 1 - offset
        let end = last < 0 ? 0 : min(last / stride + 1, output)
        return first..<max(first, end)
    }
}

/// The extents of a convolution, named.
private struct Extents {
    let batch, channels, filters, groups, kernelHeight, kernelWidth: Int
    let rows, columns: AxisWindow

    init(_ rule: Operation.Convolution, input: Shape, weight: Shape, output: Shape) {
        batch = input[0]
        channels = input[1]
        filters = weight[0]
        groups = rule.groups
        kernelHeight = weight[2]
        kernelWidth = weight[3]
        rows = AxisWindow(
            stride: rule.stride.height, dilation: rule.dilation.height, padding: rule.padding.top,
            input: input[2],
            output: output[2])
        columns = AxisWindow(
            stride: rule.stride.width, dilation: rule.dilation.width, padding: rule.padding.left,
            input: input[3],
            output: output[3])
    }

    var groupChannels: Int { channels / groups }
    var groupFilters: Int { filters / groups }
    var inputPlane: Int { rows.input * columns.input }
    var outputPlane: Int { rows.output * columns.output }

    /// The place in the weight of filter `k`, its channel `c` and the tap `(u, v)`.
    func weightIndex(_ k: Int, _ c: Int, _ u: Int, _ v: Int) -> Int {
        ((k * groupChannels + c) * kernelHeight + u) * kernelWidth + v
    }

    /// Calls `body` for each output row on which the tap lies inside of the input, with the index in an input
    /// plane of the first element that the tap meets, the index in an output plane of the first output, and
    /// how many outputs there are.
    @inline(__always)
    func forEachRow(u: Int, v: Int, _ body: (_ input: Int, _ output: Int, _ count: Int) -> Void) {
        let inside = columns.outputs(tap: v)
        guard !inside.isEmpty else { return }
        let column = inside.lowerBound * columns.stride + columns.offset(tap: v)
        for i in rows.outputs(tap: u) {
            let row = i * rows.stride + rows.offset(tap: u)
            body(row * columns.input + column, i * columns.output + inside.lowerBound, inside.count)
        }
    }
}

extension ReferenceKernels {
    static func convolution(
        _ rule: Operation.Convolution, _ x: Reals, weight: Reals, bias: Reals?, shape: Shape
    ) -> Reals {
        let extents = Extents(rule, input: x.shape, weight: weight.shape, output: shape)
        var y = Reals(shape, repeating: 0)
        // One output plane at a time in Double: the tap is outermost, so that the innermost loop runs along a
        // row.
        var sums = [Double](repeating: 0, count: extents.outputPlane)
        for n in 0..<extents.batch {
            for k in 0..<extents.filters {
                let group = k / extents.groupFilters
                let start = bias.map { Double($0[k]) } ?? 0
                sums.withUnsafeMutableBufferPointer { sums in
                    sums.update(repeating: start)
                    x.elements.withUnsafeBufferPointer { x in
                        for c in 0..<extents.groupChannels {
                            let plane =
                                (n * extents.channels + group * extents.groupChannels + c)
                                * extents.inputPlane
                            for u in 0..<extents.kernelHeight {
                                for v in 0..<extents.kernelWidth {
                                    let w = Double(weight[extents.weightIndex(k, c, u, v)])
                                    let stride = extents.columns.stride
                                    extents.forEachRow(u: u, v: v) { input, output, count in
                                        let source = x.baseAddress! + plane + input
                                        let sum = sums.baseAddress! + output
                                        if stride == 1 {
                                            for j in 0..<count { sum[j] += w * Double(source[j]) }
                                        } else {
                                            for j in 0..<count { sum[j] += w * Double(source[j * stride]) }
                                        }
                                    }
                                }
                            }
                        }
                    }
                }
                let plane = (n * extents.filters + k) * extents.outputPlane
                for index in 0..<extents.outputPlane { y[plane + index] = Scalar(sums[index]) }
            }
        }
        return y
    }

    static func convolutionInputGradient(
        _ rule: Operation.ConvolutionInputGradient, dy: Reals, weight: Reals
    ) -> Reals {
        let extents = Extents(
            rule.convolution, input: rule.inputShape, weight: weight.shape, output: dy.shape)
        var dx = Reals(rule.inputShape, repeating: 0)
        var sums = [Double](repeating: 0, count: extents.inputPlane)
        for n in 0..<extents.batch {
            for channel in 0..<extents.channels {
                let (group, c) = channel.quotientAndRemainder(dividingBy: extents.groupChannels)
                sums.withUnsafeMutableBufferPointer { sums in
                    sums.update(repeating: 0)
                    dy.elements.withUnsafeBufferPointer { dy in
                        for k in group * extents.groupFilters..<(group + 1) * extents.groupFilters {
                            let plane = (n * extents.filters + k) * extents.outputPlane
                            for u in 0..<extents.kernelHeight {
                                for v in 0..<extents.kernelWidth {
                                    let w = Double(weight[extents.weightIndex(k, c, u, v)])
                                    let stride = extents.columns.stride
                                    extents.forEachRow(u: u, v: v) { input, output, count in
                                        let source = dy.baseAddress! + plane + output
                                        let sum = sums.baseAddress! + input
                                        if stride == 1 {
                                            for j in 0..<count { sum[j] += w * Double(source[j]) }
                                        } else {
                                            for j in 0..<count { sum[j * stride] += w * Double(source[j]) }
                                        }
                                    }
                                }
                            }
                        }
                    }
                }
                let plane = (n * extents.channels + channel) * extents.inputPlane
                for index in 0..<extents.inputPlane { dx[plane + index] = Scalar(sums[index]) }
            }
        }
        return dx
    }

    static func convolutionParameterGradient(
        _ rule: Operation.ConvolutionParameterGradient, _ x: Reals, dy: Reals
    ) -> [Reals] {
        let extents = Extents(rule.convolution, input: x.shape, weight: rule.weightShape, output: dy.shape)
        var dw = Reals(rule.weightShape, repeating: 0)
        x.elements.withUnsafeBufferPointer { x in
            dy.elements.withUnsafeBufferPointer { dy in
                for k in 0..<extents.filters {
                    let group = k / extents.groupFilters
                    for c in 0..<extents.groupChannels {
                        for u in 0..<extents.kernelHeight {
                            for v in 0..<extents.kernelWidth {
                                var sum = 0.0
                                let stride = extents.columns.stride
                                for n in 0..<extents.batch {
                                    let channel = group * extents.groupChannels + c
                                    let inputPlane = (n * extents.channels + channel) * extents.inputPlane
                                    let outputPlane = (n * extents.filters + k) * extents.outputPlane
                                    extents.forEachRow(u: u, v: v) { input, output, count in
                                        let source = x.baseAddress! + inputPlane + input
                                        let gradient = dy.baseAddress! + outputPlane + output
                                        for j in 0..<count {
                                            sum += Double(source[j * stride]) * Double(gradient[j])
                                        }
                                    }
                                }
                                dw[extents.weightIndex(k, c, u, v)] = Scalar(sum)
                            }
                        }
                    }
                }
            }
        }
        guard rule.hasBias else { return [dw] }
        var db = Reals([extents.filters], repeating: 0)
        for k in 0..<extents.filters {
            var sum = 0.0
            for n in 0..<extents.batch {
                let plane = (n * extents.filters + k) * extents.outputPlane
                for index in plane..<plane + extents.outputPlane { sum += Double(dy[index]) }
            }
            db[k] = Scalar(sum)
        }
        return [dw, db]
    }
}
