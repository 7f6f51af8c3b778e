import FoveaNN
import FoveaTensor

/// What is checked of data before the first step, since a backend would only notice it as a loss that is no
/// number.
enum DataCheck {
    /// Throws unless `set` has samples of the network's input and answers of its task.
    static func check(_ set: SampleSet, fits network: Network, as name: String) throws(TrainingError) {
        guard set.count > 0 else { throw TrainingError(.data, "\(name) holds no sample") }
        guard set.sampleShape == network.inputShape else {
            throw TrainingError(
                .data,
                "a sample of \(name) is \(set.sampleShape) and the network takes \(network.inputShape); "
                    + "give the network that input, or preprocess the data")
        }
        switch (network.task, set.dataset.targets) {
        case (.classification(let classes), .classes(let labels, _)):
            if let index = set.indices.firstIndex(where: { labels[$0] < 0 || Int(labels[$0]) >= classes }) {
                throw TrainingError(
                    .data,
                    "sample \(set.indices[index]) of \(name) has the label \(labels[set.indices[index]]), and the "
                        + "network tells the classes 0 to \(classes - 1) apart; give it \((labels.max() ?? 0) + 1) "
                        + "classes, or mend the labels")
            }
        case (.regression(let outputs), .values(let targets)):
            guard targets.shape[1] == outputs else {
                throw TrainingError(
                    .data,
                    "the targets of \(name) are [N, \(targets.shape[1])] and the network gives [N, \(outputs)]"
                )
            }
            let place = targets.withUnsafeScalars(of: Float.self) { scalars in
                set.indices.first { index in
                    !(0..<outputs).allSatisfy { scalars[index * outputs + $0].isFinite }
                }
            }
            if let place {
                throw TrainingError(
                    .data, "the target of sample \(place) of \(name) is not a finite number; mend it")
            }
        case (.classification, .values):
            throw TrainingError(
                .data, "\(name) has numbers to be predicted, and the network is for \(network.task)")
        case (.regression, .classes):
            throw TrainingError(
                .data, "\(name) has classes to be predicted, and the network is for \(network.task)")
        }
    }

    /// Throws where nothing can be learned from `training`, or not what `validation` asks.
    static func check(training: SampleSet, validation: SampleSet?) throws(TrainingError) {
        switch training.dataset.targets {
        case .classes(let labels, let names):
            let known = Set(training.indices.lazy.map { labels[$0] })
            guard known.count > 1 else {
                throw TrainingError(
                    .data,
                    "all \(training.count) training samples are of class "
                        + "'\(names[Int(labels[training.indices[0]])])'; there is nothing to learn")
            }
            guard let validation, case .classes(let others, let otherNames) = validation.dataset.targets
            else { return }
            if let index = validation.indices.first(where: { !known.contains(others[$0]) }) {
                throw TrainingError(
                    .data,
                    "the validation set has samples of class '\(otherNames[Int(others[index])])' and the training set "
                        + "has none; shuffle or stratify the split")
            }
        case .values(let targets):
            let outputs = targets.shape[1]
            let constant = targets.withUnsafeScalars(of: Float.self) { scalars in
                (0..<outputs).first { output in
                    let first = scalars[training.indices[0] * outputs + output]
                    return training.indices.allSatisfy { scalars[$0 * outputs + output] == first }
                }
            }
            if let constant, training.count > 1 {
                throw TrainingError(
                    .data,
                    "target \(constant) is the same for all training samples; there is nothing to learn")
            }
        }
    }
}
