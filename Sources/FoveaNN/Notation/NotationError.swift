/// What is wrong in an architecture's notation, and where.
public struct NotationError: Error, Hashable, Sendable {
    /// What was received, what was expected, and how to mend it, in one line.
    public var message: String
    /// The place of the error, in characters from 1.
    public var column: Int
    /// The notation, or the part of it around the column where it is long, on one line.
    public var excerpt: String
    /// The place of the error in the excerpt, in characters from 1.
    public var excerptColumn: Int

    init(_ message: String, at column: Int, in text: [Character]) {
        let start = max(0, min(column - 1 - 40, text.count - 80))
        let end = min(start + 80, text.count)
        self.message = message
        self.column = column
        // Line breaks and tabs would move the caret away from its place.
        excerpt = String(text[start..<end].map { $0.isWhitespace ? " " : $0 })
        excerptColumn = column - start
    }
}

extension NotationError: CustomStringConvertible {
    /// The message with the column, then the notation with a caret below the place.
    ///
    ///     column 5: there is no layer 'rleu'; did you mean 'relu'?
    ///       fc 8 - rleu
    ///              ^
    public var description: String {
        "column \(column): \(message)\n  \(excerpt)\n  "
            + String(repeating: " ", count: max(excerptColumn - 1, 0)) + "^"
    }
}
