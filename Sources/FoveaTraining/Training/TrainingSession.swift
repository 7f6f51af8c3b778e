import FoveaCPU
import FoveaData
import FoveaGraph
import FoveaNN
import FoveaTensor

/// A training under way: the plan, where it stands, and what it has seen.
///
/// Everything that happens is a function of the variables, the progress and the seed, which are what a
/// checkpoint holds.
final class TrainingSession {
    let configuration: TrainingConfiguration
    let network: Network
    let training: TrainingPlan
    var progress = TrainingProgress()
    /// The numbers of the best epoch, where they are to be restored.
    var best: ModelState?
    /// The number of steps of an epoch and of the whole run.
    let span: LearningRate.Span
    private let samplesToTrain: SampleSet
    private let order: BatchOrder
    private var loader: BatchLoader?
    private let validation: SampleSet?
    private let isClassification: Bool
    private let clock = ContinuousClock()
    /// The most samples that are validated together.
    static let validationBatchSize = 256
    private lazy var validationPlan: Result<PredictionPlan, any Error> = Result {
        try PredictionPlan(
            network: network, batchSize: min(Self.validationBatchSize, validation?.count ?? 1),
            backend: backend)
    }
    private let backend: any Backend
    /// What the plan was compiled for, where the backend has a choice of it.
    var cpuBackend: CPUBackend? { backend as? CPUBackend }

    /// - Throws: ``TrainingError`` where the settings have no meaning or the data do not fit the network,
    ///   what the graph and the backend throw otherwise.
    init(
        configuration: TrainingConfiguration, network: Network, set: SampleSet, validation: SampleSet?,
        backend: any Backend
    ) throws {
        try configuration.validate()
        try Self.check(configuration, network: network, set: set, validation: validation)
        self.configuration = configuration
        self.network = network
        self.validation = validation
        self.backend = backend
        if case .classification = network.task { isClassification = true } else { isClassification = false }
        samplesToTrain = set
        order = try BatchOrder(
            indices: set.indices, batchSize: configuration.batchSize,
            order: configuration.shuffles ? .shuffled(seed: configuration.seed) : .sequential,
            remainder: .filled)
        span = LearningRate.Span(
            steps: configuration.epochs * order.batchesPerEpoch, stepsPerEpoch: order.batchesPerEpoch)
        training = try TrainingPlan(
            network: network, batchSize: configuration.batchSize,
            optimizer: configuration.optimizer.optimizer, frozen: configuration.frozen,
            backend: backend, seed: configuration.seed)
    }

    private static func check(
        _ configuration: TrainingConfiguration, network: Network, set: SampleSet, validation: SampleSet?
    ) throws {
        try DataCheck.check(set, fits: network, as: "the training set")
        if let validation { try DataCheck.check(validation, fits: network, as: "the validation set") }
        try DataCheck.check(training: set, validation: validation)
        guard configuration.batchSize <= set.count else {
            throw TrainingError(
                .configuration,
                "the batch size is \(configuration.batchSize) and there are \(set.count) training samples; "
                    + "lower it to \(set.count) or less")
        }
        guard configuration.augmentation == nil || set.dataset.sampleShape.rank == 3 else {
            throw TrainingError(
                .configuration,
                "there is an augmentation of images and a sample is \(set.dataset.sampleShape); leave it out")
        }
        guard validation != nil || !(configuration.restoresBest || configuration.patience != nil) else {
            throw TrainingError(
                .configuration,
                "the best epoch and early stopping are decided on a validation set, and there is none")
        }
        if case .regression = network.task, configuration.monitor == .accuracy {
            throw TrainingError(.configuration, "a regression has no accuracy to monitor; monitor the loss")
        }
        let (product, overflow) = configuration.epochs.multipliedReportingOverflow(by: set.count)
        guard !overflow, product / configuration.batchSize < Int(Int32.max) else {
            throw TrainingError(
                .configuration, "\(configuration.epochs) epochs are more than 2^31 steps; make fewer")
        }
    }

    /// The number of samples that are trained on.
    var samples: Int { samplesToTrain.count }

    /// The number of steps of the whole run.
    var steps: Int { span.steps }

    /// Whether the present epoch has all its steps.
    var isEpochOver: Bool { progress.step == progress.epoch * span.stepsPerEpoch }

