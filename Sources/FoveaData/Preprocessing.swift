import FoveaTensor

/// What is done to a sample before a network sees it; part of a model file, so that a model is never fed wrongly.
///
/// `y[c, i, j] = (x[c, i, j] * scale - mean[c]) / deviation[c]`, then a border of `padding` pixels all around, which
/// has the value that `x = 0` gets. For a vector `[F]` the features take the place of the channels.
///
/// Numerics: bytes are looked up in a table computed in Double, so each result is rounded once; floats take one product
/// and one sum in float, each rounded.
public struct Preprocessing: Hashable, Sendable {
    /// The factor that brings stored numbers to the scale of `mean` and `deviation`: 1/255 for bytes.
    public let scale: Double
    /// What is subtracted: one number for all channels, or one for each.
    public let mean: [Double]
    /// What is divided by: one number for all channels, or one for each; greater than 0.
    public let deviation: [Double]
    /// The width of the border, in pixels; 0 for vectors.
    public let padding: Int

    /// Bytes to numbers from 0 to 1.
    public static let bytes = Preprocessing(uncheckedScale: 1.0 / 255, mean: [0], deviation: [1], padding: 0)
    /// Nothing.
    public static let identity = Preprocessing(uncheckedScale: 1, mean: [0], deviation: [1], padding: 0)

    private init(uncheckedScale scale: Double, mean: [Double], deviation: [Double], padding: Int) {
        self.scale = scale
        self.mean = mean
        self.deviation = deviation
        self.padding = padding
    }

    /// The given scaling and border.
    ///
    /// - Throws: `DataError` where a number is not finite, a deviation is not greater than 0, `mean` and `deviation`
    ///   have not as many elements, or the padding is negative or more than 4,096.
    public init(
        scale: Double = 1.0 / 255, mean: [Double] = [0], deviation: [Double] = [1], padding: Int = 0
    ) throws(DataError) {
        guard scale.isFinite, mean.allSatisfy(\.isFinite), deviation.allSatisfy({ $0.isFinite && $0 > 0 })
        else {
            throw DataError(
                "preprocessing: scale \(scale), mean \(mean), deviation \(deviation); "
                    + "expected finite numbers and deviations greater than 0")
        }
        guard !mean.isEmpty, mean.count == deviation.count else {
            throw DataError(
                "preprocessing: \(mean.count) means and \(deviation.count) deviations; expected as many, one at least"
            )
        }
        guard (0...4096).contains(padding) else {
            throw DataError("preprocessing: a padding of \(padding); expected 0 to 4096")
        }
        self.init(uncheckedScale: scale, mean: mean, deviation: deviation, padding: padding)
    }

    /// The shape of a sample of `shape` once prepared.
    ///
    /// - Throws: `DataError` where there are neither one mean nor as many as channels (or features), or a vector is to
    ///   be padded.
    public func shape(of shape: Shape) throws(DataError) -> Shape {
        guard shape.rank == 3 || shape.rank == 1 else {
            throw DataError("preprocessing: a sample of shape \(shape); expected [C, H, W] or [F]")
        }
        guard mean.count == 1 || mean.count == shape[0] else {
            let axis = shape.rank == 3 ? "channels" : "features"
            throw DataError(
                "preprocessing: \(mean.count) means for \(shape[0]) \(axis); expected 1 or \(shape[0])")
        }
        guard shape.rank == 3 else {
            guard padding == 0 else {
                throw DataError("preprocessing: a padding of \(padding) around a vector; expected 0")
            }
            return shape
        }
        return [shape[0], shape[1] + 2 * padding, shape[2] + 2 * padding]
    }

    /// `samples` prepared: `[N, C, H, W]` or `[N, F]` of `uint8` or `float32`, to `float32`.
    ///
    /// - Throws: `DataError` as ``shape(of:)``, or where the samples have another type.
    public func apply(to samples: Tensor) throws(DataError) -> Tensor {
        let gatherer = try Gatherer(samples: samples, preprocessing: self)
        let count = samples.shape[0]
        return Tensor(shape: Shape([count] + gatherer.outputShape.dimensions), of: Float.self) { target in
            Array(0..<count).withUnsafeBufferPointer { gatherer.gather($0, into: target) }
        }
    }

    /// The scaling that gives each channel (or feature) of the samples at `indices` mean 0 and deviation 1.
    ///
    /// Fit it on the training part only. A constant channel gets the deviation 1.
    ///
    /// - Throws: `DataError` where there are no indices, or one is not a sample's.
    public static func standardizing(
        _ dataset: Dataset, at indices: [Int]? = nil, scale: Double = 1.0 / 255, padding: Int = 0
    ) throws(DataError) -> Preprocessing {
        let indices = indices ?? Array(0..<dataset.count)
        try dataset.check(indices)
        guard !indices.isEmpty else { throw DataError("\(dataset.name): no samples to take the mean of") }
        let moments = Moments(dataset, at: indices)
        return try Preprocessing(
            scale: scale, mean: moments.mean.map { $0 * scale },
            deviation: moments.deviation.map { $0 > 0 ? $0 * scale : 1 }, padding: padding)
    }
}

extension Preprocessing: Codable {
    private enum Key: String, CodingKey {
        case scale, mean, deviation, padding
    }

    /// Reads and checks the numbers; an absent padding is 0.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Key.self)
        try self.init(
            scale: container.decode(Double.self, forKey: .scale),
            mean: container.decode([Double].self, forKey: .mean),
            deviation: container.decode([Double].self, forKey: .deviation),
            padding: container.decodeIfPresent(Int.self, forKey: .padding) ?? 0)
    }

    /// Writes the numbers under their names.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(scale, forKey: .scale)
        try container.encode(mean, forKey: .mean)
        try container.encode(deviation, forKey: .deviation)
        try container.encode(padding, forKey: .padding)
    }
}
