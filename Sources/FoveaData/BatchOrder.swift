import FoveaTensor

/// Which samples make which batch: a pure function, so that any batch of any epoch can be made again.
public struct BatchOrder: Hashable, Sendable {
    /// The order of an epoch.
    public enum Order: Hashable, Sendable {
        /// As the indices are given.
        case sequential
        /// The permutation that `RandomSource(seed:)` gives for the shuffle at the epoch.
        case shuffled(seed: UInt64)
    }

    /// What becomes of the samples that do not fill a batch at the end of an epoch.
    public enum Remainder: Hashable, Sendable {
        /// They are left out of this epoch.
        case dropped
        /// They make a shorter batch.
        case shorter
        /// They make a full batch with the first samples of the epoch, which are then used twice in it.
        case filled
    }

    /// The samples, each used once an epoch.
    public let indices: [Int]
    /// The number of samples in a full batch.
    public let batchSize: Int
    /// The order of an epoch.
    public let order: Order
    /// What becomes of the rest.
    public let remainder: Remainder

    /// The batches of `batchSize` of the samples at `indices`.
    ///
    /// - Throws: `DataError` where the batch size is not positive or there is not one batch.
    public init(
        indices: [Int], batchSize: Int, order: Order, remainder: Remainder = .shorter
    ) throws(DataError) {
        guard batchSize > 0, batchSize <= 1 << 24 else {
            throw DataError("a batch size of \(batchSize); expected 1 to \(1 << 24)")
        }
        guard indices.count >= (remainder == .dropped ? batchSize : 1) else {
            throw DataError(
                "\(indices.count) samples do not make a batch of \(batchSize); take a smaller batch or more samples"
            )
        }
        self.indices = indices
        self.batchSize = batchSize
        self.order = order
        self.remainder = remainder
    }

    /// The number of batches in an epoch.
    public var batchesPerEpoch: Int {
        remainder == .dropped ? indices.count / batchSize : (indices.count + batchSize - 1) / batchSize
    }

    /// The samples of `epoch` in their order.
    public func indices(ofEpoch epoch: Int) -> [Int] {
        switch order {
        case .sequential: return indices
        case .shuffled(let seed):
            var stream = RandomSource(seed: seed).stream(.shuffle, step: epoch)
            return stream.permutation(indices.count).map { indices[$0] }
        }
    }

    /// The positions within an epoch that make its batch number `batch`; those past the last sample start over at the first.
    public func range(ofBatch batch: Int) -> Range<Int> {
        let start = batch * batchSize
        return start..<(remainder == .filled ? start + batchSize : min(start + batchSize, indices.count))
    }
}

/// A place in the endless sequence of batches; what a checkpoint keeps of the data.
public struct BatchPosition: Hashable, Sendable, Codable {
    /// The number of the epoch, from 0.
    public var epoch: Int
    /// The number of the batch in its epoch, from 0.
    public var batch: Int

    /// Batch number `batch` of `epoch`.
    public init(epoch: Int = 0, batch: Int = 0) {
        self.epoch = epoch
        self.batch = batch
    }
}
