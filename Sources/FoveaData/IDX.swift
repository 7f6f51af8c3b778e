import FoveaFormats
import FoveaTensor

/// The file format of the MNIST family: one array, plain or compressed with gzip.
///
/// Two zero bytes, the element type, the number of axes, each extent as a big-endian 32-bit number, then the elements in
/// row-major order, big endian. A tensor stores unsigned bytes as `uint8`, signed bytes, shorts and ints as `int32`,
/// floats as `float32`, doubles as `float64`.
///
/// Source: Y. LeCun, C. Cortes, C. Burges, "The MNIST database", section "File formats".
public enum IDX {
    /// Reads the file at `path`, decompressing it where it begins as gzip does.
    ///
    /// - Throws: `FormatError` where the file is missing, is not of this format, is shorter or longer than its header
    ///   says, or is compressed and cut short, damaged (by its checksum) or followed by other bytes.
    public static func read(contentsOf path: String) throws(FormatError) -> Tensor {
        try read(ByteSource(contentsOf: path))
    }

    /// Reads a file that lies in memory, called `name` in errors; throws as ``read(contentsOf:)``.
    public static func read(_ bytes: [UInt8], name: String = "IDX data") throws(FormatError) -> Tensor {
        try read(ByteSource(bytes, name: name))
    }

    static func read(_ source: ByteSource) throws(FormatError) -> Tensor {
        let lead = try source.bytes(in: 0..<min(2, source.count))
        guard Inflater.recognizes(lead) else { return try readPlain(source) }
        let bytes = try source.bytes(in: 0..<source.count)
        let result = bytes.withUnsafeBytes { buffer -> Result<Tensor, FormatError> in
            Result { () throws(FormatError) in try readCompressed(buffer, name: source.name) }
        }
        return try result.get()
    }

    private static func readPlain(_ source: ByteSource) throws(FormatError) -> Tensor {
        guard source.count >= 4 else { throw source.cutShort(expected: "two zero bytes, a type and a rank") }
        let (type, rank) = try typeAndRank(source.bytes(in: 0..<4), name: source.name)
        let start = 4 + 4 * rank
        guard source.count >= start else { throw source.cutShort(expected: "\(rank) extents of 4 bytes") }
        let (shape, byteCount) = try shape(source.bytes(in: 4..<start), type: type, name: source.name)
        guard byteCount == source.count - start else {
            throw FormatError(
                source: source.name, offset: start, received: "\(source.count - start) bytes of elements",
                expected: "\(byteCount) for the shape \(shape)",
                remedy: "the file is damaged or cut short: fetch or write it again")
        }
        return try source.tensor(shape: shape, type: type, at: start, bigEndian: true)
    }

    private static func readCompressed(
        _ bytes: UnsafeRawBufferPointer, name: String
    ) throws(FormatError) -> Tensor {
        var inflater = try Inflater(bytes, name: name)
        let (type, rank) = try typeAndRank(inflater.bytes(4), name: name)
        let (shape, byteCount) = try shape(inflater.bytes(4 * rank), type: type, name: name)
        guard byteCount / Inflater.maximumRatio <= bytes.count else {
            throw FormatError(
                source: name, offset: 4, received: "the shape \(shape) in a file of \(bytes.count) bytes",
                expected: "no more than gzip can hold there", remedy: "fetch or write the file again")
        }
        if type == .uint8 {
            // The usual case: straight into the tensor's memory.
            let tensor = try Tensor(shape: shape, dtype: .uint8) { (target) throws(FormatError) in
                try inflater.read(into: target)
            }
            try inflater.finish()
            return tensor
        }
        let elements = try inflater.bytes(byteCount)
        try inflater.finish()
        return try ByteSource(elements, name: name).tensor(shape: shape, type: type, at: 0, bigEndian: true)
    }

    private static func typeAndRank(
        _ bytes: [UInt8], name: String
    ) throws(FormatError) -> (type: ElementType, rank: Int) {
        let types: [UInt8: ElementType] = [
            0x08: .uint8, 0x09: .int8, 0x0B: .int16, 0x0C: .int32, 0x0D: .float32, 0x0E: .float64,
        ]
        guard bytes[0] == 0, bytes[1] == 0, let type = types[bytes[2]] else {
            let shown = bytes.map { String($0, radix: 16) }.joined(separator: " ")
            throw FormatError(
                source: name, offset: 0, received: "the bytes \(shown)",
                expected: "0 0, then a type among 8, 9, b, c, d, e, then a rank",
                remedy: "this is not an IDX file")
        }
        let rank = Int(bytes[3])
        guard (1...Extent.maximumRank).contains(rank) else {
            throw FormatError(
                source: name, offset: 3, received: "\(rank) axes", expected: "1 to \(Extent.maximumRank)")
        }
        return (type, rank)
    }

    private static func shape(
        _ bytes: [UInt8], type: ElementType, name: String
    ) throws(FormatError) -> (shape: Shape, byteCount: Int) {
        let extents = stride(from: 0, to: bytes.count, by: 4).map { start in
            bytes[start..<start + 4].reduce(0) { $0 << 8 | Int($1) }
        }
        guard let result = Extent.shape(extents, elementSize: type.size) else {
            throw FormatError(
                source: name, offset: 4, received: "the extents \(extents)",
                expected: "ones whose size in bytes fits 63 bits", remedy: "fetch or write the file again")
        }
        return result
    }
}

extension IDX {
    /// The plain file that holds `tensor`, of any type but bfloat16, which is written as float.
    ///
    /// - Precondition: the tensor has 1 to 32 axes, each of fewer than 2^32 elements.
    public static func data(for tensor: Tensor) -> [UInt8] {
        let tensor = tensor.dtype == .bfloat16 ? tensor.converted(to: .float32) : tensor
        precondition((1...Extent.maximumRank).contains(tensor.shape.rank), "an IDX file has 1 to 32 axes")
        let type: UInt8 =
            switch tensor.dtype {
            case .uint8: 0x08
            case .int32: 0x0C
            case .float32, .bfloat16: 0x0D
            case .float64: 0x0E
            }
        var bytes: [UInt8] = [0, 0, type, UInt8(tensor.shape.rank)]
        for extent in tensor.shape.dimensions {
            withUnsafeBytes(of: UInt32(extent).bigEndian) { bytes.append(contentsOf: $0) }
        }
        let size = tensor.dtype.size
        bytes.reserveCapacity(bytes.count + tensor.byteCount)
        tensor.withUnsafeBytes { source in
            for start in stride(from: 0, to: source.count, by: size) {
                for byte in (start..<start + size).reversed() { bytes.append(source[byte]) }
            }
        }
        return bytes
    }
}

extension Inflater {
    /// The next `count` bytes of the content.
    mutating func bytes(_ count: Int) throws(FormatError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var failure: FormatError?
        bytes.withUnsafeMutableBytes { buffer in
            do throws(FormatError) { try read(into: buffer) } catch { failure = error }
        }
        if let failure { throw failure }
        return bytes
    }
}
