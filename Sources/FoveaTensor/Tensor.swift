/// A dense array of numbers in host memory, in row-major order, with value semantics.
///
/// Copies share storage until one of them is written. Tensors carry data to and from a plan (weights, batches,
/// predictions); arithmetic belongs to the graph.
public struct Tensor: Sendable {
    /// The extents, outermost first.
    public private(set) var shape: Shape
    /// The type of the elements.
    public let dtype: DType
    private var storage: TensorStorage

    /// The number of elements.
    public var count: Int { shape.count }
    /// The size of the elements in bytes.
    public var byteCount: Int { count * dtype.size }

    /// A tensor of zeros.
    public init(zeros shape: Shape, dtype: DType = .float32) {
        self.shape = shape
        self.dtype = dtype
        storage = TensorStorage(byteCount: shape.count * dtype.size, zeroed: true)
    }

    /// A tensor that holds `scalars` in row-major order.
    ///
    /// - Precondition: there are as many scalars as `shape` has elements.
    public init<Scalar: TensorScalar>(_ scalars: [Scalar], shape: Shape) {
        precondition(scalars.count == shape.count, "\(scalars.count) scalars do not fill \(shape)")
        self.init(shape: shape, of: Scalar.self) { buffer in
            _ = buffer.update(fromContentsOf: scalars)
        }
    }

    /// A tensor whose elements `body` writes, every one of them.
    public init<Scalar: TensorScalar, Failure: Error>(
        shape: Shape, of scalar: Scalar.Type = Scalar.self,
        initializingWith body: (UnsafeMutableBufferPointer<Scalar>) throws(Failure) -> Void
    ) throws(Failure) {
        self.shape = shape
        dtype = Scalar.dtype
        storage = TensorStorage(byteCount: shape.count * Scalar.dtype.size, zeroed: false)
        let start = storage.bytes.baseAddress!.bindMemory(to: Scalar.self, capacity: max(shape.count, 1))
        try body(UnsafeMutableBufferPointer(start: start, count: shape.count))
    }

    /// A tensor of `dtype` whose bytes `body` writes, every one of them.
    public init<Failure: Error>(
        shape: Shape, dtype: DType,
        initializingBytesWith body: (UnsafeMutableRawBufferPointer) throws(Failure) -> Void
    ) throws(Failure) {
        self.shape = shape
        self.dtype = dtype
        storage = TensorStorage(byteCount: shape.count * dtype.size, zeroed: false)
        try body(UnsafeMutableRawBufferPointer(rebasing: storage.bytes[..<(shape.count * dtype.size)]))
    }

    /// The elements in row-major order.
    ///
    /// - Precondition: `Scalar` is the tensor's element type; see ``converted(to:)``.
    public func scalars<Scalar: TensorScalar>(as scalar: Scalar.Type = Scalar.self) -> [Scalar] {
        withUnsafeScalars(of: Scalar.self) { Array($0) }
    }

