/// The one thing of a camera's notes that changes the pixels: which way the camera was held.
enum EXIF {
    /// The orientation 1 to 8 that a JPEG file states; 1, upright, where it states none or states it wrongly.
    static func orientation(ofJPEG bytes: [UInt8]) -> Int {
        var offset = 2
        // Segments up to the pixels: a marker, then a length that counts itself.
        while offset + 4 <= bytes.count, bytes[offset] == 0xFF, bytes[offset + 1] != 0xDA {
            let length = Int(bytes[offset + 2]) << 8 | Int(bytes[offset + 3])
            let end = offset + 2 + length
            guard length >= 2, end <= bytes.count else { return 1 }
            let body = bytes[offset + 4..<end]
            if bytes[offset + 1] == 0xE1, body.starts(with: [0x45, 0x78, 0x69, 0x66, 0, 0]) {
                return orientation(ofTIFF: Array(body.dropFirst(6)))
            }
            offset = end
        }
        return 1
    }

    /// The orientation in the first directory of a TIFF file (TIFF 6.0, section 2; tag 274, section 8).
    private static func orientation(ofTIFF bytes: [UInt8]) -> Int {
        let isBigEndian = bytes.starts(with: [0x4D, 0x4D, 0, 42])
        guard isBigEndian || bytes.starts(with: [0x49, 0x49, 42, 0]) else { return 1 }
        /// The number of `size` bytes at `offset`, or `nil` where the data end before.
        func number(at offset: Int, size: Int) -> Int? {
            guard offset >= 0, offset <= bytes.count - size else { return nil }
            let digits = bytes[offset..<offset + size]
            return isBigEndian
                ? digits.reduce(0) { $0 << 8 | Int($1) } : digits.reversed().reduce(0) { $0 << 8 | Int($1) }
        }
        guard let directory = number(at: 4, size: 4), let count = number(at: directory, size: 2) else {
            return 1
        }
        for entry in 0..<count {
            let start = directory + 2 + 12 * entry
            guard let tag = number(at: start, size: 2) else { return 1 }
            guard tag == 274 else { continue }
            guard number(at: start + 2, size: 2) == 3, let value = number(at: start + 8, size: 2),
                (1...8).contains(value)
            else { return 1 }
            return value
        }
        return 1
    }
}

extension Image {
    /// The image turned and mirrored so that what the EXIF `orientation` 1 to 8 describes is upright.
    func turned(_ orientation: Int) -> Image {
        guard (2...8).contains(orientation) else { return self }
        let swapsAxes = orientation >= 5
        let (rows, columns) = swapsAxes ? (width, height) : (height, width)
        let turned = [UInt8](unsafeUninitializedCapacity: pixels.count) { result, count in
            pixels.withUnsafeBufferPointer { source in
                for row in 0..<rows {
                    for column in 0..<columns {
                        let (y, x) =
                            switch orientation {
                            case 2: (row, width - 1 - column)
                            case 3: (height - 1 - row, width - 1 - column)
                            case 4: (height - 1 - row, column)
                            case 5: (column, row)
                            case 6: (height - 1 - column, row)
                            case 7: (height - 1 - column, width - 1 - row)
                            default: (column, width - 1 - row)
                            }
                        for channel in 0..<channels {
                            result[(row * columns + column) * channels + channel] =
                                source[(y * width + x) * channels + channel]
                        }
                    }
                }
            }
            count = pixels.count
        }
        return Image(uncheckedHeight: rows, width: columns, channels: channels, pixels: turned)
    }
}
