import FoveaTensor

/// Pixels of 8 bits, interleaved: grey, colour (red, green, blue), or colour with opacity.
public struct Image: Hashable, Sendable {
    /// The largest extent of an image, in pixels.
    public static let maximumExtent = 65_535
    /// The largest number of pixels of an image.
    public static let maximumPixelCount = 200_000_000

    /// The number of rows.
    public let height: Int
    /// The number of columns.
    public let width: Int
    /// The number of channels: 1, 3 or 4.
    public let channels: Int
    /// The pixels, `[height, width, channels]` in row-major order.
    public let pixels: [UInt8]

    /// An image of `pixels`, `[height, width, channels]` in row-major order.
    ///
    /// - Throws: `ImageError` where an extent is not 1 to ``maximumExtent``, there are more pixels than
    ///   ``maximumPixelCount``, `channels` is not 1, 3 or 4, or `pixels` has another number of bytes.
    public init(height: Int, width: Int, channels: Int, pixels: [UInt8]) throws(ImageError) {
        try Self.check(height: height, width: width, name: "image")
        guard [1, 3, 4].contains(channels), pixels.count == height * width * channels else {
            throw ImageError(
                "image: \(pixels.count) bytes for \(height)x\(width) pixels of \(channels) channels; "
                    + "expected 1, 3 or 4 bytes a pixel")
        }
        self.init(uncheckedHeight: height, width: width, channels: channels, pixels: pixels)
    }

    init(uncheckedHeight height: Int, width: Int, channels: Int, pixels: [UInt8]) {
        self.height = height
        self.width = width
        self.channels = channels
        self.pixels = pixels
    }

    /// Decodes a PNG or JPEG file, known by its first bytes and called `name` in errors.
    ///
    /// - Throws: `ImageError` as ``PNG/decode(_:name:)`` and ``JPEG/decode(_:name:)``, or where it is neither.
    public init(decoding bytes: [UInt8], name: String = "image") throws(ImageError) {
        if PNG.recognizes(bytes) {
            self = try PNG.decode(bytes, name: name)
        } else if JPEG.recognizes(bytes) {
            self = try JPEG.decode(bytes, name: name)
        } else {
            throw ImageError(
                "\(name): neither a PNG nor a JPEG file by its first bytes; convert it to one of them")
        }
    }

    /// The image of a tensor `[C, H, W]` of `uint8`, C being 1, 3 or 4.
    ///
    /// - Throws: `ImageError` where the tensor is another, or too large.
    public init(_ tensor: Tensor) throws(ImageError) {
        guard tensor.dtype == .uint8, tensor.shape.rank == 3 else {
            throw ImageError("image: a tensor of \(tensor.dtype) \(tensor.shape); expected uint8 [C, H, W]")
        }
        let (channels, height, width) = (tensor.shape[0], tensor.shape[1], tensor.shape[2])
        let planes = tensor.scalars(as: UInt8.self)
        var pixels = planes
        for channel in 0..<channels {
            for index in 0..<height * width {
                pixels[index * channels + channel] = planes[channel * height * width + index]
            }
        }
        try self.init(height: height, width: width, channels: channels, pixels: pixels)
    }

    /// The pixels as a tensor `[C, H, W]` of `uint8`.
    public var tensor: Tensor {
        Tensor(shape: [channels, height, width], of: UInt8.self) { target in
            let area = height * width
            pixels.withUnsafeBufferPointer { pixels in
                for index in 0..<area {
                    for channel in 0..<channels {
                        target[channel * area + index] = pixels[index * channels + channel]
                    }
                }
            }
        }
    }

    /// The image with another number of channels.
    ///
    /// Colour to grey: `(19595 R + 38470 G + 7471 B + 32768) >> 16`, the luma of ITU-R BT.601 in 16 bits, as Pillow
    /// computes it. Grey to colour repeats the grey. Opacity is dropped, not blended, as Pillow does, and added as 255.
    ///
    /// - Throws: `ImageError` where `target` is not 1, 3 or 4.
    public func converted(toChannels target: Int) throws(ImageError) -> Image {
        guard [1, 3, 4].contains(target) else { throw ImageError("\(target) channels; expected 1, 3 or 4") }
        if target == channels { return self }
        let area = height * width
        let converted = [UInt8](unsafeUninitializedCapacity: area * target) { result, count in
            pixels.withUnsafeBufferPointer { source in
                for index in 0..<area {
                    let pixel = index * channels
                    let place = index * target
                    if target == 1 {
                        let red = UInt32(source[pixel]) * 19595
                        let green = UInt32(source[pixel + 1]) * 38470
                        let blue = UInt32(source[pixel + 2]) * 7471
                        result[place] = UInt8((red + green + blue + 32768) >> 16)
                        continue
                    }
                    for channel in 0..<3 {
                        result[place + channel] = source[channels == 1 ? pixel : pixel + channel]
                    }
                    if target == 4 { result[place + 3] = 255 }
                }
            }
            count = area * target
        }
        return Image(uncheckedHeight: height, width: width, channels: target, pixels: converted)
    }

    static func check(height: Int, width: Int, name: String) throws(ImageError) {
        guard (1...maximumExtent).contains(height), (1...maximumExtent).contains(width),
            height * width <= maximumPixelCount
        else {
            throw ImageError(
                "\(name): \(height)x\(width) pixels; expected 1 to \(maximumExtent) each way and "
                    + "\(maximumPixelCount) at most in all; scale the image down")
        }
    }
}

/// An image file that is damaged, of a kind that is not read, or too large; always a matter of the data.
public struct ImageError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The file, what was received, what was expected, and how to mend it.
    public var message: String

    /// An error with `message`.
    public init(_ message: String) {
        self.message = message
    }

    /// The message.
    public var description: String { message }
}
