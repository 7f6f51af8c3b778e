import FoveaData
import FoveaGraph
import FoveaNN
import FoveaTensor

/// What changes a model until it fits the data.
///
/// With a run directory it keeps a log and checkpoints there, from which
/// ``resume(from:checkpoint:on:validation:network:optimizer:backend:stopRequest:onEvent:)`` goes on, to the same bits as
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

    /// Trains `model` on `data`, beginning with its present numbers.
    ///
    /// A model without preprocessing gets one fitted to the training samples: each channel, or each real
    /// feature, to mean 0 and deviation 1; vectors of bytes to 0 ... 1. A model without labels gets the names
    /// of the data's classes. On an error the model is as it was; after an interruption it has the numbers of
    /// the last step.
    ///
    /// - Throws: ``TrainingError`` where the settings have no meaning, the data do not fit, or the loss is no
    ///   number; `DataError`, `GraphError`, `FormatError` and what the backend throws.
    @discardableResult
    public func fit(
        _ model: inout Model, on data: Dataset, validation: Validation = .none
    ) throws -> TrainingHistory {
        var result = model
        let parts = try validation.divide(data, seed: configuration.seed)
        try result.adopt(data, training: parts.training)
        let session = try makeSession(result, data, parts)
        session.training.load(result.state)
        var keeper: RunKeeper?
        if let runDirectory {
            try runDirectory.create()
            keeper = try makeKeeper(runDirectory, result, data, validation, logLength: 0)
        }
        let start = start(session, parts)
        try keeper?.log(.started(start))
        onEvent?(.started(start))
        let history = try finish(session, keeper: keeper, model: &result, data: data)
        model = result
        return history
    }

    // MARK: The parts of a run

    typealias Parts = (training: [Int], validation: (Dataset, [Int])?)

    func makeSession(_ model: Model, _ data: Dataset, _ parts: Parts) throws -> TrainingSession {
        let preprocessing = model.preparation(for: data)
        return try TrainingSession(
            configuration: configuration, network: model.network,
            set: try SampleSet(data, at: parts.training, preprocessing: preprocessing),
            validation: try parts.validation.map {
                try SampleSet($0.0, at: $0.1, preprocessing: preprocessing)
            },
            backend: model.backend)
    }

    func makeKeeper(
        _ directory: RunDirectory, _ model: Model, _ data: Dataset, _ validation: Validation,
        logLength: UInt64
    ) throws -> RunKeeper {
        let configuration = configuration
        let hash = try configuration.hash
        let fingerprint = try SampleSet(data, preprocessing: .identity).fingerprint()
        let record = try validation.record()
        let preprocessing = model.preparation(for: data)
        return try RunKeeper(directory, logLength: logLength) { progress, logLength in
            Checkpoint.Header(
                configuration: configuration, configurationHash: hash, dataFingerprint: fingerprint,
                validation: record, progress: progress, logLength: logLength,
                architecture: model.architecture,
                labels: model.labels, preprocessing: preprocessing)
        }
    }

    func start(_ session: TrainingSession, _ parts: Parts) -> TrainingStart {
        let graph = session.training.plan.graph
        let assigned = Set(graph.assignments.map(\.variable))
        var (parameters, frozen) = (0, 0)
        for (position, variable) in graph.variables.enumerated() where variable.role == .parameter {
            parameters += variable.type.shape.count
            if !assigned.contains(position) { frozen += variable.type.shape.count }
        }
        return TrainingStart(
            epochs: configuration.epochs, steps: session.steps, stepsMade: session.progress.step,
            batchSize: configuration.batchSize, samples: parts.training.count,
            validationSamples: parts.validation?.1.count ?? 0, parameters: parameters,
            frozenParameters: frozen, precision: session.cpuBackend?.precision,
            convolutionAlgorithm: session.cpuBackend?.convolutionAlgorithm,
            recomputesActivations: session.cpuBackend?.recomputesActivations)
    }

    /// Makes the steps that are left, and gives the numbers to `model` and the files to the run directory.
    func finish(
        _ session: TrainingSession, keeper: RunKeeper?, model: inout Model, data: Dataset
    ) throws -> TrainingHistory {
        let outcome = try makeSteps(session, keeper: keeper)
        let history = session.history(outcome)
        if case .interrupted = outcome {
            model.adopt(session.training.modelState)
        } else {
            model.adopt(session.best ?? session.training.modelState)
        }
        model.summary = TrainingSummary(
            epochs: history.epochs.count, steps: history.steps, samples: session.samples,
            seed: configuration.seed,
            validation: session.best == nil ? history.epochs.last?.validation ?? [:] : history.validation)
        if let keeper {
            try keeper.log(.ended(outcome, steps: history.steps))
            if case .interrupted = outcome {
            } else {
                try model.save(to: keeper.directory.modelPath)
                try RunReport(model: model, configuration: configuration, data: data, history: history)
                    .write(to: keeper.directory)
            }
        }
        onEvent?(.ended(outcome))
        return history
    }

    /// Makes steps until the epochs are made, the patience is over, or an end is asked for.
    private func makeSteps(_ session: TrainingSession, keeper: RunKeeper?) throws -> TrainingHistory.Outcome {
        let lines = configuration.logEverySteps ?? max(1, session.span.stepsPerEpoch / 20)
        // A run that ended before it was resumed has nothing left to do.
        if session.isPatienceOver { return .stoppedEarly }
        while session.progress.step < session.steps {
            try session.makeStep()
            let step = session.progress.step
            if let onEvent { onEvent(.step(session.stepRecord)) }
            if let keeper, step % lines == 0 { try keeper.log(.step(session.stepRecord)) }
            var isDue = configuration.checkpointEverySteps.map { step % $0 == 0 } ?? false
            if session.isEpochOver {
                let record = try session.endEpoch()
                try keeper?.log(.epoch(record))
                onEvent?(.epoch(record))
                isDue = true
            }
            let signal = step < session.steps ? stopRequest?.signal : nil
            if let keeper, isDue || signal != nil {
                // Apart from the call, whose argument is not computed where nobody listens.
                let path = try keeper.writeCheckpoint(session)
                onEvent?(.checkpoint(path))
            }
            if session.isPatienceOver { return .stoppedEarly }
            if let signal { return .interrupted(signal: signal) }
        }
        return .completed
    }
}

extension Model {
    /// Takes from `data` what the model does not know yet: labels, and the preprocessing, fitted to the
    /// training samples.
    mutating func adopt(_ data: Dataset, training indices: [Int]) throws {
        if labels.isEmpty, case .classification(let classes) = network.task, let names = data.classNames,
            names.count == classes
        {
            labels = names
        }
        guard preprocessing == nil else { return }
        let isBytes = data.samples.dtype == .uint8
        preprocessing =
            isBytes && data.sampleShape.rank == 1
            ? .bytes : try .standardizing(data, at: indices, scale: isBytes ? 1.0 / 255 : 1)
    }
}
