import FoveaTensor

/// The header of a safetensors file: its length in 8 bytes, then a JSON object.
struct SafeTensorsHeader {
    /// The tensors, in the order of their places in the file.
    private(set) var entries: [SafeTensors.Entry] = []
    /// The texts under `__metadata__`.
    private(set) var metadata: [String: String] = [:]

    private typealias Extents = [(entry: SafeTensors.Entry, end: Int)]

    private static let metadataKey = "__metadata__"
    private static let lengthLimit = 100_000_000
    private static let types: [String: ElementType] = [
        "BOOL": .bool, "U8": .uint8, "I8": .int8, "U16": .uint16, "I16": .int16, "U32": .uint32,
        "I32": .int32,
        "U64": .uint64, "I64": .int64, "F16": .float16, "BF16": .bfloat16, "F32": .float32, "F64": .float64,
    ]

    /// Reads and checks the header of `source`.
    init(_ source: ByteSource) throws(FormatError) {
        guard source.count >= 8 else {
            throw source.cutShort(expected: "the length of the header in 8 bytes")
        }
        let length = try source.bytes(in: 0..<8).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        let room = min(source.count - 8, Self.lengthLimit)
        guard length <= UInt64(room) else {
            throw FormatError(
                source: source.name, offset: 0, received: "a header of \(length) bytes",
                expected: "at most \(room)",
                remedy: "this is not a safetensors file, or it is damaged or cut short")
        }
        let start = 8 + Int(length)
        let extents = try parse(source.bytes(in: 8..<start), source: source.name, start: start)
        try checkLayout(extents, source: source, start: start)
    }

    // MARK: Reading

    /// Reads the JSON object and gives each entry and the byte where it ends.
    private mutating func parse(_ bytes: [UInt8], source: String, start: Int) throws(FormatError) -> Extents {
        var scanner = TextScanner(bytes, source: source, base: 8)
        // No blank may come before the brace, so that a file is known by its first bytes.
        guard bytes.first == UInt8(ascii: "{") else { throw scanner.unexpected("'{' at byte 8") }
        var names = Set<String>()
        var texts: [String: String] = [:]
        var extents: Extents = []
        try scanner.object { (scanner, name, position) throws(FormatError) in
            guard names.insert(name).inserted else {
                throw scanner.error(at: position, "the key '\(name)' twice", expected: "it once")
            }
            guard name == Self.metadataKey else {
                extents.append(try Self.parseEntry(&scanner, name: name, at: position, start: start))
                return
            }
            try scanner.object { (scanner, key, position) throws(FormatError) in
                guard texts.updateValue(try scanner.jsonString(), forKey: key) == nil else {
                    throw scanner.error(at: position, "the key '\(key)' twice", expected: "it once")
                }
            }
        }
        guard scanner.isAtEnd else { throw scanner.unexpected("nothing more in the header") }
        metadata = texts
        return extents
    }

    private static func parseEntry(
        _ scanner: inout TextScanner, name: String, at position: Int, start: Int
    ) throws(FormatError) -> (entry: SafeTensors.Entry, end: Int) {
        var fileType: String?
        var dimensions: [Int]?
        var offsets: [Int]?
        try scanner.object { (scanner, key, position) throws(FormatError) in
            switch key {
            case "dtype" where fileType == nil: fileType = try scanner.jsonString()
            case "shape" where dimensions == nil: dimensions = try scanner.integers(limit: Extent.maximumRank)
            case "data_offsets" where offsets == nil: offsets = try scanner.integers(limit: 2)
            default:
                throw scanner.error(
                    at: position, "the key '\(key)' in the entry of '\(name)'",
                    expected: "dtype, shape and data_offsets, each once")
            }
        }
        guard let fileType, let dimensions, let offsets, offsets.count == 2 else {
            throw scanner.error(
                at: position, "an incomplete entry of '\(name)'",
                expected: "dtype, shape and data_offsets with a start and an end")
        }
        guard let type = types[fileType] else {
            throw FormatError(
                source: scanner.sourceName, offset: 8 + position,
                received: "tensor '\(name)' has elements of type '\(fileType)'",
                expected: "one of \(types.keys.sorted().joined(separator: ", "))",
                remedy: "convert the tensor before saving it")
        }
        // Neither offset is negative, so the difference does not overflow; their sum with `start` could.
        guard let (shape, byteCount) = Extent.shape(dimensions, elementSize: type.size),
            byteCount == offsets[1] - offsets[0], offsets[1] <= Int.max - start
        else {
            throw scanner.error(
                at: position,
                "tensor '\(name)' of type \(fileType) and shape \(dimensions) at the bytes \(offsets)",
                expected: "an extent that fits the shape")
        }
        let entry = SafeTensors.Entry(
            name: name, shape: shape, fileType: fileType, type: type, offset: start + offsets[0])
        return (entry, start + offsets[1])
    }

