import Dispatch
import Foundation

/// Turns SIGINT and SIGTERM into a wish to stop, for as long as it exists.
///
/// The signals' own action is switched off meanwhile, and is restored as it was afterwards. What happens on a
/// signal runs on a queue, not in a handler, so nothing there is unsafe. Once the training was asked to stop,
/// a second signal ends the process as usual, should the step hang.
public final class SignalWatcher {
    private let sources: [any DispatchSourceSignal]
    private let previous: [(signal: Int32, action: sigaction)]

    /// Passes the signals on to `request`.
    public init(_ request: StopRequest, signals: [Int32] = [SIGINT, SIGTERM]) {
        var previous: [(Int32, sigaction)] = []
        let registered = DispatchSemaphore(value: 0)
        sources = signals.map { number in
            var old = sigaction()
            sigaction(number, nil, &old)
            previous.append((number, old))
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler {
                request.stop(signal: number)
                signal(number, SIG_DFL)
            }
            source.setRegistrationHandler { registered.signal() }
            source.resume()
            return source
        }
        self.previous = previous
        // Before the queue listens, an ignored signal is lost.
        for _ in signals { registered.wait() }
    }

    deinit {
        for source in sources { source.cancel() }
        for (number, action) in previous {
            var action = action
            sigaction(number, &action, nil)
        }
    }
}
