import CFoveaKernels
import Testing

@Suite struct BatchInnermostConvolutionTests {
    /// Random sizes: single elements, strides beyond the kernel, windows that reach past the image or miss it.
    private static func randomShape(_ random: inout SplitMix) -> fovea_bi_convolution {
        var shape = fovea_bi_convolution()
        shape.batch = 8 * Int.random(in: 1...8, using: &random)
        shape.channels = Int.random(in: 1...20, using: &random)
        shape.filters = Int.random(in: 1...20, using: &random)
        shape.height = Int.random(in: 1...7, using: &random)
        shape.width = Int.random(in: 1...13, using: &random)
        shape.outHeight = Int.random(in: 1...4, using: &random)
        shape.outWidth = Int.random(in: 1...11, using: &random)
        let isPointwise = Int.random(in: 0..<5, using: &random) == 0
        shape.kernelHeight = isPointwise ? 1 : Int.random(in: 1...7, using: &random)
        shape.kernelWidth = isPointwise ? 1 : Int.random(in: 1...7, using: &random)
        let isDense = Bool.random(using: &random)
        shape.strideHeight = isDense ? 1 : Int.random(in: 1...4, using: &random)
        shape.strideWidth = isDense ? 1 : Int.random(in: 1...4, using: &random)
        shape.padTop = Int.random(in: 0...4, using: &random)
        shape.padLeft = Int.random(in: 0...4, using: &random)
        return shape
    }

    @Test(arguments: 0..<24) func equalsPlainLoops(seed: Int) {
        var random = SplitMix(seed: UInt64(seed))
        var shape = Self.randomShape(&random)
        let activation = [FOVEA_IDENTITY, FOVEA_RELU, FOVEA_TANH, FOVEA_SIGMOID][seed % 4]
        let hasBias = seed % 3 != 0
        let x = random.floats(shape.batch * shape.channels * shape.height * shape.width)
        let dy = random.floats(shape.batch * shape.filters * shape.outHeight * shape.outWidth)
        let weight = random.floats(
            shape.filters * shape.channels * shape.kernelHeight * shape.kernelWidth)
        let bias = random.floats(shape.filters)
        let expected = PlainConvolution(shape, x: x, dy: dy, weight: weight, bias: hasBias ? bias : nil)

        var y = [Float](repeating: .nan, count: dy.count)
        fovea_bi_convolution_forward(&shape, x, weight, hasBias ? bias : nil, activation, &y)
        var dx = [Float](repeating: .nan, count: x.count)
        fovea_bi_convolution_backward_data(&shape, dy, weight, &dx)
        var dWeight = [Float](repeating: .nan, count: weight.count)
        var dBias = [Float](repeating: .nan, count: bias.count)
        fovea_bi_convolution_backward_weights(&shape, x, dy, &dWeight, &dBias)

        let taps = shape.kernelHeight * shape.kernelWidth
        expected.y.map { apply(activation, $0) }.expectNear(y, terms: shape.channels * taps + 1)
        expected.dx.expectNear(dx, terms: shape.filters * taps)
        // Lanes are summed apart: this many terms follow one another.
        let terms = shape.outHeight * shape.outWidth * shape.batch / 8 + 4
        expected.dWeight.expectNear(dWeight, terms: terms)
        expected.dBias.expectNear(dBias, terms: terms)
    }

    /// A tile's outputs share their products, and so their rounding errors: also one without a term, of which there may be no other.
    private static func sharing(_ sums: [Sum]) -> [Sum] {
        let largest = sums.map(\.magnitude).reduce(1, max)
        return sums.map { Sum(value: $0.value, magnitude: largest) }
    }

