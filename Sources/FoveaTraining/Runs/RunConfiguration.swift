import FoveaCPU
import FoveaData
import FoveaNN
import FoveaTensor

/// Everything needed to repeat a run, as `config.yaml` holds it.
public struct RunConfiguration: Hashable, Sendable {
    /// The rule by which parameters follow their gradients.
    public enum OptimizerName: String, CaseIterable, Sendable {
        case sgd, adam, adamw
    }

    /// The course of the learning rate.
    public enum Schedule: String, CaseIterable, Sendable {
        case constant, step, cosine, oneCycle
    }

    /// A name of the zoo, an architecture in notation, or a model file to begin with.
    public var model: String
    /// A built-in name or a path.
    public var data: String
    /// The shape that images are scaled to, that of the data unless given; for a folder of images of several sizes that of
    /// the model.
    public var input: Shape?
    /// The number of training samples that are used, each class alike; all unless given.
    public var limit: Int?
    /// The changes of each training image in each epoch.
    public var augmentation: Augmentation?
    /// The share of the training samples that is validated on after each epoch; 0 for none.
    public var validation = 0.15
    /// The number of times that each sample is used.
    public var epochs = 12
    /// The number of samples of a step.
    public var batch = 128
    /// The rule by which parameters follow their gradients.
    public var optimizer = OptimizerName.adam
    /// The largest learning rate of the schedule.
    public var learningRate: Float = 2e-3
    /// The course of the learning rate.
    public var schedule = Schedule.cosine
    /// The epochs of linear growth before a cosine.
    public var warmup = 0.0
    /// The momentum of `sgd`; 0.9 unless given.
    public var momentum: Float?
    /// Whether `sgd` looks ahead, after Nesterov.
    public var nesterov = false
    /// The decay of weights: coupled in `sgd`, decoupled in `adamw`; its own default unless given.
    public var weightDecay: Float?
    /// The strength of the L2 penalty on weights.
    public var l2: Float?
    /// A file of weights to begin with; the initial ones that the seed decides unless given.
    public var weights: String?
    /// Whether the last layers are left out of ``weights``, to learn other classes.
    public var replaceHead = false
    /// Patterns of keys of parameters that stay as they are; see ``FoveaNN/KeyPattern``.
    public var freeze: [String] = []
    /// What decides everything.
    public var seed: UInt64 = 0
    /// Whether the model gets the numbers of the epoch that was best on the validation set.
    public var restoreBest = false
    /// The number of epochs without a better one after which the training ends.
    public var patience: Int?
    /// The number of steps between checkpoints within an epoch.
    public var checkpointEverySteps: Int?
    /// The arithmetic of the plan.
    public var precision = CPUBackend.Precision.float32
    /// How convolutions are computed; the faster for each unless given.
    public var convolution: CPUBackend.ConvolutionAlgorithm?
    /// Whether cheap activations are computed once more for the gradients instead of kept; it changes no number.
    public var recompute = false
    /// The number of threads, which the last bits of the result depend on; one for each core unless given.
    public var threads: Int?

    /// A run of `model` on `data` with the settings that suit the model; see ``Recipe``.
    public init(model: String, data: String) {
        self.model = model
        self.data = data
        Recipe.standard(for: model).apply(to: &self)
    }

    /// Takes `name` as the optimizer, and leaves out what a recipe has set for another.
    public mutating func choose(optimizer name: OptimizerName) {
        if name != optimizer { (weightDecay, nesterov) = (nil, false) }
        optimizer = name
    }

    /// Takes `course` as the schedule, and leaves out what a recipe has set for another.
    public mutating func choose(schedule course: Schedule) {
        if course != schedule { warmup = 0 }
        schedule = course
    }

