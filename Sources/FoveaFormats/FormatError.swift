/// A file that cannot be read or written as its format says.
public struct FormatError: ClassifiedError, Hashable {
    /// What sort of failure this is.
    public var kind: FailureKind
    /// The path of the file, or the name of the data where it came from memory.
    public var source: String
    /// Where in the file, in bytes from its start; `nil` where the whole file is concerned.
    public var offset: Int?
    /// What was received.
    public var received: String
    /// What was expected instead; empty where there is nothing to say.
    public var expected: String
    /// How to mend it; empty where there is nothing to say.
    public var remedy: String

    /// An error about `source`.
    public init(
        _ kind: FailureKind = .badData, source: String, offset: Int? = nil, received: String,
        expected: String = "", remedy: String = ""
    ) {
        self.kind = kind
        self.source = source
        self.offset = offset
        self.received = received
        self.expected = expected
        self.remedy = remedy
    }
}

extension FormatError: CustomStringConvertible {
    /// One line: `weights.safetensors: byte 8: the header begins with 0x00; expected '{'; write it anew`.
    public var description: String {
        var text = source
        if let offset { text += ": byte \(offset)" }
        text += ": " + received
        if !expected.isEmpty { text += "; expected " + expected }
        if !remedy.isEmpty { text += "; " + remedy }
        return text.onOneLine
    }
}

extension String {
    /// The text with its control characters written as escapes: names from a file must not break a message's line.
    package var onOneLine: String {
        guard unicodeScalars.contains(where: { $0.properties.generalCategory == .control }) else {
            return self
        }
        return unicodeScalars.reduce(into: "") { text, scalar in
            text +=
                scalar.properties.generalCategory == .control ? scalar.escaped(asASCII: true) : String(scalar)
        }
    }
}
