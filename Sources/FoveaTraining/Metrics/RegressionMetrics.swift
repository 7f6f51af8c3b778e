/// The errors of a regression, over all samples and outputs.
public struct RegressionMetrics: Hashable, Sendable, Codable {
    /// The mean of the squared errors.
    public let meanSquaredError: Double
    /// The mean of the absolute errors.
    public let meanAbsoluteError: Double
    /// The mean of `|error / target|` over the targets that are not 0, as a share; `nil` where all are 0.
    public let meanAbsolutePercentageError: Double?
    /// `1 - Σ (t - p)² / Σ (t - mean t)²` for each output, averaged over the outputs; outputs whose target is
    /// constant are left out, and it is `nil` where all are.
    public let rSquared: Double?

    /// The root of the mean squared error.
    public var rootMeanSquaredError: Double { meanSquaredError.squareRoot() }
}

/// The sums from which a regression's metrics follow, gathered sample by sample.
package struct RegressionTally {
    private struct Output {
        var squares = 0.0
        var mean = 0.0
        var scatter = 0.0
    }

    private var outputs: [Output]
    private var absolute = 0.0
    private var relative = (sum: 0.0, count: 0)
    private var samples = 0

    package init(outputs: Int) {
        self.outputs = Array(repeating: Output(), count: outputs)
    }

    /// Counts a sample.
    package mutating func add(prediction: UnsafeBufferPointer<Float>, target: UnsafeBufferPointer<Float>) {
        samples += 1
        for index in outputs.indices {
            let (predicted, wanted) = (Double(prediction[index]), Double(target[index]))
            let error = predicted - wanted
            outputs[index].squares += error * error
            absolute += error.magnitude
            if wanted != 0 {
                relative.sum += (error / wanted).magnitude
                relative.count += 1
            }
            // Welford's mean and scatter, which do not cancel where the mean is large.
            let distance = wanted - outputs[index].mean
            outputs[index].mean += distance / Double(samples)
            outputs[index].scatter += distance * (wanted - outputs[index].mean)
        }
    }

    package var evaluation: Evaluation {
        let squares = outputs.reduce(0) { $0 + $1.squares }
        let numbers = Double(max(samples * outputs.count, 1))
        let shares = outputs.filter { $0.scatter > 0 }.map { 1 - $0.squares / $0.scatter }
        return Evaluation(
            samples: samples, loss: squares / Double(max(samples, 1)),
            metrics: .regression(
                RegressionMetrics(
                    meanSquaredError: squares / numbers, meanAbsoluteError: absolute / numbers,
                    meanAbsolutePercentageError: relative.count > 0
                        ? relative.sum / Double(relative.count) : nil,
                    rSquared: shares.isEmpty ? nil : shares.reduce(0, +) / Double(shares.count))))
    }
}