    /// By minimal filtering: rows of 3 and 5 taps, with square kernels of which AVX-512 filters columns, too, on one thread and on
    /// several, which give the same bits.
    @Test(arguments: 0..<48) func filteringEqualsPlainLoops(seed: Int) {
        var random = SplitMix(seed: UInt64(seed))
        var shape = Self.randomShape(&random)
        (shape.strideHeight, shape.strideWidth) = (1, 1)
        shape.kernelWidth = Bool.random(using: &random) ? 3 : 5
        shape.kernelHeight = seed % 2 == 0 ? shape.kernelWidth : Int.random(in: 1...8, using: &random)
        shape.outHeight = Int.random(in: 1...9, using: &random)
        #expect(fovea_bi_can_filter(&shape) != 0)
        let activation = [FOVEA_IDENTITY, FOVEA_RELU, FOVEA_TANH, FOVEA_SIGMOID][seed % 4]
        let hasBias = seed % 3 != 0
        let x = random.floats(shape.batch * shape.channels * shape.height * shape.width)
        let dy = random.floats(shape.batch * shape.filters * shape.outHeight * shape.outWidth)
        let weight = random.floats(
            shape.filters * shape.channels * shape.kernelHeight * shape.kernelWidth)
        let bias = random.floats(shape.filters)

        func filter(threads: Int) -> (y: [Float], dx: [Float], dWeight: [Float], dBias: [Float]) {
            func scratch(_ pass: fovea_bi_pass) -> [Float] {
                Array(repeating: .nan, count: threads * fovea_bi_winograd_scratch(&shape, pass))
            }
            func taps(_ pass: fovea_bi_pass) -> [Float] {
                var taps = [Float](repeating: .nan, count: fovea_bi_winograd_taps(&shape))
                fovea_bi_winograd_filter_taps(&shape, pass, weight, &taps)
                return taps
            }
            var y = [Float](repeating: .nan, count: dy.count)
            var memory = scratch(FOVEA_BI_FORWARD)
            fovea_bi_winograd_forward(
                &shape, threads, x, taps(FOVEA_BI_FORWARD), hasBias ? bias : nil, activation, &y, &memory)
            var dx = [Float](repeating: .nan, count: x.count)
            memory = scratch(FOVEA_BI_BACKWARD_DATA)
            fovea_bi_winograd_backward_data(
                &shape, threads, dy, taps(FOVEA_BI_BACKWARD_DATA), &dx, &memory)
            var sums = [Float](repeating: .nan, count: fovea_bi_winograd_sums(&shape))
            memory = scratch(FOVEA_BI_BACKWARD_WEIGHTS)
            fovea_bi_winograd_sum_weights(&shape, threads, x, dy, nil, 1, &sums, &memory)
            var dWeight = [Float](repeating: .nan, count: weight.count)
            var dBias = [Float](repeating: .nan, count: bias.count)
            fovea_bi_winograd_collect_weights(&shape, 1, sums, &dWeight, &dBias)
            return (y, dx, dWeight, dBias)
        }
        let (one, several) = (filter(threads: 1), filter(threads: 3))
        #expect(one.y.map(\.bitPattern) == several.y.map(\.bitPattern))
        #expect(one.dx.map(\.bitPattern) == several.dx.map(\.bitPattern))
        #expect(one.dWeight.map(\.bitPattern) == several.dWeight.map(\.bitPattern))
        #expect(one.dBias.map(\.bitPattern) == several.dBias.map(\.bitPattern))

        let expected = PlainConvolution(shape, x: x, dy: dy, weight: weight, bias: hasBias ? bias : nil)
        // Both axes round about twice as much as one (decision 23); the taps are shared where both are filtered.
        let areBothFiltered = fovea_bi_winograd_shares_taps(&shape) != 0
        let taps = shape.kernelHeight * shape.kernelWidth * (areBothFiltered ? 2 : 1)
        Self.sharing(expected.y).map { apply(activation, $0) }
            .expectNear(one.y, terms: shape.channels * taps + 1)
        Self.sharing(expected.dx).expectNear(one.dx, terms: shape.filters * taps)
        let terms = shape.outHeight * shape.outWidth * shape.batch / 8 + 4
        Self.sharing(expected.dWeight).expectNear(one.dWeight, terms: terms)
        expected.dBias.expectNear(one.dBias, terms: terms)
    }

