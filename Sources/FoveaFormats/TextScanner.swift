/// A strict reader of the short texts in file headers: JSON for safetensors, a Python dictionary for npy.
///
/// Every method either advances past what it read or throws with the byte where the text went wrong. Nothing recurses
/// on the text, so no text can exhaust the stack.
struct TextScanner {
    private let bytes: [UInt8]
    let sourceName: String
    let base: Int
    private(set) var position = 0

    /// A scanner of `bytes`, which lie at the offset `base` of the file called `source`.
    init(_ bytes: [UInt8], source: String, base: Int) {
        self.bytes = bytes
        sourceName = source
        self.base = base
    }

    /// Whether only blanks are left.
    var isAtEnd: Bool { bytes[position...].allSatisfy(Self.isBlank) }

    /// The next byte that is no blank, not consumed; `nil` at the end.
    mutating func peek() -> UInt8? {
        while position < bytes.count, Self.isBlank(bytes[position]) { position += 1 }
        return position < bytes.count ? bytes[position] : nil
    }

    /// Consumes `character` where it comes next, and tells whether it did.
    mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard peek() == UInt8(ascii: character) else { return false }
        position += 1
        return true
    }

    /// Consumes `character`, which must come next.
    mutating func expect(_ character: Unicode.Scalar) throws(FormatError) {
        guard take(character) else { throw unexpected("'\(character)'") }
    }

    /// Consumes `word` where it comes next, and tells whether it did.
    mutating func take(word: String) -> Bool {
        guard peek() != nil, bytes[position...].starts(with: word.utf8) else { return false }
        position += word.utf8.count
        return true
    }

    /// Consumes a whole number that fits 63 bits, without sign or leading zeros.
    mutating func unsignedInteger() throws(FormatError) -> Int {
        guard let first = peek(), Self.isDigit(first) else { throw unexpected("a whole number") }
        let start = position
        var value = 0
        while position < bytes.count, Self.isDigit(bytes[position]) {
            let (scaled, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = scaled.addingReportingOverflow(Int(bytes[position] - 0x30))
            guard !overflow, !carry else {
                throw error(at: start, "a number of more than 63 bits", expected: "a smaller one")
            }
            value = sum
            position += 1
        }
        if first == 0x30, position - start > 1 {
            throw error(at: start, "a number with a leading zero", expected: "one without")
        }
        return value
    }

    /// Consumes a string in single or double quotes that has no escape and no control character.
    mutating func pythonString() throws(FormatError) -> String {
        guard let quote = peek(), quote == UInt8(ascii: "'") || quote == UInt8(ascii: "\"") else {
            throw unexpected("a quoted string")
        }
        let start = position + 1
        guard let end = bytes[start...].firstIndex(of: quote) else {
            throw error(at: position, "a string without an end", expected: "a closing quote")
        }
        if let index = bytes[start..<end].firstIndex(where: { $0 == UInt8(ascii: "\\") || $0 < 0x20 }) {
            throw error(at: index, "a backslash or control character in a string", expected: "plain text")
        }
        position = end + 1
        return try utf8(bytes[start..<end], at: start)
    }

    /// Consumes a JSON string (RFC 8259, section 7).
    mutating func jsonString() throws(FormatError) -> String {
        try expect("\"")
        let start = position
        var text: [UInt8] = []
        var run = position
        while position < bytes.count {
            switch bytes[position] {
            case UInt8(ascii: "\""):
                let end = position
                position += 1
                // The usual case, a string without escapes, is taken in one piece.
                if run == start { return try utf8(bytes[start..<end], at: start) }
                text += bytes[run..<end]
                return try utf8(text[...], at: start)
            case UInt8(ascii: "\\"):
                text += bytes[run..<position]
                try escape(into: &text)
                run = position
            case 0..<0x20:
                throw error(
                    at: position, "a control character in a string", expected: "an escape such as \\n")
            default: position += 1
            }
        }
        throw error(at: start, "a string without an end", expected: "a closing quote")
    }

    private mutating func escape(into text: inout [UInt8]) throws(FormatError) {
        let start = position
        position += 1
        let code = position < bytes.count ? bytes[position] : 0
        position += 1
        switch code {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(code)
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "f"): text.append(0x0C)
        case UInt8(ascii: "n"): text.append(0x0A)
        case UInt8(ascii: "r"): text.append(0x0D)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "u"):
            var value = try hexadecimal(at: start)
            if value >> 10 == 0x36, bytes[position...].starts(with: "\\u".utf8) {
                position += 2
                let low = try hexadecimal(at: start)
                if low >> 10 == 0x37 { value = 0x10000 + (value & 0x3FF) << 10 + low & 0x3FF }
            }
            guard let scalar = Unicode.Scalar(value) else {
                throw error(at: start, "half of a surrogate pair", expected: "both halves")
            }
            text += Array(String(Character(scalar)).utf8)
        default:
            throw error(
                at: start, "an unknown escape in a string",
                expected: "one of \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\u")
        }
    }

    private mutating func hexadecimal(at start: Int) throws(FormatError) -> UInt32 {
        let digits = bytes[position...].prefix(4)
        var value: UInt32 = 0
        for byte in digits {
            guard byte < 0x80, let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
                throw error(at: start, "an escape with a wrong digit", expected: "four hexadecimal digits")
            }
            value = value << 4 | UInt32(digit)
        }
        guard digits.count == 4 else {
            throw error(at: start, "an escape cut short", expected: "four hexadecimal digits")
        }
        position += 4
        return value
    }

    private func utf8(_ slice: ArraySlice<UInt8>, at start: Int) throws(FormatError) -> String {
        let text = String(decoding: slice, as: UTF8.self)
        // Decoding repairs what is not UTF-8, which changes the bytes.
        guard text.utf8.elementsEqual(slice) else {
            throw error(at: start, "a string that is not UTF-8", expected: "UTF-8")
        }
        return text
    }

    /// The error that something else than `expected` comes next.
    mutating func unexpected(_ expected: String) -> FormatError {
        guard let next = peek() else {
            return error(at: position, "the header ends here", expected: expected)
        }
        let shown =
            (0x20..<0x7F).contains(next)
            ? "'\(Character(Unicode.Scalar(next)))'" : "the byte 0x\(String(next, radix: 16))"
        return error(at: position, shown, expected: expected)
    }

    /// The error that `received` stands at `position`.
    func error(at position: Int, _ received: String, expected: String) -> FormatError {
        FormatError(
            source: sourceName, offset: base + position, received: received, expected: expected,
            remedy: "the header is damaged: fetch or write the file again")
    }

    private static func isBlank(_ byte: UInt8) -> Bool {
        byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09
    }
    private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
}
