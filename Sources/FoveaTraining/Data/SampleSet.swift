import FoveaData
import FoveaTensor

/// Some samples of a data set, prepared as a network sees them.
struct SampleSet: Sendable {
    /// The data set.
    let dataset: Dataset
    /// Which of its samples.
    let indices: [Int]
    /// What is done to them.
    let preprocessing: Preprocessing
    /// The shape of one prepared sample, without the batch.
    let sampleShape: Shape

    /// - Throws: `DataError` where the preprocessing does not fit or an index is not a sample's.
    init(_ dataset: Dataset, at indices: [Int]? = nil, preprocessing: Preprocessing) throws {
        self.dataset = dataset
        self.indices = indices ?? Array(0..<dataset.count)
        self.preprocessing = preprocessing
        sampleShape = try preprocessing.shape(of: dataset.sampleShape)
        for index in self.indices where index < 0 || index >= dataset.count {
            throw DataError("\(dataset.name): index \(index); expected 0 to \(dataset.count - 1)")
        }
    }

    /// The number of samples.
    var count: Int { indices.count }

    /// The samples in batches, in order and with a short last one.
    ///
    /// - Throws: `DataError` where there is no sample.
    func forEachBatch(of batchSize: Int, _ body: (Batch) throws -> Void) throws {
        let order = try BatchOrder(
            indices: indices, batchSize: batchSize, order: .sequential, remainder: .shorter)
        let loader = try BatchLoader(dataset, order: order, preprocessing: preprocessing)
        for _ in 0..<loader.batchesPerEpoch { try loader.next(body) }
    }

    /// A number that changes with the samples: of their shape, the classes or targets, and the content of 64
    /// of them.
    ///
    /// - Throws: `DataError` as a batch does.
    func fingerprint() throws -> String {
        var hash = StableHash()
        hash.add("\(dataset.samples.shape)\(dataset.samples.dtype)")
        indices.withUnsafeBytes { hash.add($0) }
        let shown = stride(from: 0, to: indices.count, by: max(1, indices.count / 64)).map { indices[$0] }
        let batch = try dataset.batch(shown, preprocessing: .identity)
        batch.samples.withUnsafeBytes { hash.add($0) }
        switch dataset.targets {
        case .classes(let labels, let names):
            labels.withUnsafeBytes { hash.add($0) }
            for name in names { hash.add(name) }
        case .values(let tensor):
            tensor.withUnsafeBytes { hash.add($0) }
        }
        return hash.text
    }
}

/// FNV-1a in 64 bits: the same on every machine and in every run, which the standard library's hash is not.
struct StableHash {
    private var value: UInt64 = 0xCBF2_9CE4_8422_2325

    mutating func add(_ bytes: UnsafeRawBufferPointer) {
        for byte in bytes { value = (value ^ UInt64(byte)) &* 0x100_0000_01B3 }
    }

    mutating func add(_ text: String) {
        for byte in text.utf8 { value = (value ^ UInt64(byte)) &* 0x100_0000_01B3 }
    }

    /// The hash in 16 hexadecimal digits.
    var text: String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
