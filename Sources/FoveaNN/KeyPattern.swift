/// A pattern that keys of parameters match, such as `layer1.*` or `*.bias`.
///
/// `*` stands for any letters, dots among them, and `?` for one. A pattern matches a key as a whole, or the path of a layer
/// that holds it: `layer1` matches `layer1.0.conv1.weight` and not `layer10.weight`.
public struct KeyPattern: Hashable, Sendable {
    /// The pattern as it is written.
    public let text: String

    /// The pattern `text`.
    public init(_ text: String) {
        self.text = text
    }

    /// Whether `key`, or a layer on its path, is as the pattern says.
    public func matches(_ key: String) -> Bool {
        let (pattern, letters) = (Array(text.utf8), Array(key.utf8))
        let dot = UInt8(ascii: ".")
        // Which beginnings of the key the pattern's beginning matches; one row of the usual table.
        var reached = [Bool](repeating: false, count: letters.count + 1)
        reached[0] = true
        for letter in pattern {
            var next = [Bool](repeating: false, count: letters.count + 1)
            for end in 0...letters.count {
                switch letter {
                case UInt8(ascii: "*"): next[end] = reached[end] || (end > 0 && next[end - 1])
                case UInt8(ascii: "?"): next[end] = end > 0 && reached[end - 1]
                default: next[end] = end > 0 && reached[end - 1] && letters[end - 1] == letter
                }
            }
            reached = next
        }
        return reached[letters.count] || letters.indices.contains { letters[$0] == dot && reached[$0] }
    }
}

extension KeyPattern: ExpressibleByStringLiteral {
    /// The pattern that a literal writes.
    public init(stringLiteral text: String) {
        self.init(text)
    }
}

extension KeyPattern: Codable {
    /// Reads the pattern as a text.
    public init(from decoder: any Decoder) throws {
        self.init(try decoder.singleValueContainer().decode(String.self))
    }

    /// Writes the pattern as a text.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }
}
