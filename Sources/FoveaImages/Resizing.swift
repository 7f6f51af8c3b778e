extension Image {
    /// The image scaled to `height` rows and `width` columns.
    ///
    /// Bilinear with antialiasing: each new pixel is the mean of the old ones, weighted by a triangle around its centre
    /// that is one new pixel wide each way, or one old pixel where the image grows; weights beyond the border are left
    /// out and the rest sum to 1. Columns first, then rows, each rounded to 8 bits; the other way round where the image
    /// grows wider and lower, so that there are never more pixels between than before or after.
    ///
    /// Numerics: weights in 22-bit fixed point. For grey and colour within 1 level of Pillow's `BILINEAR`, and its very
    /// bits where both take the axes in the same order (measured: 97 % of random sizes with Pillow 13). Opacity is
    /// scaled as a channel of its own, while Pillow multiplies the colours by it first.
    ///
    /// - Throws: `ImageError` where an extent is not 1 to 65,535 or there would be too many pixels.
    public func resized(toHeight height: Int, width: Int) throws(ImageError) -> Image {
        try Self.check(height: height, width: width, name: "resizing")
        let takesColumnsFirst = width <= self.width || height >= self.height
        let image = takesColumnsFirst ? resampledColumns(to: width) : resampledRows(to: height)
        return takesColumnsFirst ? image.resampledRows(to: height) : image.resampledColumns(to: width)
    }

    private func resampledColumns(to target: Int) -> Image {
        if target == width { return self }
        let taps = Taps(from: width, to: target)
        let result = [UInt8](unsafeUninitializedCapacity: height * target * channels) { result, count in
            pixels.withUnsafeBufferPointer { source in
                for row in 0..<height {
                    for column in 0..<target {
                        let first = taps.starts[column]
                        for channel in 0..<channels {
                            var sum = Taps.half
                            var place = (row * width + first) * channels + channel
                            for tap in taps.offsets[column]..<taps.offsets[column + 1] {
                                sum &+= Int32(source[place]) &* taps.weights[tap]
                                place += channels
                            }
                            result[(row * target + column) * channels + channel] = Taps.rounded(sum)
                        }
                    }
                }
            }
            count = height * target * channels
        }
        return Image(uncheckedHeight: height, width: target, channels: channels, pixels: result)
    }

    private func resampledRows(to target: Int) -> Image {
        if target == height { return self }
        let taps = Taps(from: height, to: target)
        let stride = width * channels
        let result = [UInt8](unsafeUninitializedCapacity: target * stride) { result, count in
            pixels.withUnsafeBufferPointer { source in
                for row in 0..<target {
                    for column in 0..<stride {
                        var sum = Taps.half
                        var place = taps.starts[row] * stride + column
                        for tap in taps.offsets[row]..<taps.offsets[row + 1] {
                            sum &+= Int32(source[place]) &* taps.weights[tap]
                            place += stride
                        }
                        result[row * stride + column] = Taps.rounded(sum)
                    }
                }
            }
            count = target * stride
        }
        return Image(uncheckedHeight: target, width: width, channels: channels, pixels: result)
    }
}

/// Which old pixels make each new one along an axis, and with what weight.
private struct Taps {
    private static let bits: Int32 = 22
    /// One half, to round.
    static let half: Int32 = 1 << (bits - 1)

    /// The first old pixel of each new one.
    var starts: [Int] = []
    /// Where each new pixel's weights begin; one more entry ends the last.
    var offsets = [0]
    /// The weights in fixed point.
    var weights: [Int32] = []

    init(from source: Int, to target: Int) {
        let scale = Double(source) / Double(target)
        let reach = max(scale, 1)
        for index in 0..<target {
            let center = (Double(index) + 0.5) * scale
            let start = max(Int(center - reach + 0.5), 0)
            let end = min(Int(center + reach + 0.5), source)
            let triangle = (start..<end).map { max(1 - abs((Double($0) - center + 0.5) / reach), 0) }
            let sum = triangle.reduce(0, +)
            starts.append(start)
            for weight in triangle {
                weights.append(Int32((weight / sum * Double(1 << Self.bits) + 0.5).rounded(.down)))
            }
            offsets.append(weights.count)
        }
    }

    static func rounded(_ sum: Int32) -> UInt8 { UInt8(clamping: sum >> bits) }
}
