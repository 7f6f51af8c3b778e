import FoveaCPU

/// What happens in a training.
public enum TrainingEvent: Sendable {
    /// The training begins, or goes on from a checkpoint.
    case started(TrainingStart)
    /// A step was made.
    case step(StepRecord)
    /// An epoch is over and, where there is a validation set, the model was evaluated on it.
    case epoch(EpochRecord)
    /// A checkpoint was written to the given path.
    case checkpoint(String)
    /// The training is over.
    case ended(TrainingHistory.Outcome)
}

/// The extent of a training.
public struct TrainingStart: Hashable, Sendable, Codable {
    /// The number of epochs of the whole run.
    public var epochs: Int
    /// The number of steps of the whole run.
    public var steps: Int
    /// The number of steps made before.
    public var stepsMade: Int
    /// The number of samples of a step.
    public var batchSize: Int
    /// The number of samples to train on.
    public var samples: Int
    /// The number of samples to validate on.
    public var validationSamples: Int
    /// The number of trainable numbers.
    public var parameters: Int
    /// How many of them are frozen.
    public var frozenParameters: Int
    /// The arithmetic of the plan; `nil` where the backend has no choice of it.
    public var precision: CPUBackend.Precision?
    /// How convolutions are computed; `nil` for the faster for each, and where the backend has no choice of it.
    public var convolutionAlgorithm: CPUBackend.ConvolutionAlgorithm?
    /// Whether the plan computes cheap activations once more instead of keeping them; `nil` where the backend has no choice
    /// of it.
    public var recomputesActivations: Bool?
}

/// One step.
public struct StepRecord: Hashable, Sendable, Codable {
    /// The number of the step, from 1.
    public var step: Int
    /// The number of the epoch, from 1.
    public var epoch: Int
    /// The mean loss of the batch before the update, without penalties.
    public var loss: Float
    /// The mean loss of the epoch so far.
    public var meanLoss: Double
    /// The share of the epoch's samples so far whose class was predicted; `nil` for regression.
    public var meanAccuracy: Double?
    /// The learning rate.
    public var learningRate: Float
    /// The number of samples trained on in a second, over the epoch so far.
    public var samplesPerSecond: Double
}

/// One epoch.
public struct EpochRecord: Hashable, Sendable, Codable {
    /// The number of the epoch, from 1.
    public var epoch: Int
    /// The number of steps made.
    public var step: Int
    /// The mean loss of the steps of the epoch, each before its update, without penalties.
    public var loss: Double
    /// The share of samples whose class was predicted, likewise; `nil` for regression.
    public var accuracy: Double?
    /// The penalty in the last step; `nil` where there is none.
    public var penalty: Float?
    /// The learning rate of the last step.
    public var learningRate: Float
    /// The metrics on the validation set after the epoch, by name; `nil` without one.
    public var validation: [String: Double]?
    /// Whether the epoch is the best so far.
    public var isBest: Bool
    /// The seconds that the steps of the epoch took.
    public var seconds: Double
    /// The number of samples trained on in a second.
    public var samplesPerSecond: Double
}

/// What a training was.
public struct TrainingHistory: Hashable, Sendable, Codable {
    /// How a training ended.
    public enum Outcome: Hashable, Sendable, Codable {
        /// All epochs were made.
        case completed
        /// No epoch was better for as many as the patience allows.
        case stoppedEarly
        /// The given signal asked to stop; a checkpoint was written where there is a run directory.
        case interrupted(signal: Int32)
    }

    /// The epochs that were completed, from the first, also those of before a resumption.
    public var epochs: [EpochRecord] = []
    /// The number of steps made.
    public var steps = 0
    /// How it ended.
    public var outcome = Outcome.completed
    /// The epoch whose numbers the model has where the best are restored; otherwise the best; 0 without
    /// validation.
    public var bestEpoch = 0

    /// The best epoch's metrics on the validation set, or the last's where none was the best.
    public var validation: [String: Double] {
        (epochs.first { $0.epoch == bestEpoch } ?? epochs.last)?.validation ?? [:]
    }
}
