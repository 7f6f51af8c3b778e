import FoveaTensor

/// NumPy's file format for one array, versions 1.0 to 3.0.
///
/// Reads little and big endian, C and Fortran order, and the element types `b1 u1 u2 u4 u8 i1 i2 i4 i8 f2 f4 f8`. A
/// tensor stores `b1` as `uint8`, the other integers except `u1` as `int32`, and `f2` as `float32`.
///
/// Source: `numpy.lib.format`. Structured, complex, string and object types are refused, and so are bytes after the
/// last element, which NumPy ignores.
public enum NPY {
    private static let magic: [UInt8] = [0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59]
    // A plain array's header has some 100 bytes; NumPy itself refuses more than 10,000 unless told otherwise.
    private static let headerLimit = 1 << 16

    /// Reads the file at `path`.
    ///
    /// - Throws: `FormatError` where the file is missing, is not of this format, is shorter or longer than its header
    ///   says, or holds an integer beyond 32 bits.
    public static func read(contentsOf path: String) throws(FormatError) -> Tensor {
        try read(ByteSource(contentsOf: path))
    }

    /// Reads a file that lies in memory, called `name` in errors; throws as ``read(contentsOf:)``.
    public static func read(_ bytes: [UInt8], name: String = "npy data") throws(FormatError) -> Tensor {
        try read(ByteSource(bytes, name: name))
    }

    private static func read(_ source: ByteSource) throws(FormatError) -> Tensor {
        let (start, length) = try headerExtent(source)
        let header = try NPYHeader(source.bytes(in: start..<start + length), source: source.name, base: start)
        guard let (shape, byteCount) = Extent.shape(header.dimensions, elementSize: header.type.size) else {
            throw FormatError(
                source: source.name, offset: start, received: "the shape \(header.dimensions)",
                expected: "one whose size in bytes fits 63 bits")
        }
        let offset = start + length
        guard byteCount == source.count - offset else {
            throw FormatError(
                source: source.name, offset: offset, received: "\(source.count - offset) bytes of elements",
                expected: "\(byteCount) for the shape \(shape)",
                remedy: "the file is damaged or cut short: fetch or write it again")
        }
        let isReversed = header.isFortranOrder && shape.rank > 1
        let stored = isReversed ? Shape(shape.dimensions.reversed()) : shape
        let tensor = try source.tensor(
            shape: stored, type: header.type, at: offset, bigEndian: header.isBigEndian)
        return isReversed ? tensor.withAxesReversed() : tensor
    }

    /// Where the header's text begins and how long it is.
    private static func headerExtent(_ source: ByteSource) throws(FormatError) -> (start: Int, length: Int) {
        let lead = try source.bytes(in: 0..<min(12, source.count))
        guard lead.starts(with: magic) else {
            throw FormatError(
                source: source.name, offset: 0, received: "the file does not begin as an .npy file",
                expected: "the byte 0x93 and NUMPY", remedy: "write it with numpy.save")
        }
        guard lead.count == 12 else { throw source.cutShort(expected: "a version, a length and a header") }
        let start: Int
        let length: Int
        switch (lead[6], lead[7]) {
        case (1, 0):
            start = 10
            length = Int(lead[8]) | Int(lead[9]) << 8
        case (2, 0), (3, 0):
            start = 12
            length = lead[8..<12].reversed().reduce(0) { $0 << 8 | Int($1) }
        default:
            throw FormatError(
                source: source.name, offset: 6, received: "version \(lead[6]).\(lead[7]) of the format",
                expected: "1.0, 2.0 or 3.0")
        }
        let room = min(headerLimit, source.count - start)
        guard length <= room else {
            throw FormatError(
                source: source.name, offset: 8, received: "a header of \(length) bytes",
                expected: "at most \(room)",
                remedy: "the file is damaged or cut short: fetch or write it again")
        }
        return (start, length)
    }

    /// The file that holds `tensor`, version 1.0, little endian, C order, its elements at a multiple of 64 bytes.
    ///
    /// NumPy has no bfloat16: such a tensor is written as `f4`, exactly.
    public static func data(for tensor: Tensor) -> [UInt8] {
        let tensor = tensor.dtype == .bfloat16 ? tensor.converted(to: .float32) : tensor
        var bytes = header(for: tensor)
        bytes.reserveCapacity(bytes.count + tensor.byteCount)
        tensor.withUnsafeBytes { bytes.append(contentsOf: $0) }
        return bytes
    }

    /// Writes `tensor` as the file at `path`, whole or not at all; see ``data(for:)``.
    public static func write(_ tensor: Tensor, to path: String) throws(FormatError) {
        let tensor = tensor.dtype == .bfloat16 ? tensor.converted(to: .float32) : tensor
        let header = header(for: tensor)
        try AtomicFile.write(to: path) { (file) throws(FormatError) in
            try file.append(header)
            try tensor.withUnsafeBytes { (bytes) throws(FormatError) in try file.append(bytes) }
        }
    }

    private static func header(for tensor: Tensor) -> [UInt8] {
        let type =
            switch tensor.dtype {
            case .float32, .bfloat16: "<f4"
            case .float64: "<f8"
            case .int32: "<i4"
            case .uint8: "|u1"
            }
        let extents = tensor.shape.dimensions
        let shape = extents.count == 1 ? "\(extents[0])," : extents.map(String.init).joined(separator: ", ")
        var text = "{'descr': '\(type)', 'fortran_order': False, 'shape': (\(shape)), }"
        text += String(repeating: " ", count: 63 - (10 + text.utf8.count) % 64) + "\n"
        return magic + [1, 0, UInt8(text.utf8.count & 0xFF), UInt8(text.utf8.count >> 8)] + Array(text.utf8)
    }
}

extension Tensor {
    /// The tensor with its axes in the opposite order: `y[k, j, i] = x[i, j, k]`.
    package func withAxesReversed() -> Tensor {
        let target = Shape(shape.dimensions.reversed())
        let steps = Array(shape.strides.reversed())
        let size = dtype.size
        return withUnsafeBytes { source in
            Tensor(shape: target, dtype: dtype) { bytes in
                guard target.count > 0 else { return }
                var index = [Int](repeating: 0, count: target.rank)
                var from = 0
                for to in 0..<target.count {
                    for byte in 0..<size { bytes[to * size + byte] = source[from * size + byte] }
                    for axis in (0..<target.rank).reversed() {
                        index[axis] += 1
                        from += steps[axis]
                        if index[axis] < target[axis] { break }
                        from -= steps[axis] * target[axis]
                        index[axis] = 0
                    }
                }
            }
        }
    }
}