    /// Forward by minimal filtering of columns: 3 and 5 taps of a column, any number of a row, with the same bits on several threads.
    @Test(arguments: 0..<48) func filteringColumnsEqualsPlainLoops(seed: Int) {
        var random = SplitMix(seed: UInt64(seed))
        var shape = Self.randomShape(&random)
        (shape.strideHeight, shape.strideWidth) = (1, 1)
        shape.kernelHeight = Bool.random(using: &random) ? 3 : 5
        shape.outHeight = Int.random(in: 1...9, using: &random)
        #expect(fovea_bi_can_filter_columns(&shape) != 0)
        let activation = [FOVEA_IDENTITY, FOVEA_RELU, FOVEA_TANH, FOVEA_SIGMOID][seed % 4]
        let x = random.floats(shape.batch * shape.channels * shape.height * shape.width)
        let weight = random.floats(
            shape.filters * shape.channels * shape.kernelHeight * shape.kernelWidth)
        let bias = seed % 3 == 0 ? nil : random.floats(shape.filters)
        let count = shape.batch * shape.filters * shape.outHeight * shape.outWidth
        var taps = [Float](repeating: .nan, count: fovea_bi_columns_taps(&shape))
        fovea_bi_columns_filter_taps(&shape, weight, &taps)

        func filter(threads: Int) -> [Float] {
            var memory = [Float](repeating: .nan, count: threads * fovea_bi_columns_scratch(&shape))
            var y = [Float](repeating: .nan, count: count)
            fovea_bi_columns_forward(&shape, threads, x, taps, bias, activation, &y, &memory)
            return y
        }
        let y = filter(threads: 1)
        #expect(y.map(\.bitPattern) == filter(threads: 3).map(\.bitPattern))
        let expected = PlainConvolution(
            shape, x: x, dy: Array(repeating: 0, count: count), weight: weight, bias: bias)
        Self.sharing(expected.y).map { apply(activation, $0) }
            .expectNear(y, terms: shape.channels * shape.kernelHeight * shape.kernelWidth + 1)
    }

    /// The sums of several blocks of the batch, each made by itself.
    @Test(arguments: 0..<8) func filteringAddsUpBlocks(seed: Int) {
        var random = SplitMix(seed: UInt64(seed))
        var shape = Self.randomShape(&random)
        (shape.strideHeight, shape.strideWidth) = (1, 1)
        shape.kernelWidth = seed % 2 == 0 ? 3 : 5
        let blocks = 3
        let size = fovea_bi_winograd_sums(&shape)
        var sums = [Float](repeating: .nan, count: blocks * size)
        var memory = [Float](
            repeating: .nan, count: fovea_bi_winograd_scratch(&shape, FOVEA_BI_BACKWARD_WEIGHTS))
        let count = shape.filters * shape.channels * shape.kernelHeight * shape.kernelWidth
        var (weights, bias) = (
            [Sum](repeating: Sum(), count: count), [Sum](repeating: Sum(), count: shape.filters)
        )
        for block in 0..<blocks {
            let x = random.floats(shape.batch * shape.channels * shape.height * shape.width)
            let dy = random.floats(shape.batch * shape.filters * shape.outHeight * shape.outWidth)
            let part = PlainConvolution(
                shape, x: x, dy: dy, weight: Array(repeating: 0, count: count), bias: nil)
            weights = zip(weights, part.dWeight).map { $0 + $1 }
            bias = zip(bias, part.dBias).map { $0 + $1 }
            sums.withUnsafeMutableBufferPointer {
                fovea_bi_winograd_sum_weights(
                    &shape, 1, x, dy, nil, 1, $0.baseAddress! + block * size, &memory)
            }
        }
        var dWeight = [Float](repeating: .nan, count: count)
        var dBias = [Float](repeating: .nan, count: shape.filters)
        fovea_bi_winograd_collect_weights(&shape, blocks, sums, &dWeight, &dBias)
        let terms = blocks * shape.outHeight * shape.outWidth * shape.batch / 8 + 4
        let largest = weights.map(\.magnitude).reduce(1, max)
        weights.map { Sum(value: $0.value, magnitude: largest) }.expectNear(dWeight, terms: terms)
        bias.expectNear(dBias, terms: terms)
    }

