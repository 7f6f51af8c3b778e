import FoveaData

/// What a model is evaluated on after each epoch.
public enum Validation: Sendable {
    /// Nothing.
    case none
    /// A share of the training samples, set aside by the seed of the training, each class alike.
    case fraction(Double)
    /// A data set of its own.
    case set(Dataset)

    /// Which samples are trained on, and which or what is validated on.
    func divide(_ data: Dataset, seed: UInt64) throws -> (training: [Int], validation: (Dataset, [Int])?) {
        switch self {
        case .none:
            return (Array(0..<data.count), nil)
        case .set(let other):
            return (Array(0..<data.count), (other, Array(0..<other.count)))
        case .fraction(let fraction):
            guard fraction > 0, fraction < 1 else {
                throw TrainingError(
                    .configuration, "the share of samples to validate on is between 0 and 1, not \(fraction)")
            }
            let parts =
                if let labels = data.labels {
                    try Split.stratified(labels: labels, holdingOut: fraction, seed: seed)
                } else {
                    try Split.shuffled(count: data.count, holdingOut: fraction, seed: seed)
                }
            return (parts.training, (data, parts.validation))
        }
    }

    /// What a checkpoint remembers of it.
    func record() throws -> Checkpoint.ValidationRecord {
        switch self {
        case .none: .none
        case .fraction(let fraction): .fraction(fraction)
        case .set(let data): .set(fingerprint: try SampleSet(data, preprocessing: .identity).fingerprint())
        }
    }
}