    /// The elements as they lie in memory, for the duration of `body`.
    ///
    /// - Precondition: `Scalar` is the tensor's element type.
    public func withUnsafeScalars<Scalar: TensorScalar, Result, Failure: Error>(
        of scalar: Scalar.Type = Scalar.self, _ body: (UnsafeBufferPointer<Scalar>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        precondition(Scalar.dtype == dtype, "the tensor holds \(dtype), not \(Scalar.dtype)")
        let start = UnsafeRawPointer(storage.bytes.baseAddress!).assumingMemoryBound(to: Scalar.self)
        defer { withExtendedLifetime(storage) {} }
        return try body(UnsafeBufferPointer(start: start, count: count))
    }

    /// The elements, to be changed in place during `body`.
    ///
    /// - Precondition: `Scalar` is the tensor's element type.
    public mutating func withUnsafeMutableScalars<Scalar: TensorScalar, Result, Failure: Error>(
        of scalar: Scalar.Type = Scalar.self,
        _ body: (UnsafeMutableBufferPointer<Scalar>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        precondition(Scalar.dtype == dtype, "the tensor holds \(dtype), not \(Scalar.dtype)")
        if !isKnownUniquelyReferenced(&storage) { storage = TensorStorage(copying: storage) }
        let start = storage.bytes.baseAddress!.assumingMemoryBound(to: Scalar.self)
        defer { withExtendedLifetime(storage) {} }
        return try body(UnsafeMutableBufferPointer(start: start, count: count))
    }

    /// The bytes of the elements, for the duration of `body`.
    public func withUnsafeBytes<Result, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        defer { withExtendedLifetime(storage) {} }
        return try body(UnsafeRawBufferPointer(rebasing: storage.bytes[..<byteCount]))
    }

    /// The same elements under another shape.
    ///
    /// - Precondition: both shapes have the same number of elements.
    public func reshaped(to shape: Shape) -> Tensor {
        precondition(shape.count == count, "\(self.shape) does not reshape to \(shape)")
        var result = self
        result.shape = shape
        return result
    }

    /// The same numbers stored as `dtype`: rounded to nearest for a narrower real type; toward zero, and clamped to
    /// the range, for an integer type (NaN becomes 0).
    public func converted(to dtype: DType) -> Tensor {
        if dtype == self.dtype { return self }
        let values: [Double] =
            switch self.dtype {
            case .float32: scalars(as: Float.self).map(Double.init)
            case .float64: scalars(as: Double.self)
            case .int32: scalars(as: Int32.self).map(Double.init)
            case .uint8: scalars(as: UInt8.self).map(Double.init)
            case .bfloat16: bitPatterns.map { Double(Float(bitPattern: UInt32($0) << 16)) }
            }
        switch dtype {
        case .float32: return Tensor(values.map { Float($0) }, shape: shape)
        case .float64: return Tensor(values, shape: shape)
        case .int32: return Tensor(values.map { Int32(clampingTowardZero: $0) }, shape: shape)
        case .uint8: return Tensor(values.map { UInt8(clampingTowardZero: $0) }, shape: shape)
        case .bfloat16:
            return Tensor(shape: shape, dtype: .bfloat16) { bytes in
                for (index, value) in values.enumerated() {
                    bytes.storeBytes(
                        of: Float(value).bfloat16BitPattern, toByteOffset: 2 * index, as: UInt16.self)
                }
            }
        }
    }

    private var bitPatterns: [UInt16] {
        withUnsafeBytes { Array($0.assumingMemoryBound(to: UInt16.self)) }
    }
}

extension Tensor: Equatable {
    /// Whether two tensors have the same shape, type and bits.
    public static func == (left: Tensor, right: Tensor) -> Bool {
        guard left.shape == right.shape, left.dtype == right.dtype else { return false }
        if left.storage === right.storage { return true }
        return left.withUnsafeBytes { leftBytes in
            right.withUnsafeBytes { rightBytes in leftBytes.elementsEqual(rightBytes) }
        }
    }
}

extension FixedWidthInteger {
    fileprivate init(clampingTowardZero value: Double) {
        if value.isNaN {
            self = 0
        } else {
            self = Self(Swift.min(Swift.max(value.rounded(.towardZero), Double(Self.min)), Double(Self.max)))
        }
    }
}

extension Float {
    /// The bits of the nearest bfloat16, ties to even; NaN stays NaN.
    package var bfloat16BitPattern: UInt16 {
        if isNaN { return UInt16(truncatingIfNeeded: bitPattern >> 16) | 0x40 }
        let roundingBias = 0x7FFF + (bitPattern >> 16 & 1)
        return UInt16(truncatingIfNeeded: (bitPattern &+ roundingBias) >> 16)
    }
}

/// Memory of a tensor, written only while uniquely referenced, which is what makes it safe to share.
private final class TensorStorage: @unchecked Sendable {
    let bytes: UnsafeMutableRawBufferPointer

    // A cache line, and the widest vector register.
    private static let alignment = 64

    init(byteCount: Int, zeroed: Bool) {
        bytes = .allocate(byteCount: max(byteCount, 1), alignment: Self.alignment)
        if zeroed { _ = bytes.initializeMemory(as: UInt8.self, repeating: 0) }
    }

    convenience init(copying other: TensorStorage) {
        self.init(byteCount: other.bytes.count, zeroed: false)
        bytes.copyMemory(from: UnsafeRawBufferPointer(other.bytes))
    }

    deinit { bytes.deallocate() }
}
