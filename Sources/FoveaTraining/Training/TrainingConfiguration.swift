import Foundation
import FoveaData
import FoveaNN

/// Everything that decides a training besides the network and the data.
public struct TrainingConfiguration: Hashable, Sendable, Codable {
    /// The number of times that each sample is used, at least.
    public var epochs = 10
    /// The number of samples of a step.
    public var batchSize = 64
    /// The rule by which parameters follow their gradients.
    public var optimizer = OptimizerChoice(Adam())
    /// The learning rate of each step.
    public var learningRate = LearningRate.constant(1e-3)
    /// The parameters that stay as they are: each pattern matches one at least, and one parameter at least is left.
    ///
    /// They get no gradient, no slot and no penalty. A batch normalization with both parameters frozen uses its running
    /// statistics, which stay as they are, too.
    public var frozen: [KeyPattern] = []
    /// What decides the order of the samples and the units dropped.
    public var seed: UInt64 = 0
    /// Whether each epoch takes the samples in an order of its own; otherwise as they are stored.
    public var shuffles = true
    /// The changes of each training image in each epoch; `nil` for none.
    public var augmentation: Augmentation?
    /// What decides which epoch is the best, on the validation set.
    public var monitor = Monitor.loss
    /// Whether the numbers of the best epoch are those that the model gets.
    public var restoresBest = false
    /// The number of epochs without a better one after which the training ends; `nil` to make them all.
    public var patience: Int?
    /// The number of steps between checkpoints within an epoch; `nil` for one at the end of each epoch only.
    public var checkpointEverySteps: Int?
    /// The number of steps between progress lines in the log; `nil` for about 20 an epoch.
    public var logEverySteps: Int?

    /// A configuration with the defaults.
    public init() {}

    /// Throws where a setting has no meaning.
    public func validate() throws(TrainingError) {
        try Self.check("the number of epochs", epochs, in: 1...1_000_000)
        try Self.check("the batch size", batchSize, in: 1...1_000_000)
        if let patience { try Self.check("the patience", patience, in: 1...1_000_000) }
        if let checkpointEverySteps {
            try Self.check(
                "the number of steps between checkpoints", checkpointEverySteps, in: 1...1_000_000_000)
        }
        if let logEverySteps {
            try Self.check("the number of steps between log lines", logEverySteps, in: 1...1_000_000_000)
        }
        try optimizer.optimizer.validate()
        try learningRate.validate()
    }

    private static func check(_ name: String, _ value: Int, in range: ClosedRange<Int>) throws(TrainingError)
    {
        guard range.contains(value) else {
            throw TrainingError(
                .configuration, "\(name) is \(value); it is in \(range.lowerBound) ... \(range.upperBound)")
        }
    }

    /// Reads the settings, with the defaults for those that are missing.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        func value<Value: Decodable>(_ key: CodingKeys, _ standard: Value) throws -> Value {
            try container.decodeIfPresent(Value.self, forKey: key) ?? standard
        }
        epochs = try value(.epochs, epochs)
        batchSize = try value(.batchSize, batchSize)
        optimizer = try value(.optimizer, optimizer)
        learningRate = try value(.learningRate, learningRate)
        frozen = try value(.frozen, frozen)
        seed = try value(.seed, seed)
        shuffles = try value(.shuffles, shuffles)
        augmentation = try container.decodeIfPresent(Augmentation.self, forKey: .augmentation)
        monitor = try value(.monitor, monitor)
        restoresBest = try value(.restoresBest, restoresBest)
        patience = try container.decodeIfPresent(Int.self, forKey: .patience)
        checkpointEverySteps = try container.decodeIfPresent(Int.self, forKey: .checkpointEverySteps)
        logEverySteps = try container.decodeIfPresent(Int.self, forKey: .logEverySteps)
    }
}