    /// Makes one step.
    ///
    /// - Throws: ``TrainingError`` where the loss is no number.
    func makeStep() throws {
        let start = clock.now
        let step = progress.step
        training.set(learningRate: configuration.learningRate.rate(at: step, of: span), step: step)
        try loadBatch(step: step)
        try training.plan.execute()
        let loss = training.lastLoss
        guard training.isLastObjectiveFinite else {
            throw divergence(step: step, loss: loss)
        }
        progress.step = step + 1
        progress.sums.steps += 1
        progress.sums.samples += configuration.batchSize
        progress.sums.loss += Double(loss)
        if isClassification { progress.sums.correct += training.countCorrect() }
        let elapsed = (clock.now - start).components
        progress.sums.seconds += Double(elapsed.seconds) + Double(elapsed.attoseconds) * 1e-18
        lastLoss = loss
    }

    /// Puts the batch of the step before which `step` were made into the plan.
    private func loadBatch(step: Int) throws {
        if loader == nil {
            let (epoch, batch) = step.quotientAndRemainder(dividingBy: span.stepsPerEpoch)
            loader = try BatchLoader(
                samplesToTrain.dataset, order: order, preprocessing: samplesToTrain.preprocessing,
                augmentation: configuration.augmentation, seed: configuration.seed,
                from: BatchPosition(epoch: epoch, batch: batch))
        }
        loader!.next { batch in
            training.withBatch { features, answers in
                features.copyMemory(from: UnsafeRawBufferPointer(batch.samples))
                answers.copyMemory(
                    from: isClassification
                        ? UnsafeRawBufferPointer(batch.labels) : UnsafeRawBufferPointer(batch.values))
            }
        }
    }

    /// The loss of the last step.
    private(set) var lastLoss: Float = 0

    /// The step made last.
    var stepRecord: StepRecord {
        StepRecord(
            step: progress.step, epoch: progress.epoch, loss: lastLoss, meanLoss: progress.sums.meanLoss,
            meanAccuracy: isClassification ? progress.sums.meanAccuracy : nil,
            learningRate: configuration.learningRate.rate(at: progress.step - 1, of: span),
            samplesPerSecond: progress.sums.samplesPerSecond)
    }

    /// Evaluates, takes stock, and begins the next epoch.
    func endEpoch() throws -> EpochRecord {
        var metrics: [String: Double]?
        var isBest = false
        if let validation {
            let plan = try validationPlan.get()
            let state = training.modelState
            plan.load(state)
            let evaluation = try plan.evaluate(task: network.task, on: validation)
            metrics = Dictionary(uniqueKeysWithValues: evaluation.values.map { ($0.name, $0.value) })
            let score = configuration.monitor.score(
                loss: evaluation.loss, accuracy: evaluation.classification?.accuracy)
            // A score that is no number is better than none and worse than any.
            if progress.bestScore == nil || score > progress.bestScore!
                || (progress.bestScore!.isNaN && !score.isNaN)
            {
                progress.bestScore = score
                progress.bestEpoch = progress.epoch
                isBest = true
                if configuration.restoresBest { best = state }
            }
        }
        let sums = progress.sums
        let record = EpochRecord(
            epoch: progress.epoch, step: progress.step, loss: sums.meanLoss,
            accuracy: isClassification ? sums.meanAccuracy : nil, penalty: training.lastPenalty,
            learningRate: configuration.learningRate.rate(at: progress.step - 1, of: span),
            validation: metrics,
            isBest: isBest, seconds: sums.seconds, samplesPerSecond: sums.samplesPerSecond)
        progress.epochs.append(record)
        progress.epoch += 1
        progress.sums = TrainingProgress.Sums()
        return record
    }

    /// Whether no epoch was better for as many as the patience allows.
    var isPatienceOver: Bool {
        guard let patience = configuration.patience, progress.bestEpoch > 0 else { return false }
        return progress.epoch - 1 - progress.bestEpoch >= patience
    }

    /// What happened, with the given end.
    func history(_ outcome: TrainingHistory.Outcome) -> TrainingHistory {
        TrainingHistory(
            epochs: progress.epochs, steps: progress.step, outcome: outcome, bestEpoch: progress.bestEpoch)
    }

    private func divergence(step: Int, loss: Float) -> TrainingError {
        let rate = configuration.learningRate.rate(at: step, of: span)
        var text = "step \(step + 1) (epoch \(progress.epoch)): the loss is \(loss)"
        if let row = training.firstNonFiniteSample {
            let place = step % span.stepsPerEpoch * configuration.batchSize + row
            let index = order.indices(ofEpoch: step / span.stepsPerEpoch)[place % samplesToTrain.count]
            text +=
                "; sample \(index) of '\(samplesToTrain.dataset.name)' holds a number that is not finite: mend the data"
        } else {
            if let key = training.firstNonFiniteParameter {
                text += "; '\(key)' holds a number that is not finite"
            }
            text += "; lower the learning rate (it is \(rate)), scale the inputs, or add normalization"
        }
        return TrainingError(.diverged(step: step + 1), text)
    }
}