    /// The settings of the training.
    ///
    /// - Throws: ``TrainingError`` where one has no meaning, or does nothing beside the others.
    public func training() throws(TrainingError) -> TrainingConfiguration {
        var training = TrainingConfiguration()
        training.epochs = epochs
        training.batchSize = batch
        training.seed = seed
        training.frozen = freeze.map { KeyPattern($0) }
        try refuse(replaceHead && weights == nil, "the head is replaced in given weights; give weights, too")
        training.augmentation = augmentation
        training.restoresBest = restoreBest
        training.patience = patience
        training.checkpointEverySteps = checkpointEverySteps
        training.monitor = .accuracy
        switch optimizer {
        case .sgd:
            training.optimizer = OptimizerChoice(
                SGD(momentum: momentum ?? 0.9, nesterov: nesterov, weightDecay: weightDecay ?? 0))
        case .adam:
            try refuse(weightDecay != nil && weightDecay != 0, "adam has no weight decay; use adamw, or l2")
            training.optimizer = OptimizerChoice(Adam())
        case .adamw:
            training.optimizer = OptimizerChoice(AdamW(weightDecay: weightDecay ?? 0.01))
        }
        try refuse(
            optimizer != .sgd && (momentum != nil || nesterov),
            "\(optimizer.rawValue) takes no momentum; use sgd")
        switch schedule {
        case .constant: training.learningRate = .constant(learningRate)
        case .step: training.learningRate = .step(learningRate, every: max(1, epochs / 3))
        case .cosine: training.learningRate = .cosine(learningRate, warmupEpochs: warmup)
        case .oneCycle: training.learningRate = .oneCycle(learningRate)
        }
        try refuse(schedule != .cosine && warmup != 0, "only the cosine schedule has a warm-up; leave it out")
        try refuse(
            !(validation >= 0 && validation < 1), "validation is a share from 0 to below 1, not \(validation)"
        )
        try refuse(
            validation == 0 && (restoreBest || patience != nil),
            "the best epoch and early stopping are decided on a validation set; raise validation above 0")
        if let l2 { try refuse(!(l2 >= 0 && l2.isFinite), "l2 is 0 or more, not \(l2)") }
        if let limit { try refuse(limit < 1, "limit is a number of samples from 1 on, not \(limit)") }
        if let threads {
            try refuse(!(1...1024).contains(threads), "threads is in 1 ... 1024, not \(threads)")
        }
        try training.validate()
        return training
    }

    /// What is validated on.
    public var validationPart: Validation { validation > 0 ? .fraction(validation) : .none }

    private func refuse(_ condition: Bool, _ message: String) throws(TrainingError) {
        if condition { throw TrainingError(.configuration, message) }
    }
}

/// Settings that suit a model, found by trial; see the README for the accuracies that they reach.
public struct Recipe: Hashable, Sendable {
    /// The number of epochs.
    public var epochs: Int
    /// The batch size.
    public var batch: Int
    /// The optimizer.
    public var optimizer: RunConfiguration.OptimizerName
    /// The largest learning rate.
    public var learningRate: Float
    /// The course of the learning rate.
    public var schedule: RunConfiguration.Schedule
    /// The decay of weights.
    public var weightDecay: Float?
    /// The strength of the L2 penalty.
    public var l2: Float?
    /// The share validated on.
    public var validation: Double
    /// The epochs of linear growth before the cosine.
    public var warmup = 0.0
    /// Whether `sgd` looks ahead, after Nesterov.
    public var nesterov = false
    /// The changes of each training image.
    public var augmentation: Augmentation?

    /// The settings for the model called `name`, or those for any other where it is none of the zoo.
    public static func standard(for name: String) -> Recipe {
        switch name {
        case "lenet5", "mlp":
            Recipe(
                epochs: 15, batch: 128, optimizer: .adam, learningRate: 2e-3, schedule: .cosine, l2: 1e-4,
                validation: 0.05)
        case "lenet5_relu":
            Recipe(
                epochs: 15, batch: 128, optimizer: .adam, learningRate: 2e-3, schedule: .cosine, l2: 1e-3,
                validation: 0.05)
        case "resnet20", "resnet20_b", "resnet56", "plain20", "plain56":
            Recipe(
                epochs: 15, batch: 128, optimizer: .sgd, learningRate: 0.1, schedule: .cosine,
                weightDecay: 5e-4, validation: 0.05, warmup: 1, nesterov: true,
                augmentation: .flipAndShift)
        case _ where name.hasPrefix("resnet"):
            Recipe(
                epochs: 30, batch: 64, optimizer: .sgd, learningRate: 0.05, schedule: .cosine,
                weightDecay: 1e-4, validation: 0.15)
        default:
            Recipe(
                epochs: 12, batch: 128, optimizer: .adam, learningRate: 1e-3, schedule: .cosine,
                validation: 0.15)
        }
    }

    func apply(to run: inout RunConfiguration) {
        run.epochs = epochs
        run.batch = batch
        run.optimizer = optimizer
        run.learningRate = learningRate
        run.schedule = schedule
        run.weightDecay = weightDecay
        run.l2 = l2
        run.validation = validation
        run.warmup = warmup
        run.nesterov = nesterov
        run.augmentation = augmentation
    }
}
