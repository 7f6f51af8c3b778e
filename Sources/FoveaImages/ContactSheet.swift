extension Image {
    /// `images` of one size in rows, from left to right and then down, with `gap` pixels of white between and around them.
    ///
    /// Grey images among coloured ones become coloured.
    ///
    /// - Parameter columns: the number of images in a row; as many as make the sheet about square unless given.
    /// - Throws: `ImageError` where there is no image, they differ in size, a number is not positive (the gap may be 0), or
    ///   the sheet would be too large.
    public static func contactSheet(
        _ images: [Image], columns: Int? = nil, gap: Int = 2
    ) throws(ImageError) -> Image {
        guard let first = images.first else { throw ImageError("contact sheet: there is no image") }
        if let other = images.first(where: { ($0.height, $0.width) != (first.height, first.width) }) {
            throw ImageError(
                "contact sheet: images of \(first.height)x\(first.width) and of \(other.height)x\(other.width) pixels; "
                    + "expected one size; scale them first")
        }
        let columns = columns ?? Self.columns(for: images.count, height: first.height, width: first.width)
        guard (1...maximumExtent).contains(columns), (0...1000).contains(gap) else {
            throw ImageError(
                "contact sheet: \(columns) columns and a gap of \(gap); expected 1 to \(maximumExtent) and 0 to 1000"
            )
        }
        let rows = (images.count + columns - 1) / columns
        let channels = images.map(\.channels).max() ?? 1
        let height = rows * (first.height + gap) + gap
        let width = min(columns, images.count) * (first.width + gap) + gap
        try check(height: height, width: width, name: "contact sheet")
        var pixels = [UInt8](repeating: 255, count: height * width * channels)
        for (position, image) in images.enumerated() {
            let image = try image.converted(toChannels: channels)
            let top = gap + position / columns * (first.height + gap)
            let left = gap + position % columns * (first.width + gap)
            let length = first.width * channels
            for row in 0..<first.height {
                let place = ((top + row) * width + left) * channels
                pixels.replaceSubrange(
                    place..<place + length, with: image.pixels[row * length..<(row + 1) * length])
            }
        }
        return Image(uncheckedHeight: height, width: width, channels: channels, pixels: pixels)
    }

    /// The least number of columns that makes the sheet at least as wide as high.
    private static func columns(for count: Int, height: Int, width: Int) -> Int {
        (1...count).first { columns in columns * width >= (count + columns - 1) / columns * height } ?? count
    }

    /// The image with each pixel as a square of `factor` x `factor` pixels, for pictures to be looked at.
    ///
    /// - Throws: `ImageError` where the factor is not positive or the image would be too large.
    public func enlarged(by factor: Int) throws(ImageError) -> Image {
        guard (1...Self.maximumExtent).contains(factor) else {
            throw ImageError("enlarging by \(factor); expected 1 to \(Self.maximumExtent)")
        }
        try Self.check(height: height * factor, width: width * factor, name: "enlarging")
        if factor == 1 { return self }
        var result: [UInt8] = []
        result.reserveCapacity(pixels.count * factor * factor)
        for row in 0..<height {
            var line: [UInt8] = []
            line.reserveCapacity(width * channels * factor)
            for column in 0..<width {
                let place = (row * width + column) * channels
                for _ in 0..<factor { line += pixels[place..<place + channels] }
            }
            for _ in 0..<factor { result += line }
        }
        return Image(
            uncheckedHeight: height * factor, width: width * factor, channels: channels, pixels: result)
    }

    /// The whole factor by which the image is enlarged for its longer side to come closest to `side` without exceeding it;
    /// 1 for an image as large as that.
    public func enlargement(toward side: Int) -> Int { max(1, side / max(height, width)) }

    /// This image under `other` of the same size, of which the share `opacity` is seen; both in colour.
    ///
    /// - Throws: `ImageError` where the sizes differ or the opacity is not in 0 ... 1.
    public func blended(with other: Image, opacity: Double) throws(ImageError) -> Image {
        guard (height, width) == (other.height, other.width), (0...1).contains(opacity) else {
            throw ImageError(
                "blending \(height)x\(width) with \(other.height)x\(other.width) pixels at the opacity \(opacity); "
                    + "expected one size and 0 to 1")
        }
        let (below, above) = (try converted(toChannels: 3), try other.converted(toChannels: 3))
        let pixels = zip(below.pixels, above.pixels).map { lower, upper in
            UInt8((Double(lower) * (1 - opacity) + Double(upper) * opacity).rounded())
        }
        return Image(uncheckedHeight: height, width: width, channels: 3, pixels: pixels)
    }
}
