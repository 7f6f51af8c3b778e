import CFoveaKernels
import Foundation
import Testing

@Suite struct BatchInnermostLossesTests {
    /// Against sums in Double, also with logits far apart and large, whose exponentials are no numbers of Float.
    @Test(
        arguments: [(8, 2, 1), (16, 10, 3), (48, 7, 40), (40, 1, 1), (16, 1000, 90)] as [(Int, Int, Float)])
    func crossEntropyEqualsPlainLoops(batch: Int, classes: Int, scale: Float) {
        var random = SplitMix(seed: UInt64(classes))
        let logits = random.floats(batch * classes).map { $0 * scale + 3 * scale }
        let labels = (0..<batch).map { _ in Int32.random(in: 0..<Int32(classes), using: &random) }
        var losses = [Float](repeating: .nan, count: batch)
        fovea_bi_softmax_cross_entropy(batch, classes, logits, labels, &losses)
        var gradient = [Float](repeating: .nan, count: logits.count)
        fovea_bi_softmax_cross_entropy_gradient(batch, classes, logits, labels, 0.5, &gradient)
        for n in 0..<batch {
            let x = (0..<classes).map { Double(logits[$0 * batch + n]) }
            let largest = x.max()!
            let exponentials = x.map { exp($0 - largest) }
            let sum = exponentials.reduce(0, +)
            let expected = log(sum) + largest - x[Int(labels[n])]
            #expect(abs(Double(losses[n]) - expected) <= 3e-7 * max(1, abs(largest)))
            for k in 0..<classes {
                let slope = 0.5 * (exponentials[k] / sum - (Int32(k) == labels[n] ? 1 : 0))
                #expect(abs(Double(gradient[k * batch + n]) - slope) <= 4e-7)
            }
        }
        #expect(fovea_mean(batch, losses).isNaN == false)
        let mean = losses.map(Double.init).reduce(0, +) / Double(batch)
        #expect(abs(Double(fovea_mean(batch, losses)) - mean) <= 1e-7 * max(1, mean))
    }

    @Test func labelsOutOfRangeAndLogitsThatAreNoNumbers() {
        var logits = [Float](repeating: 0.5, count: 8 * 3)
        logits[1 * 8 + 5] = .nan
        let labels: [Int32] = [0, 3, -1, 2, 1, 0, 2, 1]
        var losses = [Float](repeating: 0, count: 8)
        fovea_bi_softmax_cross_entropy(8, 3, logits, labels, &losses)
        #expect(losses.map(\.isNaN) == [false, true, true, false, false, true, false, false])
        #expect(fovea_mean(8, losses).isNaN)
        var gradient = [Float](repeating: 0, count: logits.count)
        fovea_bi_softmax_cross_entropy_gradient(8, 3, logits, labels, 1, &gradient)
        for n in 0..<8 { #expect((0..<3).contains { gradient[$0 * 8 + n].isNaN } == (n == 5)) }
    }
}
