import CFoveaKernels
import Foundation
import Testing

@Suite struct ActivationTests {
    /// Numbers of every magnitude and sign, an odd count of them.
    private static let numbers: [Float] = stride(from: 0, to: UInt64(UInt32.max), by: 65_521)
        .map { Float(bitPattern: UInt32($0)) }
        .filter { $0.isNormal || $0 == 0 }

    private static func apply(_ activation: fovea_activation, _ x: [Float]) -> [Float] {
        var y = [Float](repeating: 7, count: x.count)
        fovea_activate(activation, x.count, x, &y)
        return y
    }

    @Test func tanhIsAccurateEverywhere() {
        let y = Self.apply(FOVEA_TANH, Self.numbers)
        let worst = zip(Self.numbers, y).map { x, y in
            x == 0 ? Double(abs(y)) : abs(Double(y) / tanh(Double(x)) - 1)
        }.max()!
        #expect(worst < 4e-7)
        #expect(y.allSatisfy { abs($0) <= 1 })
    }

    @Test func sigmoidIsAccurateDownToTheSmallestNumbers() {
        let x = Self.numbers.filter { $0 > -87 }
        let worst = zip(x, Self.apply(FOVEA_SIGMOID, x)).map { x, y in
            abs(Double(y) * (1 + exp(-Double(x))) - 1)
        }.max()!
        #expect(worst < 4e-7)
        #expect(Self.apply(FOVEA_SIGMOID, [-88, -1e30]).allSatisfy { 0 <= $0 && $0 < 2e-38 })
    }

    @Test func limits() {
        let x: [Float] = [.infinity, -.infinity, .nan, 0, 1e30, -1e30, 10]
        let tanh = Self.apply(FOVEA_TANH, x)
        #expect(tanh[0] == 1 && tanh[1] == -1 && tanh[2].isNaN && tanh[3] == 0)
        #expect(tanh[4] == 1 && tanh[5] == -1 && tanh[6] == 1)
        let sigmoid = Self.apply(FOVEA_SIGMOID, x)
        #expect(sigmoid[0] == 1 && sigmoid[1] < 2e-38 && sigmoid[2].isNaN)
        #expect(sigmoid[3] == 0.5 && sigmoid[4] == 1)
        let relu = Self.apply(FOVEA_RELU, x)
        #expect(relu[0] == .infinity && relu[1] == 0 && relu[2].isNaN && relu[4] == 1e30 && relu[5] == 0)
    }

    /// Each element alone gives what it gives among others, and the output may be the input.
    @Test func resultsDependOnNoNeighbours() {
        let x = Array(Self.numbers.shuffled().prefix(77))
        for activation in [FOVEA_IDENTITY, FOVEA_RELU, FOVEA_TANH, FOVEA_SIGMOID] {
            let together = Self.apply(activation, x)
            #expect(together.map(\.bitPattern) == x.map { Self.apply(activation, [$0])[0].bitPattern })
            var inPlace = x
            inPlace.withUnsafeMutableBufferPointer {
                fovea_activate(activation, $0.count, $0.baseAddress, $0.baseAddress)
            }
            #expect(inPlace.map(\.bitPattern) == together.map(\.bitPattern))
        }
    }

    @Test func bfloat16RectifierPassesWhatIsAboveZero() {
        // 1, -1, 0, -0, infinity, the smallest number above 0 and that below.
        let y: [UInt16] = [0x3F80, 0xBF80, 0, 0x8000, 0x7F80, 1, 0x8001]
        let dy: [UInt16] = [1, 2, 3, 4, 5, 6, 7]
        var dx = dy
        dx.withUnsafeMutableBufferPointer {
            fovea_relu_gradient_bfloat16($0.count, y, $0.baseAddress, $0.baseAddress)
        }
        #expect(dx == [1, 0, 0, 0, 5, 6, 0])
    }

    @Test func gradients() {
        var random = SplitMix(seed: 3)
        let y = random.floats(101)
        let dy = random.floats(101)
        let slopes: [(fovea_activation, (Double) -> Double)] = [
            (FOVEA_IDENTITY, { _ in 1 }), (FOVEA_RELU, { $0 > 0 ? 1 : 0 }), (FOVEA_TANH, { 1 - $0 * $0 }),
            (FOVEA_SIGMOID, { $0 * (1 - $0) }),
        ]
        for (activation, slope) in slopes {
            var dx = dy
            dx.withUnsafeMutableBufferPointer {
                fovea_activate_gradient(activation, $0.count, y, $0.baseAddress, $0.baseAddress)
            }
            for i in y.indices {
                let expected = Double(dy[i]) * slope(Double(y[i]))
                #expect(abs(Double(dx[i]) - expected) <= 2e-7 * abs(Double(dy[i])) * 2)
            }
        }
    }
}
