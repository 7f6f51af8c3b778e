import FoveaGraph
import FoveaImages
import FoveaNN
import FoveaTensor

/// The part of the input that a unit of a feature map sees.
public struct UnitField: Hashable, Sendable, Encodable {
    /// The positions along an axis of the input that a unit sees.
    public struct Span: Hashable, Sendable, Encodable {
        /// The first position seen; negative in the padding.
        public var first: Int
        /// The last position seen; at or beyond the extent of the input in the padding.
        public var last: Int
        /// The extent of the input.
        public var inputExtent: Int

        /// The number of positions seen that lie before the input.
        public var before: Int { max(0, min(-first, last - first + 1)) }
        /// The number of positions seen that lie beyond the input.
        public var beyond: Int { max(0, min(last - inputExtent + 1, last - first + 1)) }
    }

    /// The path of the layer.
    public var layer: String
    /// The row and the column of the unit.
    public var unit: [Int]
    /// The extents of the layer's maps, height and width.
    public var mapExtents: [Int]
    /// The rows seen.
    public var rows: Span
    /// The columns seen.
    public var columns: Span
}

extension Network {
    /// What the unit at (`row`, `column`) of each map of a layer sees of the input, through all branches.
    ///
    /// - Throws: ``TrainingError`` where there is no such layer or unit, `GraphError` where the network has no meaning.
    public func receptiveField(ofLayer layer: String, row: Int, column: Int) throws -> UnitField {
        let graph = try predictionGraph(batchSize: 1)
        guard inputShape.rank == 3, let input = graph.inputs.first?.value else {
            throw TrainingError(
                .configuration, "the network takes vectors \(inputShape), which have no places")
        }
        let value = try graph.featureMaps(ofLayer: layer)
        let shape = graph.shape(of: value)
        guard (0..<shape[2]).contains(row), (0..<shape[3]).contains(column) else {
            throw TrainingError(
                .configuration,
                "the maps of '\(layer)' are \(shape[2])x\(shape[3]) and have no unit \(row),\(column); its row is in "
                    + "0 ... \(shape[2] - 1) and its column in 0 ... \(shape[3] - 1)")
        }
        guard let field = graph.receptiveFields(on: input)[value] else {
            throw TrainingError(.configuration, "the layer '\(layer)' does not depend on places of the input")
        }
        func span(_ axis: ReceptiveField1D, _ position: Int, _ extent: Int) -> UnitField.Span {
            let first = axis.first + position * axis.jump
            return UnitField.Span(first: first, last: first + axis.size - 1, inputExtent: extent)
        }
        return UnitField(
            layer: layer, unit: [row, column], mapExtents: [shape[2], shape[3]],
            rows: span(field.vertical, row, inputShape[1]),
            columns: span(field.horizontal, column, inputShape[2]))
    }
}

extension UnitField {
    private static let orange: Canvas.Color = (255, 110, 0)

    /// The field as a rectangle on the input, enlarged so that the longer side of the picture comes close to `side`.
    ///
    /// The edge is solid on the input and dashed where it lies in the padding, which is hatched; the part of the input that
    /// is not seen is dimmed, and a cross marks the middle of the field.
    ///
    /// - Parameters:
    ///   - image: what lies on the input, scaled to its extents; grey unless given.
    ///   - padding: the width of the border that preprocessing puts around the image.
    /// - Throws: `ImageError` where the picture would be too large.
    public func picture(on image: Image? = nil, padding: Int = 0, side: Int = 480) throws(ImageError) -> Image
    {
        let (top, left) = (min(0, rows.first) - 1, min(0, columns.first) - 1)
        let height = max(rows.inputExtent - 1, rows.last) + 2 - top
        let width = max(columns.inputExtent - 1, columns.last) + 2 - left
        let scale = max(1, side / max(height, width))
        var canvas = try Canvas(height: height * scale, width: width * scale, (236, 236, 236))
        hatch(&canvas, height: height * scale, width: width * scale)
        let background = try Image(
            height: rows.inputExtent, width: columns.inputExtent, channels: 1,
            pixels: [UInt8](repeating: image == nil ? 170 : 0, count: rows.inputExtent * columns.inputExtent))
        try canvas.draw(try background.enlarged(by: scale), row: -top * scale, column: -left * scale)
        if let image {
            let fitted = try image.resized(
                toHeight: max(1, rows.inputExtent - 2 * padding),
                width: max(1, columns.inputExtent - 2 * padding))
            try canvas.draw(
                try fitted.enlarged(by: scale), row: (padding - top) * scale, column: (padding - left) * scale
            )
        }
        dim(&canvas, top: top, left: left, scale: scale)
        outline(&canvas, top: top, left: left, scale: scale)
        return canvas.image
    }

    /// Thin diagonal lines, which the input then covers.
    private func hatch(_ canvas: inout Canvas, height: Int, width: Int) {
        for row in 0..<height {
            for column in 0..<width where (row + column) % 8 < 2 { canvas[row, column] = (200, 200, 200) }
        }
    }

    /// Half of the contrast for what of the input is not seen.
    private func dim(_ canvas: inout Canvas, top: Int, left: Int, scale: Int) {
        for row in -top * scale..<(rows.inputExtent - top) * scale {
            for column in -left * scale..<(columns.inputExtent - left) * scale {
                let isSeen =
                    ((rows.first - top) * scale..<(rows.last + 1 - top) * scale).contains(row)
                    && ((columns.first - left) * scale..<(columns.last + 1 - left) * scale).contains(column)
                guard !isSeen else { continue }
                let old = canvas[row, column]
                canvas[row, column] = (old.red / 2 + 50, old.green / 2 + 50, old.blue / 2 + 50)
            }
        }
    }

    private func outline(_ canvas: inout Canvas, top: Int, left: Int, scale: Int) {
        let (first, last) = ((rows.first - top) * scale, (rows.last + 1 - top) * scale - 1)
        let (start, end) = ((columns.first - left) * scale, (columns.last + 1 - left) * scale - 1)
        let inputRows = -top * scale..<(rows.inputExtent - top) * scale
        let inputColumns = -left * scale..<(columns.inputExtent - left) * scale
        let thickness = 3
        func mark(_ row: Int, _ column: Int, along position: Int) {
            let isInside = inputRows.contains(row) && inputColumns.contains(column)
            if isInside || position % 12 < 7 { canvas[row, column] = Self.orange }
        }
        for depth in 0..<thickness {
            for column in start...end {
                mark(first + depth, column, along: column)
                mark(last - depth, column, along: column)
            }
            for row in first...last {
                mark(row, start + depth, along: row)
                mark(row, end - depth, along: row)
            }
        }
        let (middle, centre) = ((first + last) / 2, (start + end) / 2)
        for offset in -6...6 {
            for depth in -1...1 {
                canvas[middle + offset, centre + depth] = Self.orange
                canvas[middle + depth, centre + offset] = Self.orange
            }
        }
    }
}
