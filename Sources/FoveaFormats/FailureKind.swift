/// What sort of failure an error is, so that a command can choose its exit status without reading the message.
public enum FailureKind: String, Hashable, Sendable, CaseIterable {
    /// The bytes, numbers or names received are not what they should be (exit status 65).
    case badData
    /// An input is not there or may not be read (exit status 66).
    case missingInput
    /// An output cannot be created where it was asked for (exit status 73).
    case cannotWrite
    /// Reading or writing failed half-way: no space left, a device error (exit status 74).
    case inputOutput
}

/// An error that knows what sort of failure it is.
public protocol ClassifiedError: Error, CustomStringConvertible {
    /// What sort of failure this is.
    var kind: FailureKind { get }
}
