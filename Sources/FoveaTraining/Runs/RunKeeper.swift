import FoveaData

/// What keeps a run: writes its log and its checkpoints.
final class RunKeeper {
    let directory: RunDirectory
    private let log: EventLog
    private let header: (TrainingProgress, UInt64) -> Checkpoint.Header

    init(
        _ directory: RunDirectory, logLength: UInt64,
        header: @escaping (_ progress: TrainingProgress, _ logLength: UInt64) -> Checkpoint.Header
    ) throws {
        self.directory = directory
        self.header = header
        log = try EventLog(directory.metricsPath, length: logLength)
    }

    /// Appends a line to the log.
    func log(_ line: LogLine) throws { try log.write(line) }

    /// Writes a checkpoint, keeps the one before, removes those before that, and gives the path.
    func writeCheckpoint(_ session: TrainingSession) throws -> String {
        // The log must be durable up to where the checkpoint says, or a resumed run would lack lines.
        try log.sync()
        let step = session.progress.step
        let path = directory.checkpointPath(step: step)
        try Checkpoint.write(header(session.progress, log.length), of: session, to: path)
        let kept = Set(directory.checkpoints().suffix(2))
        directory.removeCheckpoints { !kept.contains(directory.checkpointPath(step: $0)) }
        return path
    }
}
