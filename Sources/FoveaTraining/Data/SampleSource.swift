import FoveaTensor

/// What a trainer and a model need of a data set: samples to be written into a batch, and the answers.
package protocol SampleSource: Sendable {
    /// The number of samples.
    var count: Int { get }
    /// The shape of one sample as the network sees it, without the batch.
    var sampleShape: Shape { get }
    /// What is to be predicted.
    var answers: Answers { get }

    /// Writes the samples at `indices` one after the other, ready for the network, in row-major order.
    ///
    /// - Parameters:
    ///   - indices: positions in `0 ..< count`.
    ///   - features: room for exactly these samples.
    func write(_ indices: UnsafeBufferPointer<Int>, into features: UnsafeMutableBufferPointer<Float>)
}

/// What is to be predicted for each sample.
package enum Answers: Sendable {
    /// The number of the class of each sample.
    case classes([Int32])
    /// The wanted numbers of each sample, float32 `[N, outputs]`.
    case targets(Tensor)
    /// Nothing is known.
    case unknown

    /// The number of samples with an answer.
    package var count: Int {
        switch self {
        case .classes(let labels): labels.count
        case .targets(let tensor): tensor.shape.rank > 0 ? tensor.shape[0] : 0
        case .unknown: 0
        }
    }
}

/// Samples that lie ready in a tensor.
package struct TensorSamples: SampleSource {
    /// The samples, float32 `[N, …]`.
    package let features: Tensor
    package let answers: Answers

    /// The samples `features [N, …]` with their answers.
    ///
    /// - Throws: ``TrainingError`` where the tensor is not float32, or the numbers of samples and answers differ.
    package init(features: Tensor, answers: Answers) throws(TrainingError) {
        guard features.dtype == .float32, features.shape.rank >= 2 else {
            throw TrainingError(
                .data, "samples are float32 [N, …], not \(features.dtype)\(features.shape); convert or reshape them")
        }
        if case .unknown = answers {
        } else if answers.count != features.shape[0] {
            throw TrainingError(.data, "there are \(features.shape[0]) samples and \(answers.count) answers")
        }
        if case .targets(let targets) = answers, targets.dtype != .float32 || targets.shape.rank != 2 {
            throw TrainingError(.data, "targets are float32 [N, outputs], not \(targets.dtype)\(targets.shape)")
        }
        self.features = features
        self.answers = answers
    }

    package var count: Int { features.shape[0] }
    package var sampleShape: Shape { Shape(Array(features.shape.dimensions.dropFirst())) }

    package func write(_ indices: UnsafeBufferPointer<Int>, into features: UnsafeMutableBufferPointer<Float>) {
        let size = sampleShape.count
        self.features.withUnsafeScalars(of: Float.self) { scalars in
            for (row, index) in indices.enumerated() {
                let sample = UnsafeBufferPointer(rebasing: scalars[index * size..<(index + 1) * size])
                _ = UnsafeMutableBufferPointer(rebasing: features[row * size..<(row + 1) * size])
                    .update(fromContentsOf: sample)
            }
        }
    }
}
