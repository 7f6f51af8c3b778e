import FoveaFormats

/// What stops a training, an evaluation or the loading of a model.
public struct TrainingError: ClassifiedError, Hashable {
    /// What is at fault.
    public enum Reason: Hashable, Sendable {
        /// A setting that has no meaning.
        case configuration
        /// Data that do not fit the network.
        case data
        /// A loss that is no number, at the given step (counted from 1).
        case diverged(step: Int)
        /// Weights that do not fit the network.
        case weights
        /// A model file that does not say what is needed.
        case modelFile
        /// A checkpoint or a run directory that does not fit the run.
        case checkpoint
    }

    /// What is at fault.
    public var reason: Reason
    /// What sort of failure this is.
    public var kind: FailureKind
    /// What was received, what was expected, where, and how to mend it.
    public var message: String

    /// An error for `reason`.
    public init(_ reason: Reason, kind: FailureKind = .badData, _ message: String) {
        self.reason = reason
        self.kind = kind
        self.message = message
    }

    /// What failed, where, and how to mend it.
    public var description: String { message }
}
