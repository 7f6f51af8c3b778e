import CFoveaKernels
import FoveaTensor

/// Samples and targets of one batch, in memory that is the loader's and valid only while ``BatchLoader/next(_:)`` runs.
public struct Batch {
    /// The number of samples, n.
    public let count: Int
    /// The prepared samples, `[n, C, H', W']` or `[n, F]`.
    public let samples: UnsafeBufferPointer<Float>
    /// The classes, `[n]`; empty where numbers are to be learned.
    public let labels: UnsafeBufferPointer<Int32>
    /// The numbers to be learned, `[n, T]`; empty where classes are.
    public let values: UnsafeBufferPointer<Float>
    /// The samples' indices in the data set.
    public let indices: UnsafeBufferPointer<Int>
    /// Where in the sequence of batches this one stands.
    public let position: BatchPosition
    /// Where the next one stands: what a checkpoint after this batch keeps.
    public let nextPosition: BatchPosition
}

/// Batches without end, each made by a thread of its own while the one before is in use.
///
/// Two buffers take turns and nothing is allocated for a batch (an epoch's order is made once an epoch). Which samples
/// a batch has depends on the ``BatchOrder`` and the position alone, never on timing. The thread sleeps while both
/// buffers are full and ends with the loader. One thread at a time may ask for batches.
public final class BatchLoader {
    /// Which samples make which batch.
    public let order: BatchOrder
    /// The shape of one prepared sample: `[C, H', W']` or `[F]`.
    public let sampleShape: Shape
    private let exchange: BatchExchange
    private var worker: WorkerThread?

    /// A loader of the batches of `dataset` from `position` on, with each image changed by `augmentation`.
    ///
    /// - Parameter seed: what decides the augmentation.
    /// - Throws: `DataError` where the preprocessing does not fit the samples, vectors are to be augmented, an index is not
    ///   a sample's, the position is not one of an epoch's, or no thread can be started.
    public init(
        _ dataset: Dataset, order: BatchOrder, preprocessing: Preprocessing,
        augmentation: Augmentation? = nil, seed: UInt64 = 0, from position: BatchPosition = .init()
    ) throws(DataError) {
        guard augmentation == nil || dataset.sampleShape.rank == 3 else {
            throw DataError(
                "\(dataset.name): samples of shape \(dataset.sampleShape) cannot be augmented; only images [C, H, W] can"
            )
        }
        guard position.epoch >= 0, (0..<order.batchesPerEpoch).contains(position.batch) else {
            throw DataError(
                "batch \(position.batch) of epoch \(position.epoch); expected 0 to \(order.batchesPerEpoch - 1) "
                    + "of epoch 0 or later; the checkpoint is of another data set or batch size")
        }
        try dataset.check(order.indices)
        let gatherer = try Gatherer(samples: dataset.samples, preprocessing: preprocessing)
        self.order = order
        sampleShape = gatherer.outputShape
        let exchange = BatchExchange(
            dataset, gatherer: gatherer, order: order, augmentation: augmentation, seed: seed,
            position: position)
        self.exchange = exchange
        worker = try WorkerThread { exchange.produce() }
    }

    deinit {
        exchange.stop()
        worker.take()?.join()
    }

    /// The number of batches in an epoch.
    public var batchesPerEpoch: Int { order.batchesPerEpoch }

    /// Waits for the next batch and gives it to `body`, for the duration of the call.
    public func next<Result, Failure: Error>(
        _ body: (Batch) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let batch = exchange.take()
        defer { exchange.giveBack() }
        return try body(batch)
    }
}

/// The two buffers between the thread that fills them and the one that empties them.
private final class BatchExchange: @unchecked Sendable {
    // A buffer belongs to the producer while it is not filled, to the consumer from then until it is given back; only
    // the counters are shared, under the monitor.
    private struct Slot {
        let samples: UnsafeMutableBufferPointer<Float>
        let labels: UnsafeMutableBufferPointer<Int32>
        let values: UnsafeMutableBufferPointer<Float>
        let indices: UnsafeMutableBufferPointer<Int>
        let placements: UnsafeMutableBufferPointer<fovea_placement>
        var count = 0
        var position = BatchPosition()
    }

    private let gatherer: Gatherer
    private let targets: Dataset.Targets
    private let targetCount: Int
    private let order: BatchOrder
    private let augmentation: Augmentation?
    private let seed: UInt64
    private let start: BatchPosition
    private let slots: UnsafeMutableBufferPointer<Slot>
    private let monitor = Monitor()
    private var filled = 0
    private var emptied = 0
    private var isStopped = false

