import FoveaTensor

/// What gives a training its batches.
protocol BatchFeed: AnyObject {
    /// Writes the batch of the step before which `step` were made: float32 samples, and int32 labels or float32 targets.
    func write(step: Int, features: UnsafeMutableRawBufferPointer, answers: UnsafeMutableRawBufferPointer)
}

/// A feed that gathers each batch when it is asked for.
final class DirectFeed: BatchFeed {
    private let source: any SampleSource
    private var schedule: TrainingSchedule
    private var indices: [Int]

    init(source: any SampleSource, schedule: TrainingSchedule) {
        self.source = source
        self.schedule = schedule
        indices = Array(repeating: 0, count: schedule.batchSize)
    }

    func write(step: Int, features: UnsafeMutableRawBufferPointer, answers: UnsafeMutableRawBufferPointer) {
        schedule.write(step: step, into: &indices)
        indices.withUnsafeBufferPointer { indices in
            source.write(indices, into: features.assumingMemoryBound(to: Float.self))
            source.answers.write(indices, into: answers)
        }
    }
}

extension Answers {
    /// Writes the answers of the samples at `indices`.
    func write(_ indices: UnsafeBufferPointer<Int>, into bytes: UnsafeMutableRawBufferPointer) {
        switch self {
        case .classes(let labels):
            let numbers = bytes.assumingMemoryBound(to: Int32.self)
            for (row, index) in indices.enumerated() { numbers[row] = labels[index] }
        case .targets(let tensor):
            let numbers = bytes.assumingMemoryBound(to: Float.self)
            let width = tensor.shape[1]
            tensor.withUnsafeScalars(of: Float.self) { scalars in
                for (row, index) in indices.enumerated() {
                    for column in 0..<width { numbers[row * width + column] = scalars[index * width + column] }
                }
            }
        case .unknown:
            break
        }
    }
}