    private mutating func checkLayout(
        _ extents: Extents, source: ByteSource, start: Int
    ) throws(FormatError) {
        var end = start
        for extent in extents.sorted(by: { ($0.entry.offset, $0.end) < ($1.entry.offset, $1.end) }) {
            guard extent.entry.offset == end else {
                throw FormatError(
                    source: source.name, offset: extent.entry.offset,
                    received: "tensor '\(extent.entry.name)' begins here",
                    expected: "it at byte \(end), where the one before ends",
                    remedy: "the header is damaged: fetch or write the file again")
            }
            end = extent.end
            entries.append(extent.entry)
        }
        guard end == source.count else {
            throw FormatError(
                source: source.name, offset: end,
                received: "the tensors end here, the file at byte \(source.count)",
                expected: "both at the same byte",
                remedy: "the file is damaged or cut short: fetch or write it again")
        }
    }

    // MARK: Writing

    /// The bytes of the header for `tensors`, laid out in the given order.
    static func data(
        for tensors: [(name: String, tensor: Tensor)], metadata: [String: String], source: String
    ) throws(FormatError) -> [UInt8] {
        var members: [String] = []
        if !metadata.isEmpty {
            let texts = metadata.sorted { $0.key < $1.key }.map { $0.key.quoted + ":" + $0.value.quoted }
            members.append("\"\(metadataKey)\":{" + texts.joined(separator: ",") + "}")
        }
        var names: Set<String> = [metadataKey, ""]
        var offset = 0
        for (name, tensor) in tensors {
            guard names.insert(name).inserted else {
                throw FormatError(
                    source: source, received: "a tensor named '\(name)'",
                    expected: "names that are not empty, not \(metadataKey), and used once")
            }
            let type =
                switch tensor.dtype {
                case .float32: "F32"
                case .float64: "F64"
                case .bfloat16: "BF16"
                case .int32: "I32"
                case .uint8: "U8"
                }
            let shape = tensor.shape.dimensions.map(String.init).joined(separator: ",")
            let end = offset + tensor.byteCount
            members.append(
                "\(name.quoted):{\"dtype\":\"\(type)\",\"shape\":[\(shape)],\"data_offsets\":[\(offset),\(end)]}"
            )
            offset = end
        }
        var text = Array(("{" + members.joined(separator: ",") + "}").utf8)
        text += [UInt8](repeating: 0x20, count: (8 - text.count % 8) % 8)
        guard text.count <= lengthLimit else {
            throw FormatError(
                source: source, received: "a header of \(text.count) bytes",
                expected: "at most \(lengthLimit)",
                remedy: "store fewer tensors or less metadata")
        }
        return (0..<8).map { UInt8(truncatingIfNeeded: text.count >> (8 * $0)) } + text
    }
}

extension TextScanner {
    /// Consumes a JSON object; `member` consumes each value and is told the key and where it stands.
    fileprivate mutating func object(
        _ member: (inout TextScanner, String, Int) throws(FormatError) -> Void
    ) throws(FormatError) {
        try expect("{")
        if take("}") { return }
        repeat {
            _ = peek()
            let start = position
            let key = try jsonString()
            try expect(":")
            try member(&self, key, start)
        } while take(",")
        try expect("}")
    }

    /// Consumes a JSON array of at most `limit` whole numbers.
    fileprivate mutating func integers(limit: Int) throws(FormatError) -> [Int] {
        try expect("[")
        var values: [Int] = []
        if take("]") { return values }
        repeat {
            guard values.count < limit else { throw unexpected("at most \(limit) numbers") }
            values.append(try unsignedInteger())
        } while take(",")
        try expect("]")
        return values
    }
}