    /// The gradient of a pooling that is made row by row gives the bits of the one made before.
    @Test(arguments: 0..<16) func filteringMakesGradientsOfPoolings(seed: Int) {
        var random = SplitMix(seed: UInt64(seed))
        var shape = Self.randomShape(&random)
        (shape.strideHeight, shape.strideWidth) = (1, 1)
        shape.kernelWidth = seed % 2 == 0 ? 3 : 5
        let window = Int.random(in: 1...3, using: &random)
        let stride = seed % 4 < 2 ? window : Int.random(in: 1...3, using: &random)
        let pooling = fovea_bi_pooling(
            batch: shape.batch, channels: shape.filters, height: shape.outHeight, width: shape.outWidth,
            outHeight: (shape.outHeight - 1) / stride + 1, outWidth: (shape.outWidth - 1) / stride + 1,
            windowHeight: window, windowWidth: window, strideHeight: stride, strideWidth: stride, padTop: 0,
            padLeft: 0)
        let x = random.floats(shape.batch * shape.channels * shape.height * shape.width)
        let y = random.floats(shape.batch * shape.filters * shape.outHeight * shape.outWidth)
        let dy = random.floats(shape.batch * shape.filters * pooling.outHeight * pooling.outWidth)
        let index = dy.indices.map { _ in UInt8.random(in: 0..<UInt8(window * window), using: &random) }
        let threads = seed % 3 + 1
        y.withUnsafeBufferPointer { y in
            dy.withUnsafeBufferPointer { dy in
                index.withUnsafeBufferPointer { index in
                    var gradient = fovea_bi_pooled_gradient(
                        pooling: pooling, index: seed % 3 == 0 ? nil : index.baseAddress, countPadding: 0,
                        activation: [FOVEA_IDENTITY, FOVEA_RELU, FOVEA_TANH, FOVEA_SIGMOID][seed % 4],
                        y: y.baseAddress, dy: dy.baseAddress)
                    var made = [Float](repeating: .nan, count: y.count)
                    fovea_bi_pool_gradient(&gradient, &made)
                    var memory = [Float](
                        repeating: .nan,
                        count: threads * fovea_bi_winograd_scratch(&shape, FOVEA_BI_BACKWARD_WEIGHTS))
                    var sums = [Float](repeating: .zero, count: fovea_bi_winograd_sums(&shape))
                    var expected = sums
                    fovea_bi_winograd_sum_weights(&shape, threads, x, nil, &gradient, 1, &sums, &memory)
                    fovea_bi_winograd_sum_weights(&shape, threads, x, made, nil, 1, &expected, &memory)
                    #expect(sums.map(\.bitPattern) == expected.map(\.bitPattern))
                    #expect(sums.contains { $0 != 0 })
                }
            }
        }
    }

