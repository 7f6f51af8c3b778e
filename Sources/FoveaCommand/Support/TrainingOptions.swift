import ArgumentParser
import Fovea

/// The settings of a training as options; those that are not given stay as they are.
struct TrainingOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The shape that images are scaled to.", valueName: "CxHxW"))
    var input: InputShape?

    @Option(help: ArgumentHelp("Train on so many samples only, each class alike.", valueName: "count"))
    var limit: Int?

    @Option(
        help: ArgumentHelp(
            "Changes of each training image in each epoch, such as 'flip, shift 2'; 'none' for none.",
            valueName: "changes"), transform: AugmentationChoice.init)
    var augment: AugmentationChoice?

    @Option(
        help: ArgumentHelp(
            "The share of the training samples to validate on; 0 for none.", valueName: "share"))
    var validation: Double?

    @Option(help: ArgumentHelp("The number of times that each sample is used.", valueName: "count"))
    var epochs: Int?

    @Option(help: ArgumentHelp("The number of samples of a step.", valueName: "count"))
    var batch: Int?

    @Option(help: "How parameters follow their gradients.")
    var optimizer: RunConfiguration.OptimizerName?

    @Option(help: ArgumentHelp("The largest learning rate of the schedule.", valueName: "rate"))
    var learningRate: Float?

    @Option(
        help: """
            The course of the learning rate: step divides it by 10 after each third of the epochs, cosine lets it fall to \
            0, oneCycle lets it rise and fall.
            """)
    var schedule: RunConfiguration.Schedule?

    @Option(help: ArgumentHelp("Epochs of linear growth before the cosine.", valueName: "epochs"))
    var warmup: Double?

    @Option(help: ArgumentHelp("The momentum of sgd; 0.9 unless given.", valueName: "share"))
    var momentum: Float?

    @Flag(inversion: .prefixedNo, help: "Let sgd look ahead, after Nesterov.")
    var nesterov: Bool?

    @Option(
        help: ArgumentHelp(
            "The decay of weights of sgd (coupled) or adamw (decoupled).", valueName: "strength"))
    var weightDecay: Float?

    @Option(
        help: ArgumentHelp("The strength of an L2 penalty on weights, not on biases.", valueName: "strength"))
    var l2: Float?

    @Option(
        help: ArgumentHelp(
            "Weights to begin with (.safetensors), of the same architecture; every key must fit.",
            valueName: "file"))
    var weights: String?

    @Flag(help: "Leave the last layer out of the weights given: it starts anew, for other classes.")
    var replaceHead = false

    @Option(
        help: ArgumentHelp(
            """
            Leave parameters as they are whose key, or a layer on its path, matches, as in 'layer1' or '*.bias'; may be \
            repeated.
            """, valueName: "pattern"))
    var freeze: [String] = []

    @Option(help: ArgumentHelp("What decides weights, order, split and dropout.", valueName: "number"))
    var seed: UInt64?

    @Flag(inversion: .prefixedNo, help: "Keep the numbers of the epoch that was best on the validation set.")
    var restoreBest: Bool?

    @Option(help: ArgumentHelp("End after so many epochs without a better one.", valueName: "epochs"))
    var patience: Int?

    @Option(help: ArgumentHelp("Write a checkpoint also after every so many steps.", valueName: "count"))
    var checkpointEverySteps: Int?

    @Option(help: CPUBackend.Precision.help)
    var precision: CPUBackend.Precision?

    @Option(help: CPUBackend.ConvolutionAlgorithm.help)
    var convolution: CPUBackend.ConvolutionAlgorithm?

    @Flag(inversion: .prefixedNo, help: CPUBackend.recomputationHelp)
    var recompute: Bool?

    func apply(to run: inout RunConfiguration) {
        if let input { run.input = input.shape }
        if let limit { run.limit = limit }
        if let augment { run.augmentation = augment.augmentation }
        if let validation { run.validation = validation }
        if let epochs { run.epochs = epochs }
        if let batch { run.batch = batch }
        if let optimizer { run.choose(optimizer: optimizer) }
        if let learningRate { run.learningRate = learningRate }
        if let schedule { run.choose(schedule: schedule) }
        if let warmup { run.warmup = warmup }
        if let momentum { run.momentum = momentum }
        if let nesterov { run.nesterov = nesterov }
        if let weightDecay { run.weightDecay = weightDecay }
        if let l2 { run.l2 = l2 }
        if let weights { run.weights = weights }
        if replaceHead { run.replaceHead = true }
        if !freeze.isEmpty { run.freeze = freeze }
        if let seed { run.seed = seed }
        if let restoreBest { run.restoreBest = restoreBest }
        if let patience { run.patience = patience }
        if let checkpointEverySteps { run.checkpointEverySteps = checkpointEverySteps }
        if let precision { run.precision = precision }
        if let convolution { run.convolution = convolution }
        if let recompute { run.recompute = recompute }
    }

    /// Whether no option was given.
    var isEmpty: Bool {
        input == nil && limit == nil && augment == nil && validation == nil && epochs == nil && batch == nil
            && optimizer == nil
            && learningRate == nil
            && schedule == nil && warmup == nil && momentum == nil && nesterov == nil && weightDecay == nil
            && l2 == nil
            && weights == nil && !replaceHead && freeze.isEmpty && seed == nil && restoreBest == nil
            && patience == nil && checkpointEverySteps == nil && precision == nil
            && convolution == nil && recompute == nil
    }
}

extension RunConfiguration.OptimizerName: ExpressibleByArgument {}
extension RunConfiguration.Schedule: ExpressibleByArgument {}

/// An augmentation, or that there is to be none.
struct AugmentationChoice {
    let augmentation: Augmentation?

    /// - Throws: `ValidationError` where `text` is neither `none` nor an augmentation.
    init(_ text: String) throws {
        do {
            augmentation = text == "none" ? nil : try Augmentation(text)
        } catch {
            throw ValidationError(error.message)
        }
    }
}
