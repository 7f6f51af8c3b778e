/// What the dictionary at the head of an .npy file says: exactly the keys `descr`, `fortran_order` and `shape`.
struct NPYHeader {
    /// The type of the elements.
    private(set) var type = ElementType.float32
    /// Whether the most significant byte of an element comes first.
    private(set) var isBigEndian = false
    /// Whether the first index changes fastest.
    private(set) var isFortranOrder = false
    /// The extents.
    private(set) var dimensions: [Int] = []

    private static let types: [String: ElementType] = [
        "b1": .bool, "u1": .uint8, "u2": .uint16, "u4": .uint32, "u8": .uint64, "i1": .int8, "i2": .int16,
        "i4": .int32, "i8": .int64, "f2": .float16, "f4": .float32, "f8": .float64,
    ]

    /// Reads the dictionary in `bytes`, which lie at the offset `base` of the file called `source`.
    init(_ bytes: [UInt8], source: String, base: Int) throws(FormatError) {
        let keys = "'descr', 'fortran_order' and 'shape'"
        var scanner = TextScanner(bytes, source: source, base: base)
        var seen = Set<String>()
        try scanner.expect("{")
        while !scanner.take("}") {
            let start = scanner.position
            let key = try scanner.pythonString()
            guard seen.insert(key).inserted else {
                throw scanner.error(at: start, "the key '\(key)' twice", expected: "it once")
            }
            try scanner.expect(":")
            switch key {
            case "descr": try readType(&scanner)
            case "fortran_order":
                isFortranOrder = scanner.take(word: "True")
                if !isFortranOrder, !scanner.take(word: "False") { throw scanner.unexpected("True or False") }
            case "shape": try readShape(&scanner)
            default: throw scanner.error(at: start, "the key '\(key)'", expected: keys)
            }
            guard scanner.take(",") else {
                try scanner.expect("}")
                break
            }
        }
        guard seen.count == 3 else {
            throw scanner.error(at: 0, "a header with the keys \(seen.sorted())", expected: keys)
        }
        guard scanner.isAtEnd else { throw scanner.unexpected("nothing more in the header") }
    }

    private mutating func readType(_ scanner: inout TextScanner) throws(FormatError) {
        let next = scanner.peek()
        let start = scanner.position
        let text = next == UInt8(ascii: "[") ? "[...]" : try scanner.pythonString()
        let order = text.first
        guard let type = Self.types[String(text.dropFirst())],
            order == "<" || order == ">" || order == "=" || (order == "|" && type.size == 1)
        else {
            throw FormatError(
                source: scanner.sourceName, offset: scanner.base + start,
                received: "elements of type '\(text)'",
                expected: "one of b1, u1 to u8, i1 to i8, f2 to f8 in little or big endian",
                remedy: "convert the array before saving it, such as array.astype('float32')")
        }
        self.type = type
        isBigEndian = order == ">"
    }

    private mutating func readShape(_ scanner: inout TextScanner) throws(FormatError) {
        try scanner.expect("(")
        while !scanner.take(")") {
            guard dimensions.count < Extent.maximumRank else {
                throw scanner.unexpected("at most \(Extent.maximumRank) axes")
            }
            dimensions.append(try scanner.unsignedInteger())
            // Python 2 wrote long integers with this letter.
            _ = scanner.take(word: "L")
            guard scanner.take(",") else {
                try scanner.expect(")")
                break
            }
        }
    }
}