    /// The gradient of a dense product's weights, of blocks of samples that lie side by side.
    @Test(arguments: [(1, 24, 8, 3), (4, 16, 40, 7), (4, 16, 84, 10), (2, 16, 9, 1), (3, 16, 400, 12)])
    func denseGradient(blocks: Int, batch: Int, features: Int, units: Int) {
        var random = SplitMix(seed: 3)
        let x = random.floats(blocks * batch * features)
        let dy = random.floats(blocks * units * batch)
        var dWeight = [Float](repeating: .nan, count: units * features)
        var dBias = [Float](repeating: .nan, count: units)
        for range in [units / 2..<units, 0..<units / 2] where !range.isEmpty {
            fovea_bi_dense_backward_weights(
                blocks, batch, features, units, range.lowerBound, range.upperBound, x, dy, &dWeight)
        }
        var blockSums = [Float](repeating: .nan, count: blocks * units)
        fovea_sum_columns(blocks * units, batch, dy, &blockSums)
        var scratch = [Double](repeating: .nan, count: (fovea_sum_rows_scratch(blocks, units) + 7) / 8)
        fovea_sum_rows(blocks, units, blockSums, &dBias, &scratch)
        for u in 0..<units {
            var bias = Sum()
            for b in 0..<blocks { for n in 0..<batch { bias.add(Double(dy[(b * units + u) * batch + n])) } }
            [bias].expectNear([dBias[u]], terms: blocks * batch)
            for f in 0..<features {
                var sum = Sum()
                for b in 0..<blocks {
                    for n in 0..<batch {
                        sum.add(
                            Double(dy[(b * units + u) * batch + n])
                                * Double(x[(b * batch + n) * features + f]))
                    }
                }
                [sum].expectNear([dWeight[u * features + f]], terms: blocks * batch)
            }
        }
    }

    /// More taps than the gradient of the weights holds at a time.
    @Test func kernelOfManyTaps() {
        var shape = fovea_bi_convolution()
        (shape.batch, shape.channels, shape.filters) = (8, 1, 2)
        (shape.height, shape.width, shape.outHeight, shape.outWidth) = (1, 300, 1, 3)
        (shape.kernelHeight, shape.kernelWidth, shape.strideHeight, shape.strideWidth) = (2, 290, 1, 1)
        var random = SplitMix(seed: 1)
        let x = random.floats(8 * 300)
        let dy = random.floats(8 * 2 * 3)
        let weight = random.floats(2 * 2 * 290)
        let expected = PlainConvolution(shape, x: x, dy: dy, weight: weight, bias: nil)
        var dWeight = [Float](repeating: .nan, count: weight.count)
        fovea_bi_convolution_backward_weights(&shape, x, dy, &dWeight, nil)
        expected.dWeight.expectNear(dWeight, terms: 7)
    }
}

/// The definition of a convolution and its gradients, in Double.
private struct PlainConvolution {
    var y, dx, dWeight, dBias: [Sum]

    init(_ s: fovea_bi_convolution, x: [Float], dy: [Float], weight: [Float], bias: [Float]?) {
        y = Array(repeating: Sum(), count: dy.count)
        dx = Array(repeating: Sum(), count: x.count)
        dWeight = Array(repeating: Sum(), count: weight.count)
        dBias = Array(repeating: Sum(), count: s.filters)
        for k in 0..<s.filters {
            for i in 0..<s.outHeight {
                for j in 0..<s.outWidth {
                    let output = ((k * s.outHeight + i) * s.outWidth + j) * s.batch
                    for n in 0..<s.batch {
                        y[output + n].add(Double(bias?[k] ?? 0))
                        dBias[k].add(Double(dy[output + n]))
                    }
                    for c in 0..<s.channels {
                        for u in 0..<s.kernelHeight {
                            let row = i * s.strideHeight + u - s.padTop
                            guard 0..<s.height ~= row else { continue }
                            for v in 0..<s.kernelWidth {
                                let column = j * s.strideWidth + v - s.padLeft
                                guard 0..<s.width ~= column else { continue }
                                let input = ((c * s.height + row) * s.width + column) * s.batch
                                let tap = ((k * s.channels + c) * s.kernelHeight + u) * s.kernelWidth + v
                                for n in 0..<s.batch {
                                    y[output + n].add(Double(weight[tap]) * Double(x[input + n]))
                                    dx[input + n].add(Double(weight[tap]) * Double(dy[output + n]))
                                    dWeight[tap].add(Double(x[input + n]) * Double(dy[output + n]))
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
