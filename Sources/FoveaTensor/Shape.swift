/// The extents of a tensor, outermost first: `[N, C, H, W]` for images, `[N, F]` for vectors, `[]` for a scalar.
public struct Shape: Hashable, Sendable {
    /// The extent of each axis.
    public var dimensions: [Int]

    /// A shape with the given extents.
    ///
    /// - Precondition: no extent is negative.
    public init(_ dimensions: [Int]) {
        precondition(dimensions.allSatisfy { $0 >= 0 }, "a shape has no negative extent: \(dimensions)")
        self.dimensions = dimensions
    }

    /// The shape of a scalar.
    public static let scalar = Shape([])

    /// The number of axes.
    public var rank: Int { dimensions.count }

    /// The number of elements: the product of the extents, 1 for a scalar.
    public var count: Int { dimensions.reduce(1, *) }

    /// The distance in elements between neighbours along each axis, for elements stored in row-major order.
    public var strides: [Int] {
        var strides = [Int](repeating: 1, count: rank)
        for axis in dimensions.indices.dropLast().reversed() {
            strides[axis] = strides[axis + 1] * dimensions[axis + 1]
        }
        return strides
    }

    /// The extent of `axis`.
    public subscript(axis: Int) -> Int {
        get { dimensions[axis] }
        set { dimensions[axis] = newValue }
    }
}

extension Shape: ExpressibleByArrayLiteral {
    /// A shape with the listed extents.
    public init(arrayLiteral elements: Int...) {
        self.init(elements)
    }
}

extension Shape: CustomStringConvertible {
    /// The extents in brackets: `[16, 3, 224, 224]`.
    public var description: String { "[" + dimensions.map(String.init).joined(separator: ", ") + "]" }
}
