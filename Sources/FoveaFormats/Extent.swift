import FoveaTensor

/// Arithmetic on the extents that a file claims, none of which may be trusted.
package enum Extent {
    /// The largest number of axes that a file may have.
    package static let maximumRank = 32

    /// The shape with `dimensions` and its size in bytes; `nil` where a file cannot be that large.
    ///
    /// That is where an extent is negative, there are too many, or the size of a tensor with elements of up to 8 bytes
    /// overflows. Extents of zero hide no overflow of the others.
    package static func shape(_ dimensions: [Int], elementSize: Int) -> (shape: Shape, byteCount: Int)? {
        guard dimensions.count <= maximumRank else { return nil }
        var bound = 8
        for extent in dimensions {
            guard extent >= 0 else { return nil }
            let product = bound.multipliedReportingOverflow(by: max(extent, 1))
            guard !product.overflow else { return nil }
            bound = product.partialValue
        }
        let shape = Shape(dimensions)
        return (shape, shape.count * elementSize)
    }
}
