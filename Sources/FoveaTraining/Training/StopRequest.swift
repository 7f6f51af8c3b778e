import Foundation

/// A wish that a training end after the present step, which any thread can utter.
public final class StopRequest: @unchecked Sendable {
    private let lock = NSLock()
    // Guarded by the lock.
    private var requested: Int32?

    /// No wish yet.
    public init() {}

    /// Asks the training to end after the present step, on account of `signal`.
    ///
    /// The first wish counts.
    public func stop(signal: Int32 = SIGINT) {
        lock.withLock { if requested == nil { requested = signal } }
    }

    /// The signal on account of which the training is to end; `nil` where it is not to.
    public var signal: Int32? { lock.withLock { requested } }
}
