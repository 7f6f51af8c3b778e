import FoveaGraph
import FoveaNN
import FoveaTensor

/// A training under way: the plan, where it stands, and what it has seen.
///
/// Everything that happens is a function of the variables, the progress and the seed, which are what a checkpoint holds.
final class TrainingSession {
    let configuration: TrainingConfiguration
    let network: Network
    let training: TrainingPlan
    var schedule: TrainingSchedule
    var progress = TrainingProgress()
    /// The numbers of the best epoch, where they are to be restored.
    var best: ModelState?
    private let batches: any BatchFeed
    private let validation: (any SampleSource)?
    private let span: LearningRate.Span
    private let optimizerSteps: Int
    private let isClassification: Bool
    private let clock = ContinuousClock()
    private lazy var validationPlan: Result<PredictionPlan, any Error> = Result {
        try PredictionPlan(network: network, batchSize: min(256, validation?.count ?? 1), backend: backend)
    }
    private let backend: any Backend

    /// - Throws: ``TrainingError`` where the settings have no meaning or the data do not fit the network, what the graph and
    ///   the backend throw otherwise.
    init(
        configuration: TrainingConfiguration, network: Network, source: any SampleSource,
        validation: (any SampleSource)?, backend: any Backend
    ) throws {
        try configuration.validate()
        try Self.check(configuration, network: network, source: source, validation: validation)
        self.configuration = configuration
        self.network = network
        self.validation = validation
        self.backend = backend
        if case .classification = network.task { isClassification = true } else { isClassification = false }
        schedule = TrainingSchedule(
            samples: source.count, batchSize: configuration.batchSize, epochs: configuration.epochs,
            seed: configuration.seed, shuffles: configuration.shuffles)
        span = schedule.span
        optimizerSteps = span.steps
        training = try TrainingPlan(
            network: network, batchSize: configuration.batchSize, optimizer: configuration.optimizer.optimizer,
            backend: backend, seed: configuration.seed)
        batches = DirectFeed(source: source, schedule: schedule)
    }

    private static func check(
        _ configuration: TrainingConfiguration, network: Network, source: any SampleSource,
        validation: (any SampleSource)?
    ) throws {
        try DataCheck.check(source, fits: network, as: "the training set")
        if let validation { try DataCheck.check(validation, fits: network, as: "the validation set") }
        try DataCheck.check(training: source, validation: validation)
        guard configuration.batchSize <= source.count else {
            throw TrainingError(
                .configuration,
                "the batch size is \(configuration.batchSize) and there are \(source.count) training samples; "
                    + "lower it to \(source.count) or less")
        }
        guard validation != nil || !(configuration.restoresBest || configuration.patience != nil) else {
            throw TrainingError(
                .configuration, "the best epoch and early stopping are decided on a validation set, and there is none")
        }
        if case .regression = network.task, configuration.monitor == .accuracy {
            throw TrainingError(.configuration, "a regression has no accuracy to monitor; monitor the loss")
        }
        let (product, overflow) = configuration.epochs.multipliedReportingOverflow(by: source.count)
        guard !overflow, product / configuration.batchSize < Int(Int32.max) else {
            throw TrainingError(.configuration, "\(configuration.epochs) epochs are more than 2^31 steps; make fewer")
        }
    }

    /// The number of steps of the whole run.
    var steps: Int { optimizerSteps }

    /// Whether the present epoch has all its steps.
    var isEpochOver: Bool { progress.step == schedule.lastStep(ofEpoch: progress.epoch) }

    /// Makes one step.
    ///
    /// - Throws: ``TrainingError`` where the loss is no number.
    func makeStep() throws {
        let start = clock.now
        let step = progress.step
        training.set(learningRate: configuration.learningRate.rate(at: step, of: span), step: step)
        training.withBatch { batches.write(step: step, features: $0, answers: $1) }
        try training.plan.execute()
        let loss = training.lastLoss
        guard loss.isFinite, training.lastPenalty?.isFinite ?? true else { throw divergence(step: step, loss: loss) }
        progress.step = step + 1
        progress.sums.steps += 1
        progress.sums.samples += configuration.batchSize
        progress.sums.loss += Double(loss)
        if isClassification { progress.sums.correct += training.countCorrect() }
        let elapsed = (clock.now - start).components
        progress.sums.seconds += Double(elapsed.seconds) + Double(elapsed.attoseconds) * 1e-18
        lastLoss = loss
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
            let score = configuration.monitor.score(loss: evaluation.loss, accuracy: evaluation.classification?.accuracy)
            // A score that is no number is better than none and worse than any.
            if progress.bestScore == nil || score > progress.bestScore! || (progress.bestScore!.isNaN && !score.isNaN) {
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
            learningRate: configuration.learningRate.rate(at: progress.step - 1, of: span), validation: metrics,
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
        TrainingHistory(epochs: progress.epochs, steps: progress.step, outcome: outcome, bestEpoch: progress.bestEpoch)
    }

    private func divergence(step: Int, loss: Float) -> TrainingError {
        let rate = configuration.learningRate.rate(at: step, of: span)
        var text = "step \(step + 1) (epoch \(progress.epoch)): the loss is \(loss)"
        if let row = training.firstNonFiniteSample {
            text += "; sample \(row) of the batch holds a number that is not finite: mend the data"
        } else {
            if let key = training.firstNonFiniteParameter { text += "; '\(key)' holds a number that is not finite" }
            text += "; lower the learning rate (it is \(rate)), scale the inputs, or add normalization"
        }
        return TrainingError(.diverged(step: step + 1), text)
    }
}
