import FoveaTensor

/// What a data set holds, and what is wrong with it.
public struct DataSummary: Hashable, Sendable, Codable {
    /// One part.
    public struct Part: Hashable, Sendable, Codable {
        /// `train` or `test`.
        public var name: String
        /// The number of samples.
        public var count: Int
        /// The shape of one sample: `[C, H, W]` or `[F]`.
        public var shape: [Int]
        /// How the samples are stored: `uint8` or `float32`.
        public var type: String
        /// The number of samples of each class, in the order of the classes; empty where numbers are to be learned.
        public var classCounts: [Int]
        /// The smallest stored number that is not NaN; 0 where there is none.
        public var minimum: Double
        /// The largest stored number that is not NaN; 0 where there is none.
        public var maximum: Double
        /// The mean of each channel (of all features of a vector together), over the finite numbers.
        public var mean: [Double]
        /// The deviation (divided by n) of each channel, over the finite numbers.
        public var deviation: [Double]
        /// How many positions of a sample have the same number in every sample.
        public var constantPositions: Int
        /// How many samples equal an earlier one of the part, bit for bit.
        public var duplicates: Int
        /// How many of those have another target than the earlier one.
        public var conflictingDuplicates: Int
        /// How many stored numbers are NaN or infinite.
        public var nonFinite: Int
        /// The classes without a sample.
        public var emptyClasses: [String]
    }

    /// What the data set is called.
    public var name: String
    /// The names of the classes; empty where numbers are to be learned.
    public var classes: [String]
    /// The parts.
    public var parts: [Part]
    /// How many test samples equal a training sample, bit for bit.
    public var sharedSamples: Int

    /// The summary of `data`, called `name`.
    public init(_ data: DatasetParts, name: String) {
        self.name = name
        classes = data.train.classNames ?? []
        let train = SampleTable(data.train)
        parts = [Part(data.train, name: "train", table: train)]
        sharedSamples = 0
        if let test = data.test {
            let table = SampleTable(test)
            parts.append(Part(test, name: "test", table: table))
            sharedSamples = table.count(in: train)
        }
    }
}

extension DataSummary.Part {
    init(_ dataset: Dataset, name: String, table: SampleTable) {
        let range = PositionRange(dataset)
        let moments = ChannelMoments(dataset)
        self.name = name
        count = dataset.count
        shape = dataset.sampleShape.dimensions
        type = dataset.samples.dtype.rawValue
        classCounts = dataset.classNames.map { [Int](repeating: 0, count: $0.count) } ?? []
        for label in dataset.labels ?? [] { classCounts[Int(label)] += 1 }
        minimum = range.minimum
        maximum = range.maximum
        constantPositions = range.constantPositions
        nonFinite = moments.nonFinite
        mean = moments.mean
        deviation = moments.deviation
        duplicates = table.duplicates
        conflictingDuplicates = table.conflictingDuplicates
        let counts = classCounts
        emptyClasses = (dataset.classNames ?? []).enumerated().filter { counts[$0.offset] == 0 }.map(
            \.element)
    }
}

/// The smallest and the largest number at each position of a sample.
private struct PositionRange {
    var minimum = 0.0
    var maximum = 0.0
    var constantPositions = 0

    init(_ dataset: Dataset) {
        if dataset.samples.dtype == .uint8 {
            scan(dataset, of: UInt8.self, { Double($0) })
        } else {
            scan(dataset, of: Float.self, { Double($0) })
        }
    }

    private mutating func scan<Scalar: TensorScalar & Comparable>(
        _ dataset: Dataset, of scalar: Scalar.Type, _ number: (Scalar) -> Double
    ) {
        let size = dataset.sampleShape.count
        guard dataset.count > 0 else { return }
        dataset.samples.withUnsafeScalars(of: Scalar.self) { samples in
            var low = Array(samples[..<size])
            var high = low
            var varies = [Bool](repeating: false, count: size)
            for sample in 0..<dataset.count {
                let base = sample * size
                for position in 0..<size {
                    let value = samples[base + position]
                    // The second form makes a number replace a NaN.
                    if value < low[position] || low[position] != low[position] { low[position] = value }
                    if value > high[position] || high[position] != high[position] { high[position] = value }
                    if value != samples[position] { varies[position] = true }
                }
            }
            minimum = low.map(number).filter { !$0.isNaN }.min() ?? 0
            maximum = high.map(number).filter { !$0.isNaN }.max() ?? 0
            constantPositions = varies.count { !$0 }
        }
    }
}

