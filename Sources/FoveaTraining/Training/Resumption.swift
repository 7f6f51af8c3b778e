import FoveaData
import FoveaFormats
import FoveaGraph
import FoveaNN
import FoveaTensor

extension Trainer {
    /// Goes on with the run in `directory` from its latest checkpoint that can be read, or from `checkpoint`.
    ///
    /// The data must be those of the run. The log is cut to where the checkpoint was written and later
    /// checkpoints are removed, so that the folder ends up as if the run had never stopped, to the bit in all
    /// numbers but the times.
    ///
    /// - Parameters:
    ///   - directory: the folder of the run.
    ///   - checkpoint: the path of one of its checkpoints; the latest unless given.
    ///   - validation: the validation set, where the run had one of its own.
    ///   - network: the network, where it was made in code.
    ///   - optimizer: the optimizer, where it is not one of this library's.
    /// - Throws: ``TrainingError`` where there is no checkpoint or the data or the network are not those of
    ///   the run; as ``fit(_:on:validation:)``.
    public static func resume(
        from directory: RunDirectory, checkpoint: String? = nil, on data: Dataset, validation: Dataset? = nil,
        network: Network? = nil, optimizer: (any Optimizer)? = nil,
        backend: any Backend = StandardBackend.make(), stopRequest: StopRequest? = nil,
        onEvent: ((TrainingEvent) -> Void)? = nil
    ) throws -> (model: Model, history: TrainingHistory) {
        let saved =
            if let checkpoint {
                try Checkpoint(contentsOf: checkpoint, optimizer: optimizer)
            } else {
                try latest(in: directory, optimizer: optimizer)
            }
        let header = saved.header
        let asked = try self.validation(header, validation)
        guard try SampleSet(data, preprocessing: .identity).fingerprint() == header.dataFingerprint else {
            throw TrainingError(
                .checkpoint,
                "the data '\(data.name)' are not those that the run in \(directory.path) was made with; "
                    + "give the same data, or begin a new run")
        }
        guard let network = try network ?? header.architecture?.network() else {
            throw TrainingError(
                .checkpoint,
                "the network of the run in \(directory.path) was made in code; give it to resume the run")
        }
        var model = try Model(
            network, architecture: header.architecture, labels: header.labels,
            preprocessing: header.preprocessing,
            backend: backend
        ) { variables in
            ModelState(
                try WeightMatching.match(
                    saved.variables.filter { !$0.name.hasPrefix("optimizer.") }, to: variables,
                    source: saved.path))
        }
        let trainer = Trainer(
            header.configuration, runDirectory: directory, stopRequest: stopRequest, onEvent: onEvent)
        let parts = try asked.divide(data, seed: header.configuration.seed)
        let session = try trainer.makeSession(model, data, parts)
        try session.restore(saved, variables: try network.variables())
        directory.removeCheckpoints { $0 > saved.step }
        let keeper = try trainer.makeKeeper(directory, model, data, asked, logLength: header.logLength)
        onEvent?(.started(trainer.start(session, parts)))
        let history = try trainer.finish(session, keeper: keeper, model: &model, data: data)
        return (model, history)
    }

    /// The latest checkpoint that can be read.
    private static func latest(in directory: RunDirectory, optimizer: (any Optimizer)?) throws -> Checkpoint {
        var failure: (any Error)?
        for path in directory.checkpoints().reversed() {
            do {
                return try Checkpoint(contentsOf: path, optimizer: optimizer)
            } catch let error as FormatError {
                // A damaged file; the one before it serves.
                failure = failure ?? error
            }
        }
        throw failure
            ?? TrainingError(
                .checkpoint, kind: .missingInput,
                "\(directory.path) has no checkpoint to resume from; give the folder of a run")
    }

    private static func validation(_ header: Checkpoint.Header, _ given: Dataset?) throws -> Validation {
        switch (header.validation, given) {
        case (.none, nil): return .none
        case (.fraction(let fraction), nil): return .fraction(fraction)
        case (.set(let fingerprint), let data?):
            guard try SampleSet(data, preprocessing: .identity).fingerprint() == fingerprint else {
                throw TrainingError(
                    .checkpoint, "the validation set '\(data.name)' is not the run's; give the same set")
            }
            return .set(data)
        case (.set, nil):
            throw TrainingError(
                .checkpoint, "the run has a validation set of its own; give it to resume the run")
        case (_, _?):
            throw TrainingError(
                .checkpoint, "the run has no validation set of its own; leave it out to resume the run")
        }
    }
}

extension TrainingSession {
    /// Takes over the variables and the progress of `checkpoint`.
    ///
    /// - Throws: ``TrainingError`` where they do not fit the run.
    func restore(_ checkpoint: Checkpoint, variables: [Graph.Variable]) throws {
        let progress = checkpoint.header.progress
        guard (0...steps).contains(progress.step), progress.epoch >= 1,
            progress.step / span.stepsPerEpoch == progress.epoch - 1,
            progress.epochs.count == progress.epoch - 1
        else {
            throw TrainingError(
                .checkpoint,
                "\(checkpoint.path): step \(progress.step) of epoch \(progress.epoch) is not a place in a run "
                    + "of \(steps) steps; resume from another checkpoint")
        }
        try training.load(checkpoint.variables, source: checkpoint.path)
        if configuration.restoresBest, progress.bestEpoch > 0 {
            let tensors = checkpoint.best.map { (name: $0.key, tensor: $0.value) }
            best = ModelState(
                try WeightMatching.match(tensors, to: variables, source: checkpoint.path + " (best)"))
        }
        self.progress = progress
    }
}
