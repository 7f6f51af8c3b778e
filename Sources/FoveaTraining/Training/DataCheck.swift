import FoveaNN
import FoveaTensor

/// What is checked of data before the first step, since a backend would only notice it as a loss that is no number.
enum DataCheck {
    /// Throws unless `source` has samples of the network's input and answers of its task.
    static func check(_ source: some SampleSource, fits network: Network, as name: String) throws(TrainingError) {
        guard source.count > 0 else { throw TrainingError(.data, "\(name) holds no sample") }
        guard source.sampleShape == network.inputShape else {
            throw TrainingError(
                .data,
                "a sample of \(name) is \(source.sampleShape) and the network takes \(network.inputShape); "
                    + "give the network that input, or preprocess the data")
        }
        switch (network.task, source.answers) {
        case (.classification(let classes), .classes(let labels)):
            if let index = labels.firstIndex(where: { $0 < 0 || Int($0) >= classes }) {
                throw TrainingError(
                    .data,
                    "sample \(index) of \(name) has the label \(labels[index]), and the network tells classes "
                        + "0 ... \(classes - 1) apart; end it in \((labels.max() ?? 0) + 1) units, or mend the labels")
            }
        case (.regression(let outputs), .targets(let targets)):
            guard targets.shape.rank == 2, targets.shape[1] == outputs else {
                throw TrainingError(
                    .data, "the targets of \(name) are \(targets.shape) and the network gives [N, \(outputs)]")
            }
            let place = targets.withUnsafeScalars(of: Float.self) { $0.firstIndex { !$0.isFinite } }
            if let place {
                throw TrainingError(.data, "the target of sample \(place / outputs) of \(name) is not a finite number")
            }
        case (.classification, _):
            throw TrainingError(.data, "\(name) has no class labels, and the network is for \(network.task)")
        case (.regression, _):
            throw TrainingError(.data, "\(name) has no numbers as targets, and the network is for \(network.task)")
        }
    }

    /// Throws where nothing can be learned from `source`, or not what `validation` asks.
    static func check(
        training source: some SampleSource, validation: (any SampleSource)?
    ) throws(TrainingError) {
        switch source.answers {
        case .classes(let labels):
            let known = Set(labels)
            guard known.count > 1 else {
                throw TrainingError(
                    .data, "all \(labels.count) training samples are of class \(labels[0]); there is nothing to learn")
            }
            if case .classes(let others)? = validation?.answers, let index = others.firstIndex(where: { !known.contains($0) }) {
                throw TrainingError(
                    .data,
                    "the validation set has samples of class \(others[index]) and the training set none; "
                        + "shuffle or stratify the split")
            }
        case .targets(let targets):
            let outputs = targets.shape[1]
            let constant = targets.withUnsafeScalars(of: Float.self) { scalars in
                (0..<outputs).first { output in
                    stride(from: output, to: scalars.count, by: outputs).allSatisfy { scalars[$0] == scalars[output] }
                }
            }
            if let constant, targets.shape[0] > 1 {
                throw TrainingError(
                    .data, "target \(constant) is the same for all training samples; there is nothing to learn")
            }
        case .unknown:
            break
        }
    }
}
