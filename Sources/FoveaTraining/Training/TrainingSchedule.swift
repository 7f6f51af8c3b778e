import FoveaTensor

/// Which samples each step takes, and where epochs end: a function of the seed and the step alone.
///
/// The orders of the epochs, one after the other, are one endless row of samples, and a step takes the next
/// `batchSize` of it. So all batches are full, a batch may hold the last samples of one epoch and the first of the next,
/// and an epoch ends with the step that takes its last sample. Every sample is used once an epoch; the last step of
/// all fills up with samples of the epoch that would follow.
struct TrainingSchedule: Sendable {
    let samples: Int
    let batchSize: Int
    let epochs: Int
    private let seed: UInt64
    private let shuffles: Bool
    // The order of the epoch being read, so that it is made once.
    private var epoch = -1
    private var order: [Int] = []

    init(samples: Int, batchSize: Int, epochs: Int, seed: UInt64, shuffles: Bool) {
        self.samples = samples
        self.batchSize = batchSize
        self.epochs = epochs
        self.seed = seed
        self.shuffles = shuffles
    }

    /// The number of steps of the run.
    var steps: Int { lastStep(ofEpoch: epochs) }

    /// What a learning rate needs to know.
    var span: LearningRate.Span {
        LearningRate.Span(steps: steps, stepsPerEpoch: Double(samples) / Double(batchSize))
    }

    /// The number of steps made when `epoch` (from 1) ends.
    func lastStep(ofEpoch epoch: Int) -> Int { (epoch * samples + batchSize - 1) / batchSize }

    /// Writes the samples of the step before which `step` were made.
    mutating func write(step: Int, into indices: inout [Int]) {
        var place = step * batchSize
        for position in 0..<batchSize {
            let (wanted, index) = place.quotientAndRemainder(dividingBy: samples)
            if wanted != epoch {
                epoch = wanted
                if shuffles {
                    var stream = RandomSource(seed: seed).stream(.shuffle, step: wanted)
                    order = stream.permutation(samples)
                } else if order.isEmpty {
                    order = Array(0..<samples)
                }
            }
            indices[position] = order[index]
            place += 1
        }
    }
}