    init(
        _ dataset: Dataset, gatherer: Gatherer, order: BatchOrder, augmentation: Augmentation?, seed: UInt64,
        position: BatchPosition
    ) {
        self.gatherer = gatherer
        self.order = order
        self.augmentation = augmentation
        self.seed = seed
        targets = dataset.targets
        targetCount = dataset.targetCount
        start = position
        let capacity =
            order.remainder == .filled ? order.batchSize : min(order.batchSize, order.indices.count)
        let hasClasses = dataset.labels != nil
        slots = .allocate(capacity: 2)
        for index in slots.indices {
            slots.initializeElement(
                at: index,
                to: Slot(
                    samples: Self.aligned(capacity * gatherer.outputShape.count),
                    labels: .allocate(capacity: hasClasses ? capacity : 0),
                    values: .allocate(capacity: hasClasses ? 0 : capacity * dataset.targetCount),
                    indices: .allocate(capacity: capacity),
                    placements: .allocate(capacity: augmentation == nil ? 0 : capacity)))
        }
    }

    deinit {
        for slot in slots {
            UnsafeMutableRawPointer(slot.samples.baseAddress!).deallocate()
            slot.labels.deallocate()
            slot.values.deallocate()
            slot.indices.deallocate()
            slot.placements.deallocate()
        }
        slots.deallocate()
    }

    /// Memory that begins at a cache line.
    private static func aligned(_ count: Int) -> UnsafeMutableBufferPointer<Float> {
        let memory = UnsafeMutableRawPointer.allocate(byteCount: max(count, 1) * 4, alignment: 64)
        return UnsafeMutableBufferPointer(
            start: memory.bindMemory(to: Float.self, capacity: count), count: count)
    }

    func stop() {
        monitor.lock()
        isStopped = true
        monitor.wakeAll()
        monitor.unlock()
    }

    // MARK: The producer

    func produce() {
        var position = start
        var indices = order.indices(ofEpoch: position.epoch)
        while waitForRoom() {
            fill(&slots[filled % 2], indices, at: position)
            monitor.lock()
            filled += 1
            monitor.wakeAll()
            monitor.unlock()
            position = next(position)
            if position.batch == 0 { indices = order.indices(ofEpoch: position.epoch) }
        }
    }

    /// Waits until a buffer is free; false where the loader ended.
    private func waitForRoom() -> Bool {
        monitor.lock()
        defer { monitor.unlock() }
        while filled - emptied == 2, !isStopped { monitor.wait() }
        return !isStopped
    }

    private func fill(_ slot: inout Slot, _ indices: [Int], at position: BatchPosition) {
        let range = order.range(ofBatch: position.batch)
        slot.count = range.count
        slot.position = position
        let chosen = UnsafeMutableBufferPointer(rebasing: slot.indices[..<range.count])
        for (offset, place) in range.enumerated() { chosen[offset] = indices[place % indices.count] }
        if let augmentation {
            augmentation.placements(
                of: UnsafeBufferPointer(chosen), epoch: position.epoch, seed: seed, into: slot.placements)
        }
        gatherer.gather(
            UnsafeBufferPointer(chosen),
            placements: augmentation == nil ? nil : UnsafeBufferPointer(slot.placements), into: slot.samples)
        switch targets {
        case .classes(let labels, _):
            labels.withUnsafeBufferPointer { labels in
                for (offset, index) in chosen.enumerated() { slot.labels[offset] = labels[index] }
            }
        case .values(let values):
            let width = targetCount
            values.withUnsafeScalars(of: Float.self) { values in
                for (offset, index) in chosen.enumerated() {
                    for column in 0..<width {
                        slot.values[offset * width + column] = values[index * width + column]
                    }
                }
            }
        }
    }

    private func next(_ position: BatchPosition) -> BatchPosition {
        position.batch + 1 < order.batchesPerEpoch
            ? BatchPosition(epoch: position.epoch, batch: position.batch + 1)
            : BatchPosition(epoch: position.epoch + 1)
    }

    // MARK: The consumer

    func take() -> Batch {
        monitor.lock()
        while filled == emptied { monitor.wait() }
        let slot = slots[emptied % 2]
        monitor.unlock()
        func part<Element>(_ buffer: UnsafeMutableBufferPointer<Element>, _ width: Int)
            -> UnsafeBufferPointer<Element>
        {
            UnsafeBufferPointer(start: buffer.baseAddress, count: min(buffer.count, slot.count * width))
        }
        return Batch(
            count: slot.count, samples: part(slot.samples, gatherer.outputShape.count),
            labels: part(slot.labels, 1),
            values: part(slot.values, targetCount), indices: part(slot.indices, 1), position: slot.position,
            nextPosition: next(slot.position))
    }

    func giveBack() {
        monitor.lock()
        emptied += 1
        monitor.wakeAll()
        monitor.unlock()
    }
}
