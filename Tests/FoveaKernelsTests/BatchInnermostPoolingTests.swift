import CFoveaKernels
import Testing

@Suite struct BatchInnermostPoolingTests {
    private static func randomShape(_ random: inout SplitMix) -> fovea_bi_pooling {
        var shape = fovea_bi_pooling()
        shape.batch = 8 * Int.random(in: 1...8, using: &random)
        shape.channels = Int.random(in: 1...4, using: &random)
        shape.height = Int.random(in: 1...9, using: &random)
        shape.width = Int.random(in: 1...9, using: &random)
        shape.outHeight = Int.random(in: 1...6, using: &random)
        shape.outWidth = Int.random(in: 1...6, using: &random)
        shape.windowHeight = Int.random(in: 1...4, using: &random)
        shape.windowWidth = Int.random(in: 1...4, using: &random)
        shape.strideHeight = Int.random(in: 1...4, using: &random)
        shape.strideWidth = Int.random(in: 1...4, using: &random)
        shape.padTop = Int.random(in: 0...2, using: &random)
        shape.padLeft = Int.random(in: 0...2, using: &random)
        if Bool.random(using: &random) { shape.becomeTiles(&random) }
        return shape
    }

    private static let activations = [FOVEA_IDENTITY, FOVEA_RELU, FOVEA_TANH, FOVEA_SIGMOID]

    /// What passes an activation with the result `y`.
    private static func slope(_ activation: fovea_activation, _ y: Float) -> Double {
        let y = Double(y)
        return switch activation {
        case FOVEA_RELU: y > 0 ? 1 : 0
        case FOVEA_TANH: 1 - y * y
        case FOVEA_SIGMOID: y * (1 - y)
        default: 1
        }
    }

    @Test(arguments: 0..<24) func averageEqualsPlainLoops(seed: Int) {
        var random = SplitMix(seed: UInt64(seed))
        var shape = Self.randomShape(&random)
        let countsPadding = seed % 2 == 0
        let x = random.floats(shape.inputCount)
        let dy = random.floats(shape.outputCount)
        var expectedY = [Sum](repeating: Sum(), count: dy.count)
        var expectedDx = [Sum](repeating: Sum(), count: x.count)
        shape.forEachWindow { output, inputs, _ in
            let count = Double(countsPadding ? shape.windowHeight * shape.windowWidth : inputs.count)
            for input in inputs {
                expectedY[output].add(Double(x[input]) / count)
                expectedDx[input].add(Double(dy[output]) / count)
            }
        }
        var y = [Float](repeating: .nan, count: dy.count)
        fovea_bi_average_pool(&shape, countsPadding ? 1 : 0, x, &y)
        // A rounded factor and a product beside the additions.
        let terms = shape.windowHeight * shape.windowWidth + 2
        expectedY.expectNear(y, terms: terms)
        for activation in Self.activations {
            var dx = [Float](repeating: .nan, count: x.count)
            dy.withUnsafeBufferPointer { dy in
                x.withUnsafeBufferPointer {
                    var gradient = fovea_bi_pooled_gradient(
                        pooling: shape, index: nil, countPadding: countsPadding ? 1 : 0,
                        activation: activation, y: $0.baseAddress, dy: dy.baseAddress)
                    fovea_bi_pool_gradient(&gradient, &dx)
                }
            }
            expectedDx.scaled(by: x.map { Self.slope(activation, $0) }).expectNear(dx, terms: terms + 3)
            guard fovea_bi_has_tiles(&shape) != 0 else { continue }
            var inPlace = x
            dy.withUnsafeBufferPointer { dy in
                inPlace.withUnsafeMutableBufferPointer {
                    var gradient = fovea_bi_pooled_gradient(
                        pooling: shape, index: nil, countPadding: countsPadding ? 1 : 0,
                        activation: activation, y: UnsafePointer($0.baseAddress), dy: dy.baseAddress)
                    fovea_bi_pool_gradient(&gradient, $0.baseAddress)
                }
            }
            #expect(inPlace == dx)
        }
    }

