import CPNG

/// The PNG format, through libpng's simplified interface.
public enum PNG {
    private static let signature: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]

    /// Whether `bytes` begin as a PNG file does.
    public static func recognizes(_ bytes: [UInt8]) -> Bool { bytes.starts(with: signature) }

    /// Decodes a file, called `name` in errors.
    ///
    /// Grey stays grey; palettes become colour; any transparency gives 4 channels; 16 bits are reduced to 8. Files that
    /// state a gamma other than sRGB's are brought to sRGB, which Pillow does not do.
    ///
    /// - Throws: `ImageError` where the file is damaged, cut short, or too large.
    public static func decode(_ bytes: [UInt8], name: String = "PNG") throws(ImageError) -> Image {
        try checkStructure(bytes, name: name)
        var image = png_image()
        image.version = png_uint_32(PNG_IMAGE_VERSION)
        // Frees what libpng holds, whatever happens.
        defer { png_image_free(&image) }
        guard png_image_begin_read_from_memory(&image, bytes, bytes.count) != 0 else {
            throw damaged(image, name: name)
        }
        let height = Int(image.height)
        let width = Int(image.width)
        try Image.check(height: height, width: width, name: name)
        let isColour = image.format & png_uint_32(PNG_FORMAT_FLAG_COLOR) != 0
        let hasAlpha = image.format & png_uint_32(PNG_FORMAT_FLAG_ALPHA) != 0
        let channels = hasAlpha ? 4 : isColour ? 3 : 1
        image.format = hasAlpha ? format(channels: 4) : format(channels: channels)
        // Without a word on gamma, 16-bit files of other programs are sRGB, not linear.
        image.flags |= png_uint_32(PNG_IMAGE_FLAG_16BIT_sRGB)
        var status: CInt = 0
        let count = height * width * channels
        let pixels = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            status = png_image_finish_read(&image, nil, buffer.baseAddress, png_int_32(width * channels), nil)
            filled = status == 0 ? 0 : count
        }
        guard status != 0, image.warning_or_error & 2 == 0 else { throw damaged(image, name: name) }
        return Image(uncheckedHeight: height, width: width, channels: channels, pixels: pixels)
    }

    /// The file that holds `image`.
    ///
    /// - Throws: `ImageError` where libpng fails.
    public static func data(for image: Image) throws(ImageError) -> [UInt8] {
        var header = png_image()
        header.version = png_uint_32(PNG_IMAGE_VERSION)
        header.width = png_uint_32(image.width)
        header.height = png_uint_32(image.height)
        header.format = format(channels: image.channels)
        defer { png_image_free(&header) }
        let stride = png_int_32(image.width * image.channels)
        // Without compression the file has this size; deflate adds 5 bytes for each 16 kB at most, libpng 12 a chunk.
        let raw = image.height * (image.width * image.channels + 1)
        var size = png_alloc_size_t(raw + raw / 512 + 4096)
        var status: CInt = 0
        var bytes = [UInt8](unsafeUninitializedCapacity: Int(size)) { buffer, filled in
            status = png_image_write_to_memory(
                &header, buffer.baseAddress, &size, 0, image.pixels, stride, nil)
            filled = status == 0 ? 0 : Int(size)
        }
        guard status != 0 else { throw ImageError("PNG: cannot encode the image: \(message(header))") }
        bytes.reserveCapacity(bytes.count)
        return bytes
    }

    private static func format(channels: Int) -> png_uint_32 {
        switch channels {
        case 1: 0
        case 3: png_uint_32(PNG_FORMAT_FLAG_COLOR)
        default: png_uint_32(PNG_FORMAT_FLAG_COLOR) | png_uint_32(PNG_FORMAT_FLAG_ALPHA)
        }
    }

    /// Walks the chunks, so that a file cut short after its pixels is refused, too, and bounds what the pixels can be.
    private static func checkStructure(_ bytes: [UInt8], name: String) throws(ImageError) {
        func number(at offset: Int) -> Int { bytes[offset..<offset + 4].reduce(0) { $0 << 8 | Int($1) } }
        guard recognizes(bytes) else { throw ImageError("\(name): not a PNG file by its first 8 bytes") }
        var offset = signature.count
        var isFirst = true
        while true {
            guard offset <= bytes.count - 12, number(at: offset) <= bytes.count - offset - 12 else {
                throw ImageError(
                    "\(name): byte \(bytes.count): the file ends within a chunk; it is cut short: fetch it again"
                )
            }
            let type = bytes[offset + 4..<offset + 8]
            let length = number(at: offset)
            if isFirst {
                guard type.elementsEqual("IHDR".utf8), length == 13 else {
                    throw ImageError(
                        "\(name): byte 8: the first chunk is not IHDR of 13 bytes; fetch the file again")
                }
                try checkSize(
                    width: number(at: offset + 8), height: number(at: offset + 12),
                    depth: Int(bytes[offset + 16]),
                    colour: bytes[offset + 17], byteCount: bytes.count, name: name)
                isFirst = false
            }
            if type.elementsEqual("IEND".utf8) { return }
            offset += 12 + length
        }
    }

    private static func checkSize(
        width: Int, height: Int, depth: Int, colour: UInt8, byteCount: Int, name: String
    ) throws(ImageError) {
        try Image.check(height: height, width: width, name: name)
        let samples =
            switch colour {
            case 2: 3
            case 4: 2
            case 6: 4
            default: 1
            }
        let rowBytes = (width * samples * depth + 7) / 8
        // Deflate expands 1 byte to 1,032 at most.
        guard height * rowBytes / 1032 <= byteCount else {
            throw ImageError(
                "\(name): \(height)x\(width) pixels in a file of \(byteCount) bytes; expected no more than "
                    + "compression can hold there; fetch the file again")
        }
    }

    private static func damaged(_ image: png_image, name: String) -> ImageError {
        ImageError("\(name): a damaged PNG file (\(message(image))); fetch or write it again")
    }

    private static func message(_ image: png_image) -> String {
        withUnsafeBytes(of: image.message) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }
}
