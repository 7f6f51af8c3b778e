import CFoveaKernels
import FoveaTensor

/// The inner loop of every batch: picks samples by index and prepares them.
struct Gatherer: Sendable {
    /// The shape of one prepared sample.
    let outputShape: Shape
    private let samples: Tensor
    private let sample: fovea_sample
    private let stride: Int
    /// For bytes, a table of 256 for each channel; for floats, the factors.
    private let factors: [Float]
    private let terms: [Float]

    /// A gatherer of `samples`, `[N, C, H, W]` or `[N, F]` of `uint8` or `float32`.
    init(samples: Tensor, preprocessing: Preprocessing) throws(DataError) {
        guard samples.dtype == .uint8 || samples.dtype == .float32, samples.shape.rank > 0 else {
            throw DataError(
                "samples of type \(samples.dtype) and shape \(samples.shape); expected uint8 or float32")
        }
        let shape = Shape(Array(samples.shape.dimensions.dropFirst()))
        outputShape = try preprocessing.shape(of: shape)
        self.samples = samples
        let isImage = shape.rank == 3
        sample = fovea_sample(
            channels: shape[0], height: isImage ? shape[1] : 1, width: isImage ? shape[2] : 1,
            padding: preprocessing.padding)
        let rules = zip(preprocessing.mean, preprocessing.deviation)
        let isShared = preprocessing.mean.count == 1
        let scale = preprocessing.scale
        if samples.dtype == .uint8 {
            stride = isShared ? 0 : 256
            factors = rules.flatMap { mean, deviation in
                (0..<256).map { Float((Double($0) * scale - mean) / deviation) }
            }
            terms = []
        } else {
            stride = isShared ? 0 : 1
            factors = rules.map { Float(scale / $1) }
            terms = rules.map { Float(-$0 / $1) }
        }
    }

    /// Writes the samples at `indices`, which are all in range, to `target`, which has room for them.
    ///
    /// - Parameter placements: how each of them is laid down; `nil` as they are.
    func gather(
        _ indices: UnsafeBufferPointer<Int>, placements: UnsafeBufferPointer<fovea_placement>? = nil,
        into target: UnsafeMutableBufferPointer<Float>
    ) {
        precondition(target.count >= indices.count * outputShape.count)
        precondition(placements.map { $0.count >= indices.count } ?? true)
        let placements = placements?.baseAddress
        guard let start = indices.baseAddress, let out = target.baseAddress, !indices.isEmpty else { return }
        factors.withUnsafeBufferPointer { factors in
            if samples.dtype == .uint8 {
                samples.withUnsafeScalars(of: UInt8.self) { source in
                    fovea_gather_bytes(
                        source.baseAddress, start, indices.count, sample, placements, factors.baseAddress,
                        stride, out)
                }
            } else {
                terms.withUnsafeBufferPointer { terms in
                    samples.withUnsafeScalars(of: Float.self) { source in
                        fovea_gather_floats(
                            source.baseAddress, start, indices.count, sample, placements, factors.baseAddress,
                            terms.baseAddress,
                            stride, out)
                    }
                }
            }
        }
    }
}

extension Dataset {
    /// The samples at `indices` and what is to be learned of them, prepared: `[n, C, H', W']` or `[n, F]` of `float32`,
    /// and `[n]` of `int32` or `[n, T]` of `float32`.
    ///
    /// Gives what a ``BatchLoader`` gives for the same indices, bit for bit.
    ///
    /// - Throws: `DataError` where an index is not a sample's or the preprocessing does not fit.
    public func batch(
        _ indices: [Int], preprocessing: Preprocessing
    ) throws(DataError) -> (samples: Tensor, targets: Tensor) {
        try check(indices)
        let gatherer = try Gatherer(samples: samples, preprocessing: preprocessing)
        let batch = Tensor(shape: Shape([indices.count] + gatherer.outputShape.dimensions), of: Float.self) {
            target in
            indices.withUnsafeBufferPointer { gatherer.gather($0, into: target) }
        }
        switch targets {
        case .classes(let labels, _):
            return (batch, Tensor(indices.map { labels[$0] }, shape: [indices.count]))
        case .values(let values):
            let width = values.shape[1]
            let rows = values.withUnsafeScalars(of: Float.self) { values in
                indices.flatMap { values[$0 * width..<($0 + 1) * width] }
            }
            return (batch, Tensor(rows, shape: [indices.count, width]))
        }
    }
}
