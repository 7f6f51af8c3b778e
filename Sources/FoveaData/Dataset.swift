import FoveaTensor

/// Samples and what is to be learned of them, in memory.
///
/// Samples stay as they were stored, bytes or floats; scaling belongs to ``Preprocessing`` and happens as a batch is
/// gathered. A data set is never changed; parts of it are sequences of indices, see ``Split``.
public struct Dataset: Sendable {
    /// What is to be learned.
    public enum Targets: Sendable {
        /// Each sample's class, an index into `names`.
        case classes(labels: [Int32], names: [String])
        /// Each sample's numbers, `[N, T]` of `float32`.
        case values(Tensor)
    }

    /// What the data set is called.
    public let name: String
    /// The samples, `[N, C, H, W]` or `[N, F]`, of `uint8` or `float32`.
    public let samples: Tensor
    /// What is to be learned.
    public let targets: Targets

    /// A data set of `samples` and `targets`.
    ///
    /// - Throws: `DataError` where the samples have neither 2 nor 4 axes or another element type, a sample is empty,
    ///   targets are not as many as samples, a label is not in `0 ..< names.count`, or a name is used twice.
    public init(name: String, samples: Tensor, targets: Targets) throws(DataError) {
        guard samples.shape.rank == 2 || samples.shape.rank == 4 else {
            throw DataError(
                "\(name): samples of shape \(samples.shape); expected [N, C, H, W] or [N, F]; reshape them first"
            )
        }
        guard samples.dtype == .uint8 || samples.dtype == .float32 else {
            throw DataError(
                "\(name): samples of type \(samples.dtype); expected uint8 or float32; convert them first")
        }
        guard !samples.shape.dimensions.dropFirst().contains(0) else {
            throw DataError("\(name): samples of shape \(samples.shape); expected no empty axis")
        }
        self.name = name
        self.samples = samples
        self.targets = targets
        try validate()
    }

    private func validate() throws(DataError) {
        let found: Int
        switch targets {
        case .classes(let labels, let names):
            guard Set(names).count == names.count else {
                throw DataError("\(name): class names \(names); expected each once; rename one of the two")
            }
            found = labels.count
            if let index = labels.firstIndex(where: { $0 < 0 || Int($0) >= names.count }) {
                throw DataError(
                    "\(name): sample \(index) has the label \(labels[index]); expected 0 to \(names.count - 1) "
                        + "for \(names.count) classes; correct the label or name the class")
            }
        case .values(let values):
            guard values.dtype == .float32, values.shape.rank == 2 else {
                throw DataError(
                    "\(name): targets of type \(values.dtype) and shape \(values.shape); expected float32 [N, T]"
                )
            }
            found = values.shape[0]
        }
        guard found == count else {
            throw DataError(
                "\(name): \(count) samples and \(found) targets; expected as many; check that the files belong together"
            )
        }
    }

    /// The number of samples, N.
    public var count: Int { samples.shape[0] }

    /// The shape of one sample: `[C, H, W]` or `[F]`.
    public var sampleShape: Shape { Shape(Array(samples.shape.dimensions.dropFirst())) }

    /// Each sample's class; `nil` where numbers are to be learned.
    public var labels: [Int32]? {
        if case .classes(let labels, _) = targets { labels } else { nil }
    }

    /// The names of the classes; `nil` where numbers are to be learned.
    public var classNames: [String]? {
        if case .classes(_, let names) = targets { names } else { nil }
    }

    /// The number of values to be learned of a sample, T; 1 where a class is.
    public var targetCount: Int {
        if case .values(let values) = targets { values.shape[1] } else { 1 }
    }
}

extension Dataset {
    /// The samples at `indices`, in that order, as a data set of their own.
    ///
    /// - Throws: `DataError` where an index is not one of the samples'.
    public func subset(at indices: [Int]) throws(DataError) -> Dataset {
        try check(indices)
        let chosen = samples.rows(at: indices)
        switch targets {
        case .classes(let labels, let names):
            return try Dataset(
                name: name, samples: chosen,
                targets: .classes(labels: indices.map { labels[$0] }, names: names))
        case .values(let values):
            return try Dataset(name: name, samples: chosen, targets: .values(values.rows(at: indices)))
        }
    }

    /// - Throws: `DataError` where one of `indices` is not in `0 ..< count`.
    func check(_ indices: [Int]) throws(DataError) {
        if let position = indices.firstIndex(where: { !(0..<count).contains($0) }) {
            throw DataError("\(name): index \(indices[position]); expected 0 to \(count - 1)")
        }
    }
}

extension Tensor {
    /// The slices along the first axis at `indices`, which are all in range.
    fileprivate func rows(at indices: [Int]) -> Tensor {
        let size = shape[0] == 0 ? 0 : byteCount / shape[0]
        let target = Shape([indices.count] + shape.dimensions.dropFirst())
        return withUnsafeBytes { source in
            Tensor(shape: target, dtype: dtype) { bytes in
                for (position, index) in indices.enumerated() {
                    UnsafeMutableRawBufferPointer(rebasing: bytes[position * size..<(position + 1) * size])
                        .copyMemory(
                            from: UnsafeRawBufferPointer(rebasing: source[index * size..<(index + 1) * size]))
                }
            }
        }
    }
}
