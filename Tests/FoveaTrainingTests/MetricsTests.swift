import Foundation
import FoveaTensor
import Testing

import FoveaTraining

/// Metrics against values worked out by hand, under scikit-learn's conventions.
@Suite struct MetricsTests {
    static func evaluation(_ rows: [([Float], Int)]) -> Evaluation {
        var tally = ClassificationTally(classes: rows[0].0.count)
        for (logits, label) in rows { logits.withUnsafeBufferPointer { tally.add(logits: $0, label: label) } }
        return tally.evaluation
    }

    /// y_true = [0, 0, 1, 1, 1, 2], y_pred = [0, 1, 1, 1, 0, 0], four classes.
    @Test func classification() throws {
        let pairs = [(0, 0), (0, 1), (1, 1), (1, 1), (1, 0), (2, 0)]
        let evaluation = Self.evaluation(
            pairs.map { label, predicted in
                ((0..<4).map { $0 == predicted ? 1 : 0 }, label)
            })
        let metrics = try #require(evaluation.classification)
        #expect(metrics.confusion == [[1, 1, 0, 0], [1, 2, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]])
        #expect(abs(metrics.accuracy - 0.5) < 1e-12)
        #expect(metrics.classes[0].precision == 1.0 / 3 && metrics.classes[0].recall == 0.5)
        #expect(abs(metrics.classes[0].f1 - 0.4) < 1e-12)
        #expect(
            metrics.classes[2].precision == 0 && metrics.classes[2].recall == 0 && metrics.classes[2].f1 == 0)
        // The fourth class is nowhere and does not count.
        #expect(abs(metrics.macroPrecision - (1.0 / 3 + 2.0 / 3 + 0) / 3) < 1e-12)
        #expect(abs(metrics.macroRecall - (0.5 + 2.0 / 3 + 0) / 3) < 1e-12)
        #expect(abs(metrics.macroF1 - (0.4 + 2.0 / 3 + 0) / 3) < 1e-12)
        #expect(metrics.top5Accuracy == nil)
        // Each row's loss is log(e + 3) less the label's logit.
        let expected = log(exp(1.0) + 3) - 0.5
        #expect(abs(evaluation.loss - expected) < 1e-9)
    }

    @Test func topFive() throws {
        let logits: [Float] = [6, 5, 4, 3, 2, 1, 0]
        let evaluation = Self.evaluation((0..<7).map { (logits, $0) })
        #expect(try #require(evaluation.classification?.top5Accuracy) == 5.0 / 7)
        // All equal: the first five are taken to be the likeliest.
        let ties = Self.evaluation((0..<7).map { (Array(repeating: 1, count: 7), $0) })
        #expect(try #require(ties.classification?.top5Accuracy) == 5.0 / 7)
    }

    @Test func largeLogitsDoNotOverflow() {
        #expect(abs(Self.evaluation([([1000, 0], 1)]).loss - 1000) < 1e-9)
    }

    /// t = [3, -0.5, 2, 7], p = [2.5, 0, 2, 8]: scikit-learn's own example.
    @Test func regression() throws {
        var tally = RegressionTally(outputs: 1)
        for (target, prediction) in zip([3, -0.5, 2, 7] as [Float], [2.5, 0, 2, 8] as [Float]) {
            [prediction].withUnsafeBufferPointer { prediction in
                [target].withUnsafeBufferPointer { tally.add(prediction: prediction, target: $0) }
            }
        }
        let metrics = try #require(tally.evaluation.regression)
        #expect(abs(metrics.meanSquaredError - 0.375) < 1e-12)
        #expect(abs(metrics.rootMeanSquaredError - 0.612_372_435_7) < 1e-9)
        #expect(abs(metrics.meanAbsoluteError - 0.5) < 1e-12)
        #expect(abs(try #require(metrics.meanAbsolutePercentageError) - 0.327_380_952_4) < 1e-9)
        #expect(abs(try #require(metrics.rSquared) - 0.948_608_137_0) < 1e-9)
        #expect(tally.evaluation.accuracy.isNaN)
    }

    @Test func undefinedMetricsAreLeftOut() {
        var tally = RegressionTally(outputs: 1)
        for prediction in [1, 2] as [Float] {
            [prediction].withUnsafeBufferPointer { prediction in
                ([0] as [Float]).withUnsafeBufferPointer { tally.add(prediction: prediction, target: $0) }
            }
        }
        let names = tally.evaluation.values.map(\.name)
        #expect(!names.contains("rSquared") && !names.contains("meanAbsolutePercentageError"))
        #expect(names.contains("meanSquaredError"))
    }
}
