import FoveaGraph
import FoveaNN
import FoveaTensor

/// What changes a model until it fits the data.
///
/// With a run directory it keeps a log and checkpoints there, from which ``resume(from:)`` goes on, to the same bits as
/// never having stopped.
public struct Trainer {
    /// The settings.
    public var configuration: TrainingConfiguration
    /// Where the log, the checkpoints, the model and the report are kept; `nil` to keep nothing.
    public var runDirectory: RunDirectory?
    /// Who may ask for an end.
    public var stopRequest: StopRequest?
    /// Who is told what happens, in the thread that trains and before it goes on.
    public var onEvent: ((TrainingEvent) -> Void)?

    /// A trainer with the given settings.
    public init(
        _ configuration: TrainingConfiguration = TrainingConfiguration(), runDirectory: RunDirectory? = nil,
        stopRequest: StopRequest? = nil, onEvent: ((TrainingEvent) -> Void)? = nil
    ) {
        self.configuration = configuration
        self.runDirectory = runDirectory
        self.stopRequest = stopRequest
        self.onEvent = onEvent
    }

    /// Makes steps until the epochs are made, the patience is over, or an end is asked for.
    func run(
        _ session: TrainingSession, keeper: RunKeeper?
    ) throws -> TrainingHistory.Outcome {
        let lines = configuration.logEverySteps ?? max(1, session.steps / configuration.epochs / 20)
        while session.progress.step < session.steps {
            try session.makeStep()
            let step = session.progress.step
            if let onEvent { onEvent(.step(session.stepRecord)) }
            if let keeper, step % lines == 0 { try keeper.log(.step(session.stepRecord)) }
            var wrote = false
            if session.isEpochOver {
                let record = try session.endEpoch()
                try keeper?.log(.epoch(record))
                onEvent?(.epoch(record))
                try writeCheckpoint(keeper, session)
                wrote = true
                if session.isPatienceOver { return .stoppedEarly }
            }
            let signal = step < session.steps ? stopRequest?.signal : nil
            let isDue = configuration.checkpointEverySteps.map { step % $0 == 0 } ?? false
            if !wrote, isDue || signal != nil { try writeCheckpoint(keeper, session) }
            if let signal { return .interrupted(signal: signal) }
        }
        return .completed
    }

    private func writeCheckpoint(_ keeper: RunKeeper?, _ session: TrainingSession) throws {
        guard let keeper else { return }
        onEvent?(.checkpoint(try keeper.writeCheckpoint(session)))
    }
}
