import Foundation
import FoveaFormats

/// `metrics.jsonl`: one event a line, each handed to the system when it happens.
final class EventLog {
    private let path: String
    private let handle: FileHandle
    /// The length of the file in bytes.
    private(set) var length: UInt64

    /// Opens the log at `path`, made where it is missing, and cuts it to `length` where that is shorter.
    ///
    /// - Throws: `FormatError` where it cannot be written.
    init(_ path: String, length: UInt64) throws {
        self.path = path
        do {
            if !FileManager.default.fileExists(atPath: path) {
                try Data().write(to: URL(fileURLWithPath: path))
            }
            handle = try FileHandle(forUpdating: URL(fileURLWithPath: path))
            let present = try handle.seekToEnd()
            if present > length { try handle.truncate(atOffset: length) }
            self.length = try handle.seekToEnd()
        } catch {
            throw FormatError(
                .cannotWrite, source: path,
                received: "the log cannot be opened: \(error.localizedDescription)",
                remedy: "check that the folder is there and may be written")
        }
    }

    /// Appends `record` with the name of its event.
    func write(_ event: LogLine) throws {
        try bytes(Data((try JSON.text(event) + "\n").utf8))
    }

    /// Makes what was written durable.
    func sync() throws {
        try failing { try handle.synchronize() }
    }

    private func bytes(_ data: Data) throws {
        try failing { try handle.write(contentsOf: data) }
        length += UInt64(data.count)
    }

    private func failing(_ body: () throws -> Void) throws {
        do { try body() } catch {
            throw FormatError(
                .inputOutput, source: path, received: "writing the log failed: \(error.localizedDescription)",
                remedy: "check the space left on the device")
        }
    }

    deinit { try? handle.close() }
}

/// A line of the log: the name of the event beside its record.
enum LogLine: Encodable {
    case started(TrainingStart)
    case step(StepRecord)
    case epoch(EpochRecord)
    case ended(TrainingHistory.Outcome, steps: Int)

    private enum CodingKeys: String, CodingKey {
        case event, outcome, signal, steps
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        switch self {
        case .started(let record):
            try container.encode("start", forKey: .event)
            try record.encode(to: encoder)
        case .step(let record):
            try container.encode("step", forKey: .event)
            try record.encode(to: encoder)
        case .epoch(let record):
            try container.encode("epoch", forKey: .event)
            try record.encode(to: encoder)
        case .ended(let outcome, let steps):
            try container.encode("end", forKey: .event)
            try container.encode(outcome.name, forKey: .outcome)
            try container.encode(steps, forKey: .steps)
            if case .interrupted(let signal) = outcome { try container.encode(signal, forKey: .signal) }
        }
    }
}

extension TrainingHistory.Outcome {
    /// The name of the outcome in a log or report.
    public var name: String {
        switch self {
        case .completed: "completed"
        case .stoppedEarly: "stoppedEarly"
        case .interrupted: "interrupted"
        }
    }
}
