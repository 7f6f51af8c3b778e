import FoveaData
import FoveaNN

extension Model {
    /// Trains the model on `data`, beginning with its present numbers, but for the parameters that match `frozen`; see
    /// ``Trainer`` for all there is to set.
    ///
    /// - Throws: as ``Trainer/fit(_:on:validation:)``.
    @discardableResult
    public mutating func fit(
        _ data: Dataset, validation: Validation = .none, epochs: Int = 10, batchSize: Int = 64,
        optimizer: any Optimizer = Adam(), learningRate: LearningRate = .constant(1e-3), seed: UInt64 = 0,
        freezing frozen: [KeyPattern] = [],
        onEvent: ((TrainingEvent) -> Void)? = nil
    ) throws -> TrainingHistory {
        var configuration = TrainingConfiguration()
        configuration.epochs = epochs
        configuration.batchSize = batchSize
        configuration.optimizer = OptimizerChoice(optimizer)
        configuration.learningRate = learningRate
        configuration.seed = seed
        configuration.frozen = frozen
        return try Trainer(configuration, onEvent: onEvent).fit(&self, on: data, validation: validation)
    }
}
