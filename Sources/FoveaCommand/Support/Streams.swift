import Foundation

/// Where results go.
enum StandardOutput {
    /// Writes `text`.
    ///
    /// - Throws: ``Failure`` where it cannot be written, since a result that got lost is no result.
    static func write(_ text: String) throws {
        guard writeAll(text, to: STDOUT_FILENO) else {
            throw Failure(
                .inputOutput,
                "standard output: cannot write: \(String(cString: strerror(errno)).lowercased()); "
                    + "check where it goes and the space left there")
        }
    }

    /// Writes `text` and gives the exit status.
    static func finish(_ text: String) -> Int32 {
        do {
            try write(text)
            return 0
        } catch {
            return Failure.report(error)
        }
    }

    /// Whether a person looks at it.
    static var isTerminal: Bool { isatty(STDOUT_FILENO) == 1 }
}

/// Where everything but results goes.
enum StandardError {
    /// Writes `text`, if it can be.
    static func write(_ text: String) {
        _ = writeAll(text, to: STDERR_FILENO)
    }

    /// Whether a person looks at it.
    static var isTerminal: Bool { isatty(STDERR_FILENO) == 1 }
}

private func writeAll(_ text: String, to descriptor: Int32) -> Bool {
    var text = text
    return text.withUTF8 { bytes in
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
            if count < 0 {
                if errno == EINTR { continue }
                return false
            }
            rest = rest.dropFirst(count)
        }
        return true
    }
}
