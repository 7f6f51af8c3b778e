import FoveaTensor

/// What is known of a value before it exists: its shape and its element type.
///
/// `float32` stands for "real number": an interpreter may compute it in Double, a plan may store it as bfloat16.
public struct TensorType: Hashable, Sendable {
    /// The extents; images are `[N, C, H, W]`, vectors `[N, F]`.
    public var shape: Shape
    /// The element type.
    public var dtype: DType

    /// A type with the given shape and element type.
    public init(_ shape: Shape, _ dtype: DType = .float32) {
        self.shape = shape
        self.dtype = dtype
    }

    /// The size of such a value in bytes.
    public var byteCount: Int { shape.count * dtype.size }
}

extension TensorType: CustomStringConvertible {
    /// The element type and the extents: `float32[16, 3, 224, 224]`.
    public var description: String { "\(dtype)\(shape)" }
}
