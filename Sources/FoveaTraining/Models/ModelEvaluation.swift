import FoveaGraph
import FoveaNN
import FoveaTensor

extension PredictionPlan {
    /// The evaluation on all samples of `source`, in batches of the plan's size; what is left over fills a part of one.
    func evaluate(task: Network.Task, on source: some SampleSource) throws -> Evaluation {
        switch (task, source.answers) {
        case (.classification(let classes), .classes(let labels)):
            var tally = ClassificationTally(classes: classes)
            try forEachResult(of: source, width: classes, .raw) { index, logits in
                tally.add(logits: logits, label: Int(labels[index]))
            }
            return tally.evaluation
        case (.regression(let outputs), .targets(let targets)):
            var tally = RegressionTally(outputs: outputs)
            try forEachResult(of: source, width: outputs, .raw) { index, prediction in
                targets.withUnsafeScalars(of: Float.self) { scalars in
                    let target = UnsafeBufferPointer(rebasing: scalars[index * outputs..<(index + 1) * outputs])
                    tally.add(prediction: prediction, target: target)
                }
            }
            return tally.evaluation
        default:
            throw TrainingError(.data, "the data have not the answers that \(task) needs")
        }
    }

    /// Calls `body` with each sample's number and its result.
    func forEachResult(
        of source: some SampleSource, width: Int, _ kind: Kind, _ body: (Int, UnsafeBufferPointer<Float>) -> Void
    ) throws {
        let size = source.sampleShape.count
        for start in stride(from: 0, to: source.count, by: batchSize) {
            let indices = Array(start..<min(start + batchSize, source.count))
            try run(kind) { features in
                indices.withUnsafeBufferPointer {
                    source.write($0, into: UnsafeMutableBufferPointer(rebasing: features[..<(indices.count * size)]))
                }
            } read: { results in
                for (row, index) in indices.enumerated() {
                    body(index, UnsafeBufferPointer(rebasing: results[row * width..<(row + 1) * width]))
                }
            }
        }
    }
}

extension Model {
    /// How well the model does on `source`.
    ///
    /// - Parameter batchSize: the number of samples computed together, which the result does not depend on.
    /// - Throws: ``TrainingError`` where the data do not fit the network.
    package func evaluate(on source: some SampleSource, batchSize: Int = 256) throws -> Evaluation {
        try DataCheck.check(source, fits: network, as: "the data")
        return try withPlan(batchSize: max(1, min(batchSize, source.count))) { plan in
            try plan.evaluate(task: network.task, on: source)
        }
    }
}
