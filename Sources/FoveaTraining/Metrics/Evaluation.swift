/// How well a model does on a data set.
public struct Evaluation: Hashable, Sendable, Codable {
    /// What is known for each task.
    public enum Metrics: Hashable, Sendable, Codable {
        case classification(ClassificationMetrics)
        case regression(RegressionMetrics)
    }

    /// The number of samples.
    public var samples: Int
    /// The mean loss of a sample, without penalties: cross-entropy (natural logarithm), or squared error
    /// summed over the outputs.
    public var loss: Double
    /// The metrics of the task.
    public var metrics: Metrics

    /// The share of samples whose class is the predicted one; NaN for regression.
    public var accuracy: Double { classification?.accuracy ?? .nan }

    /// The metrics of a classification.
    public var classification: ClassificationMetrics? {
        if case .classification(let metrics) = metrics { metrics } else { nil }
    }

    /// The metrics of a regression.
    public var regression: RegressionMetrics? {
        if case .regression(let metrics) = metrics { metrics } else { nil }
    }

    /// Every metric that is one number, under its stable name; those that are not defined for the data are
    /// left out.
    public var values: [(name: String, value: Double)] {
        var values: [(String, Double?)] = [("loss", loss)]
        switch metrics {
        case .classification(let metrics):
            values += [
                ("accuracy", metrics.accuracy), ("top5Accuracy", metrics.top5Accuracy),
                ("macroPrecision", metrics.macroPrecision), ("macroRecall", metrics.macroRecall),
                ("macroF1", metrics.macroF1),
            ]
        case .regression(let metrics):
            values += [
                ("meanSquaredError", metrics.meanSquaredError),
                ("rootMeanSquaredError", metrics.rootMeanSquaredError),
                ("meanAbsoluteError", metrics.meanAbsoluteError),
                ("meanAbsolutePercentageError", metrics.meanAbsolutePercentageError),
                ("rSquared", metrics.rSquared),
            ]
        }
        return values.compactMap { name, value in value.map { (name, $0) } }
    }
}

/// What decides which epoch is the best.
public enum Monitor: String, Hashable, Sendable, Codable, CaseIterable {
    /// The loss, to be small.
    case loss
    /// The accuracy, to be large.
    case accuracy

    /// The monitored number, such that larger is better.
    func score(loss: Double, accuracy: Double?) -> Double {
        switch self {
        case .loss: -loss
        case .accuracy: accuracy ?? -loss
        }
    }
}