    /// With many ties, and NaN in places.
    @Test(arguments: 0..<24) func maximumEqualsPlainLoops(seed: Int) {
        var random = SplitMix(seed: UInt64(seed))
        var shape = Self.randomShape(&random)
        let x = random.floats(shape.inputCount).map { $0 < -0.98 ? .nan : ($0 * 3).rounded() }
        let dy = random.floats(shape.outputCount)
        var expectedY = [Float](repeating: -.infinity, count: dy.count)
        var expectedIndex = [UInt8](repeating: 0, count: dy.count)
        var expectedDx = [Sum](repeating: Sum(), count: x.count)
        shape.forEachWindow { output, inputs, places in
            guard !inputs.isEmpty else { return }
            let values = inputs.map { x[$0] }
            let best = values.firstIndex(where: \.isNaN) ?? values.firstIndex(of: values.max()!)!
            expectedY[output] = values[best]
            expectedIndex[output] = UInt8(places[best])
            expectedDx[inputs[best]].add(Double(dy[output]))
        }
        var y = [Float](repeating: 7, count: dy.count)
        var index = [UInt8](repeating: 255, count: dy.count)
        fovea_bi_max_pool(&shape, x, &y, &index)
        #expect(y.map(\.isNaN) == expectedY.map(\.isNaN))
        #expect(zip(y, expectedY).allSatisfy { $0 == $1 || $1.isNaN })
        shape.forEachWindow { output, inputs, _ in
            if !inputs.isEmpty { #expect(index[output] == expectedIndex[output]) }
        }
        let outputs = random.floats(x.count)
        for activation in Self.activations {
            var dx = [Float](repeating: .nan, count: x.count)
            index.withUnsafeBufferPointer { index in
                dy.withUnsafeBufferPointer { dy in
                    outputs.withUnsafeBufferPointer {
                        var gradient = fovea_bi_pooled_gradient(
                            pooling: shape, index: index.baseAddress, countPadding: 0, activation: activation,
                            y: $0.baseAddress, dy: dy.baseAddress)
                        fovea_bi_pool_gradient(&gradient, &dx)
                    }
                }
            }
            expectedDx.scaled(by: outputs.map { Self.slope(activation, $0) })
                .expectNear(dx, terms: shape.windowHeight * shape.windowWidth + 3)
        }
        var alone = [Float](repeating: 7, count: dy.count)
        fovea_bi_max_pool(&shape, x, &alone, nil)
        #expect(alone.map(\.bitPattern) == y.map(\.bitPattern))
    }
}

extension [Sum] {
    fileprivate func scaled(by factors: [Double]) -> [Sum] {
        zip(self, factors).map { sum, factor in
            var result = Sum()
            (result.value, result.magnitude) = (sum.value * factor, sum.magnitude * abs(factor))
            return result
        }
    }
}

extension fovea_bi_pooling {
    /// Windows side by side, with some of the image left over.
    fileprivate mutating func becomeTiles(_ random: inout SplitMix) {
        (strideHeight, strideWidth, padTop, padLeft) = (windowHeight, windowWidth, 0, 0)
        height = outHeight * windowHeight + Int.random(in: 0...2, using: &random)
        width = outWidth * windowWidth + Int.random(in: 0...2, using: &random)
    }

    fileprivate var inputCount: Int { batch * channels * height * width }
    fileprivate var outputCount: Int { batch * channels * outHeight * outWidth }

    /// Calls `body` for each output element with its index, those of the input elements under its window in row-major
    /// order, and the places of these in the window.
    fileprivate func forEachWindow(_ body: (Int, [Int], [Int]) -> Void) {
        for output in 0..<outputCount {
            let n = output % batch
            let j = output / batch % outWidth
            let i = output / batch / outWidth % outHeight
            let c = output / batch / outWidth / outHeight
            var inputs: [Int] = []
            var places: [Int] = []
            for u in 0..<windowHeight {
                for v in 0..<windowWidth {
                    let row = i * strideHeight + u - padTop
                    let column = j * strideWidth + v - padLeft
                    guard 0..<height ~= row, 0..<width ~= column else { continue }
                    inputs.append(((c * height + row) * width + column) * batch + n)
                    places.append(u * windowWidth + v)
                }
            }
            body(output, inputs, places)
        }
    }
}
