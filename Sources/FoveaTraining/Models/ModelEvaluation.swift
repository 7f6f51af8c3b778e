import FoveaData
import FoveaGraph
import FoveaNN
import FoveaTensor

extension PredictionPlan {
    /// The evaluation on all samples of `set`, in batches of the plan's size; what is left over fills a part
    /// of one.
    func evaluate(task: Network.Task, on set: SampleSet) throws -> Evaluation {
        switch task {
        case .classification(let classes):
            var tally = ClassificationTally(classes: classes)
            try forEachResult(of: set, width: classes, .raw) { batch, row, logits in
                tally.add(logits: logits, label: Int(batch.labels[row]))
            }
            return tally.evaluation
        case .regression(let outputs):
            var tally = RegressionTally(outputs: outputs)
            try forEachResult(of: set, width: outputs, .raw) { batch, row, prediction in
                let target = UnsafeBufferPointer(rebasing: batch.values[row * outputs..<(row + 1) * outputs])
                tally.add(prediction: prediction, target: target)
            }
            return tally.evaluation
        }
    }

    /// Calls `body` with each sample, as a row of its batch, and its result.
    func forEachResult(
        of set: SampleSet, width: Int, _ kind: Kind, _ body: (Batch, Int, UnsafeBufferPointer<Float>) -> Void
    ) throws {
        try set.forEachBatch(of: batchSize) { batch in
            try run(kind) { features in
                _ = features.update(fromContentsOf: batch.samples)
            } read: { results in
                for row in 0..<batch.count {
                    body(batch, row, UnsafeBufferPointer(rebasing: results[row * width..<(row + 1) * width]))
                }
            }
        }
    }
}

extension Model {
    /// How well the model does on `data`, prepared as the model's preprocessing says.
    ///
    /// - Parameters:
    ///   - indices: which samples; all unless given.
    ///   - batchSize: the number of samples computed together, which the result does not depend on.
    /// - Throws: ``TrainingError`` or `DataError` where the data do not fit the network, what the backend
    ///   throws.
    public func evaluate(on data: Dataset, at indices: [Int]? = nil, batchSize: Int = 256) throws
        -> Evaluation
    {
        let set = try SampleSet(data, at: indices, preprocessing: preparation(for: data))
        try DataCheck.check(set, fits: network, as: data.name)
        return try withPlan(batchSize: try checked(batchSize, samples: set.count)) { plan in
            try plan.evaluate(task: network.task, on: set)
        }
    }

    /// What the model gives for each sample of `data`, prepared as the model's preprocessing says:
    /// probabilities `[N, classes]`, or predictions `[N, outputs]`.
    ///
    /// - Throws: ``TrainingError`` or `DataError` where the samples do not fit the network, what the backend
    ///   throws.
    public func predict(on data: Dataset, at indices: [Int]? = nil, batchSize: Int = 256) throws -> Tensor {
        let set = try SampleSet(data, at: indices, preprocessing: preparation(for: data))
        try checkSample(set.sampleShape)
        let width = network.task.width
        var results: [Float] = []
        results.reserveCapacity(set.count * width)
        if set.count > 0 {
            try withPlan(batchSize: try checked(batchSize, samples: set.count)) { plan in
                try plan.forEachResult(of: set, width: width, .probabilities) {
                    results.append(contentsOf: $2)
                }
            }
        }
        return Tensor(results, shape: [set.count, width])
    }

    /// What the model gives for `samples [N, …]`, float32 or bytes, prepared as the model's preprocessing
    /// says: probabilities `[N, classes]`, or predictions `[N, outputs]`.
    ///
    /// - Throws: as ``predict(on:at:batchSize:)``.
    public func predict(_ samples: Tensor, batchSize: Int = 256) throws -> Tensor {
        let count = samples.shape.rank > 0 ? samples.shape[0] : 0
        let targets = Tensor(zeros: [count, 1])
        return try predict(
            on: try Dataset(name: "samples", samples: samples, targets: .values(targets)),
            batchSize: batchSize)
    }

    /// The likeliest classes of each of `samples [N, …]`, prepared as the model's preprocessing says, the
    /// likeliest first.
    ///
    /// - Throws: as ``predict(on:at:batchSize:)``; also where the network is not for classification.
    public func classify(_ samples: Tensor, top count: Int = 1) throws -> [[ClassPrediction]] {
        guard case .classification(let classes) = network.task else {
            throw TrainingError(.configuration, "the network is for \(network.task); use predict")
        }
        let probabilities = try predict(samples).scalars(as: Float.self)
        return stride(from: 0, to: probabilities.count, by: classes).map { start in
            let order = (0..<classes).sorted {
                (probabilities[start + $1], $0) < (probabilities[start + $0], $1)
            }
            return order.prefix(max(count, 1)).map { index in
                ClassPrediction(
                    label: labels.isEmpty ? String(index) : labels[index], index: index,
                    probability: probabilities[start + index])
            }
        }
    }

    /// What is done to samples of `data`: what the model says, or else what bytes need.
    func preparation(for data: Dataset) -> Preprocessing {
        preprocessing ?? (data.samples.dtype == .uint8 ? .bytes : .identity)
    }

    private func checkSample(_ shape: Shape) throws(TrainingError) {
        guard shape == network.inputShape else {
            throw TrainingError(.data, "a sample is \(shape) and the network takes \(network.inputShape)")
        }
    }

    private func checked(_ batchSize: Int, samples: Int) throws(TrainingError) -> Int {
        guard batchSize >= 1 else {
            throw TrainingError(.configuration, "the batch size is positive, not \(batchSize)")
        }
        return min(batchSize, samples)
    }
}

/// A class that a model finds likely.
public struct ClassPrediction: Hashable, Sendable, Codable {
    /// The name of the class, or its number where it has no name.
    public var label: String
    /// The number of the class.
    public var index: Int
    /// Its probability, of the softmax.
    public var probability: Float
}
