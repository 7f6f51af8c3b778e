import FoveaTensor

/// Numbers in row-major order with their shape.
public struct ReferenceArray<Element: Sendable>: Sendable {
    /// The extents, outermost first.
    public var shape: Shape
    /// The elements in row-major order.
    public var elements: [Element]

    /// `elements` under `shape`.
    ///
    /// - Precondition: there are as many as `shape` has elements.
    public init(_ shape: Shape, _ elements: [Element]) {
        precondition(elements.count == shape.count, "\(elements.count) elements do not fill \(shape)")
        self.shape = shape
        self.elements = elements
    }

    /// An array of `shape` that holds `value` everywhere.
    init(_ shape: Shape, repeating value: Element) {
        self.init(shape, Array(repeating: value, count: shape.count))
    }

    var count: Int { elements.count }

    subscript(index: Int) -> Element {
        get { elements[index] }
        set { elements[index] = newValue }
    }
}

/// A value of the graph during a run: real numbers computed as `Scalar`, or whole numbers.
public enum ReferenceValue<Scalar: ReferenceScalar>: Sendable {
    case real(ReferenceArray<Scalar>)
    case whole(ReferenceArray<Int32>)

    /// The numbers of a value whose type is real.
    ///
    /// - Precondition: the value is real, which shape inference has made sure of.
    var real: ReferenceArray<Scalar> {
        guard case .real(let array) = self else { preconditionFailure("a real value is needed here") }
        return array
    }

    /// The numbers of a value whose type is int32.
    ///
    /// - Precondition: the value is whole, which shape inference has made sure of.
    var whole: ReferenceArray<Int32> {
        guard case .whole(let array) = self else { preconditionFailure("a whole value is needed here") }
        return array
    }

    /// The value that `tensor` holds; every real type is converted to `Scalar`, every integer type to Int32.
    package init(_ tensor: Tensor) {
        if tensor.dtype.isFloatingPoint {
            let converted = tensor.converted(to: Scalar.dtype)
            self = .real(ReferenceArray(tensor.shape, converted.scalars(as: Scalar.self)))
        } else {
            self = .whole(ReferenceArray(tensor.shape, tensor.converted(to: .int32).scalars(as: Int32.self)))
        }
    }

    /// A tensor of the value: `Scalar` or int32.
    package var tensor: Tensor {
        switch self {
        case .real(let array): Tensor(array.elements, shape: array.shape)
        case .whole(let array): Tensor(array.elements, shape: array.shape)
        }
    }
}
