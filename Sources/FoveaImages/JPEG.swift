import CTurboJPEG

/// The JPEG format, through libjpeg-turbo.
public enum JPEG {
    /// Whether `bytes` begin as a JPEG file does.
    public static func recognizes(_ bytes: [UInt8]) -> Bool { bytes.starts(with: [0xFF, 0xD8, 0xFF]) }

    /// Decodes a file, called `name` in errors: grey to 1 channel, colour to 3, turned upright as its EXIF data say.
    ///
    /// Uses the accurate inverse DCT and smooth chroma upsampling, as Pillow does. What libjpeg-turbo only warns of
    /// (pixels cut short, damaged or superfluous data) is an error here: it would fill the rest with grey.
    ///
    /// - Throws: `ImageError` where the file is damaged, cut short, too large, or CMYK.
    public static func decode(_ bytes: [UInt8], name: String = "JPEG") throws(ImageError) -> Image {
        guard recognizes(bytes) else { throw ImageError("\(name): not a JPEG file by its first 3 bytes") }
        guard let decoder = tjInitDecompress() else {
            throw ImageError("\(name): libjpeg-turbo does not start")
        }
        defer { tjDestroy(decoder) }
        var width: CInt = 0
        var height: CInt = 0
        var subsampling: CInt = 0
        var space: CInt = 0
        let length = CUnsignedLong(bytes.count)
        guard tjDecompressHeader3(decoder, bytes, length, &width, &height, &subsampling, &space) == 0 else {
            throw damaged(decoder, name: name)
        }
        let (rows, columns) = (Int(height), Int(width))
        try Image.check(height: rows, width: columns, name: name)
        // A block of 64 pixels takes a bit at least, and a colour can be spread over 4 blocks.
        guard rows * columns / 4096 <= bytes.count else {
            throw ImageError(
                "\(name): \(rows)x\(columns) pixels in a file of \(bytes.count) bytes; expected no more than "
                    + "compression can hold there; fetch the file again")
        }
        guard space != CInt(TJCS_CMYK.rawValue), space != CInt(TJCS_YCCK.rawValue) else {
            throw ImageError(
                "\(name): a JPEG file for print (CMYK); expected grey or colour; convert it to RGB")
        }
        let isGrey = space == CInt(TJCS_GRAY.rawValue)
        let channels = isGrey ? 1 : 3
        let format = CInt(isGrey ? TJPF_GRAY.rawValue : TJPF_RGB.rawValue)
        // Hundreds of scans are an attack, not a picture.
        let flags = CInt(TJFLAG_ACCURATEDCT) | CInt(TJFLAG_STOPONWARNING) | CInt(TJFLAG_LIMITSCANS)
        let count = rows * columns * channels
        var status: CInt = -1
        let pixels = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            status = tjDecompress2(
                decoder, bytes, length, buffer.baseAddress, width, CInt(columns * channels), height, format,
                flags)
            filled = status == 0 ? count : 0
        }
        guard status == 0 else { throw damaged(decoder, name: name) }
        let image = Image(uncheckedHeight: rows, width: columns, channels: channels, pixels: pixels)
        return image.turned(EXIF.orientation(ofJPEG: bytes))
    }

    /// The file that holds `image`, without its opacity.
    ///
    /// - Parameter quality: 1 to 100; 4:2:0 chroma.
    /// - Throws: `ImageError` where the quality is another, or libjpeg-turbo fails.
    public static func data(for image: Image, quality: Int = 90) throws(ImageError) -> [UInt8] {
        guard (1...100).contains(quality) else {
            throw ImageError("a quality of \(quality); expected 1 to 100")
        }
        let image = image.channels == 4 ? try image.converted(toChannels: 3) : image
        guard let encoder = tjInitCompress() else { throw ImageError("JPEG: libjpeg-turbo does not start") }
        defer { tjDestroy(encoder) }
        let isGrey = image.channels == 1
        let format = CInt(isGrey ? TJPF_GRAY.rawValue : TJPF_RGB.rawValue)
        let subsampling = CInt(isGrey ? TJSAMP_GRAY.rawValue : TJSAMP_420.rawValue)
        var memory: UnsafeMutablePointer<UInt8>?
        var size: CUnsignedLong = 0
        defer { tjFree(memory) }
        let status = tjCompress2(
            encoder, image.pixels, CInt(image.width), CInt(image.width * image.channels), CInt(image.height),
            format,
            &memory, &size, subsampling, CInt(quality), CInt(TJFLAG_ACCURATEDCT))
        guard status == 0, let memory else {
            throw ImageError("JPEG: cannot encode the image (\(String(cString: tjGetErrorStr2(encoder))))")
        }
        return Array(UnsafeBufferPointer(start: memory, count: Int(size)))
    }

    private static func damaged(_ decoder: tjhandle, name: String) -> ImageError {
        let reason = String(cString: tjGetErrorStr2(decoder))
        return ImageError("\(name): a damaged or cut short JPEG file (\(reason)); fetch or write it again")
    }
}