/// The moments of each channel over its finite numbers; a vector counts as one channel.
private struct ChannelMoments {
    var mean: [Double] = []
    var deviation: [Double] = []
    var nonFinite = 0

    init(_ dataset: Dataset) {
        let shape = dataset.sampleShape
        let channels = shape.rank == 3 ? shape[0] : 1
        let area = shape.count / channels
        for channel in 0..<channels {
            var count = 0.0
            var center = 0.0
            var squares = 0.0
            // Sample by sample (Chan, Golub, LeVeque 1983), so that large means lose nothing.
            func add(_ values: some Sequence<Double>) {
                var n = 0.0
                var sum = 0.0
                let finite = values.filter(\.isFinite)
                nonFinite += area - finite.count
                guard !finite.isEmpty else { return }
                for value in finite { sum += value }
                n = Double(finite.count)
                let own = sum / n
                var ownSquares = 0.0
                for value in finite { ownSquares += (value - own) * (value - own) }
                let difference = own - center
                squares += ownSquares + difference * difference * count * n / (count + n)
                center += difference * n / (count + n)
                count += n
            }
            for sample in 0..<dataset.count {
                let range = (sample * channels + channel) * area..<(sample * channels + channel + 1) * area
                if dataset.samples.dtype == .uint8 {
                    dataset.samples.withUnsafeScalars(of: UInt8.self) {
                        add($0[range].lazy.map { Double($0) })
                    }
                } else {
                    dataset.samples.withUnsafeScalars(of: Float.self) {
                        add($0[range].lazy.map { Double($0) })
                    }
                }
            }
            mean.append(center)
            deviation.append(count > 0 ? (squares / count).squareRoot() : 0)
        }
    }
}

/// Samples by a hash of their bytes; equal hashes are confirmed by the bytes.
struct SampleTable {
    private let dataset: Dataset
    private let size: Int
    private var positions: [UInt64: [Int]] = [:]
    private(set) var duplicates = 0
    private(set) var conflictingDuplicates = 0

    init(_ dataset: Dataset) {
        self.dataset = dataset
        size = dataset.sampleShape.count * dataset.samples.dtype.size
        positions.reserveCapacity(dataset.count)
        dataset.samples.withUnsafeBytes { bytes in
            for index in 0..<dataset.count {
                let sample = UnsafeRawBufferPointer(rebasing: bytes[index * size..<(index + 1) * size])
                let hash = Self.hash(sample)
                if let first = find(sample, hash: hash, in: bytes) {
                    duplicates += 1
                    if !sameTarget(first, index) { conflictingDuplicates += 1 }
                } else {
                    positions[hash, default: []].append(index)
                }
            }
        }
    }

    /// How many of the samples here are in `other`, too.
    func count(in other: SampleTable) -> Int {
        guard size == other.size, dataset.samples.dtype == other.dataset.samples.dtype else { return 0 }
        return dataset.samples.withUnsafeBytes { bytes in
            other.dataset.samples.withUnsafeBytes { otherBytes in
                (0..<dataset.count).count { index in
                    let sample = UnsafeRawBufferPointer(rebasing: bytes[index * size..<(index + 1) * size])
                    return other.find(sample, hash: Self.hash(sample), in: otherBytes) != nil
                }
            }
        }
    }

    private func find(_ sample: UnsafeRawBufferPointer, hash: UInt64, in bytes: UnsafeRawBufferPointer)
        -> Int?
    {
        positions[hash]?.first { bytes[$0 * size..<($0 + 1) * size].elementsEqual(sample) }
    }

    private func sameTarget(_ first: Int, _ second: Int) -> Bool {
        switch dataset.targets {
        case .classes(let labels, _): return labels[first] == labels[second]
        case .values(let values):
            let width = values.shape[1]
            return values.withUnsafeScalars(of: Float.self) { values in
                values[first * width..<(first + 1) * width].elementsEqual(
                    values[second * width..<(second + 1) * width])
            }
        }
    }

    /// A mixing of 8 bytes at a time by a full multiplication.
    private static func hash(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
        var state: UInt64 = 0x9E37_79B9_7F4A_7C15
        func mix(_ word: UInt64) {
            let product = (state ^ word).multipliedFullWidth(by: 0xD6E8_FEB8_6659_FD93)
            state = product.high ^ product.low ^ word.byteSwapped
        }
        var offset = 0
        while offset + 8 <= bytes.count {
            mix(bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
            offset += 8
        }
        var tail: UInt64 = 0
        for byte in bytes[offset...] { tail = tail << 8 | UInt64(byte) }
        mix(tail)
        return state
    }
}
