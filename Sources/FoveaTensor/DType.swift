/// The type of a tensor's elements, a run-time value.
public enum DType: String, Hashable, Sendable, CaseIterable {
    case float32, float64, bfloat16, int32, uint8

    /// The size of one element in bytes.
    public var size: Int {
        switch self {
        case .float64: 8
        case .float32, .int32: 4
        case .bfloat16: 2
        case .uint8: 1
        }
    }

    /// Whether the elements are real numbers, so that a derivative with respect to them exists.
    public var isFloatingPoint: Bool {
        switch self {
        case .float32, .float64, .bfloat16: true
        case .int32, .uint8: false
        }
    }
}

/// A Swift type that a tensor stores.
public protocol TensorScalar: Sendable, Hashable {
    /// The element type that `Self` is.
    static var dtype: DType { get }
}

extension Float: TensorScalar {
    /// The element type that `Self` is.
    public static var dtype: DType { .float32 }
}
extension Double: TensorScalar {
    /// The element type that `Self` is.
    public static var dtype: DType { .float64 }
}
extension Int32: TensorScalar {
    /// The element type that `Self` is.
    public static var dtype: DType { .int32 }
}
extension UInt8: TensorScalar {
    /// The element type that `Self` is.
    public static var dtype: DType { .uint8 }
}
