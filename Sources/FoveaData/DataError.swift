import FoveaFormats

/// A data set that cannot be found, read, divided or served as asked.
public struct DataError: ClassifiedError, Hashable {
    /// What sort of failure this is.
    public var kind: FailureKind
    /// What was received, what was expected, where, and how to mend it.
    public var message: String

    /// An error of kind `badData`.
    public init(_ message: String) {
        self.init(.badData, message)
    }

    /// An error of `kind`.
    public init(_ kind: FailureKind, _ message: String) {
        self.kind = kind
        self.message = message
    }

    /// The error of a file, which already says all.
    public init(_ error: FormatError) {
        self.init(error.kind, error.description)
    }

    /// The message, on one line.
    public var description: String { message.onOneLine }
}

/// What `body` gives, with the error of a file turned into that of a data set.
func asDataError<Result>(_ body: () throws(FormatError) -> Result) throws(DataError) -> Result {
    do throws(FormatError) { return try body() } catch { throw DataError(error) }
}
