import ArgumentParser
import Foundation
import Fovea

/// Why a command ends without having done what it was asked for.
struct Failure: Error {
    /// The exit statuses of `sysexits.h` that the command uses, and those of signals.
    enum Status: Int32 {
        case usage = 64
        case badData = 65
        case missingInput = 66
        case internalError = 70
        case cannotWrite = 73
        case inputOutput = 74
    }

    var status: Status
    /// What was received, what was expected, where, and how to mend it.
    var message: String

    init(_ status: Status, _ message: String) {
        self.status = status
        self.message = message
    }

    /// Writes one line about `error` to standard error, or the help that was asked for to standard output, and gives the
    /// exit status.
    static func report(_ error: any Error) -> Int32 {
        if let exit = error as? ExitCode { return exit.rawValue }
        let failure: Failure
        switch status(of: error) {
        case let status?:
            failure = Failure(status, (error as? Failure)?.message ?? "\(error)")
        case nil:
            let code = FoveaCommand.exitCode(for: error)
            let message = FoveaCommand.message(for: error)
            guard code != .success else {
                // Help or the version.
                return StandardOutput.finish(FoveaCommand.fullMessage(for: error) + "\n")
            }
            guard code == .validationFailure else {
                failure = Failure(.internalError, "\(error)")
                break
            }
            let text = message.split(separator: "\n").joined(separator: " ")
            failure = Failure(.usage, text + "; 'fovea help' and 'fovea help SUBCOMMAND' tell what there is")
        }
        StandardError.write("fovea: \(failure.message)\n")
        return failure.status.rawValue
    }

    /// The status for an error of this project; `nil` for one that the parser of arguments knows.
    private static func status(of error: any Error) -> Status? {
        switch error {
        case let failure as Failure: failure.status
        case let error as any ClassifiedError: Status(error.kind)
        case is NotationError, is GraphError, is ZooError, is ImageError: .badData
        case is PlanError: .internalError
        default: nil
        }
    }
}

extension Failure.Status {
    init(_ kind: FailureKind) {
        switch kind {
        case .badData: self = .badData
        case .missingInput: self = .missingInput
        case .cannotWrite: self = .cannotWrite
        case .inputOutput: self = .inputOutput
        }
    }
}

/// Runs `body`, which reads what was given as an argument; what is wrong with that is wrong usage, unless a file is.
func parsing<Result>(_ body: () throws -> Result) throws -> Result {
    do {
        return try body()
    } catch let error as TrainingError where error.reason == .configuration && error.kind == .badData {
        throw Failure(.usage, error.message)
    } catch let error as NotationError {
        throw Failure(.usage, error.description)
    } catch let error as GraphError {
        throw Failure(.usage, error.description)
    } catch let error as ZooError {
        throw Failure(.usage, error.description)
    }
}
