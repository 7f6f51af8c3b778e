import Foundation
import FoveaTensor

/// What PyTorch made of a tensor: its shape, its norm, and some of its numbers.
public struct TensorRecord: Decodable, Sendable {
    public let shape: [Int]
    public let norm: Double
    /// Pairs of index in row-major order and number.
    public let samples: [[Double]]

    /// How far `tensor` is off: the larger of the relative error of the norm and the largest error of a sample over the
    /// root mean square (or the sample itself, where that is larger). Infinite where the shape differs.
    public func error(of tensor: Tensor) -> Double {
        guard tensor.shape.dimensions == shape else { return .infinity }
        let numbers = tensor.converted(to: .float64).scalars(as: Double.self)
        let actual = numbers.reduce(0) { $0 + $1 * $1 }.squareRoot()
        guard actual.isFinite else { return .infinity }
        let scale = max(norm / Double(max(numbers.count, 1)).squareRoot(), .leastNormalMagnitude)
        var error = abs(actual - norm) / max(norm, .leastNormalMagnitude)
        for sample in samples {
            let index = Int(sample[0])
            error = max(error, abs(numbers[index] - sample[1]) / max(scale, abs(sample[1])))
        }
        return error
    }
}

/// A network in prediction and in one training step, as PyTorch computes it from formula weights and data.
public struct ModelFixture: Decodable, Sendable {
    public let formula: Int
    /// The name of the network in the zoo.
    public let model: String
    public let batch: Int
    public let inputShape: [Int]
    public let classes: Int
    public let parameters: Int
    /// The logits in prediction.
    public let logits: TensorRecord
    /// The mean cross-entropy in training.
    public let loss: Double
    /// The gradient of each parameter.
    public let gradients: [String: TensorRecord]
    /// Each running statistic after the step.
    public let statistics: [String: TensorRecord]
}

/// Ten steps of several optimizers on several networks.
public struct TrainingFixture: Decodable, Sendable {
    public struct Run: Decodable, Sendable {
        public let model: String
        /// `momentum`, `nesterov` or `adam`.
        public let optimizer: String
        public let rate: Float
        /// The loss before each step.
        public let losses: [Double]
        /// The parameters after the last step.
        public let weights: [String: TensorRecord]
    }

    public let formula: Int
    public let batch: Int
    public let classes: Int
    public let runs: [Run]
}

/// Layers one by one, with the squared error against a formula target as the loss.
public struct LayersFixture: Decodable, Sendable {
    public struct Case: Decodable, Sendable {
        public let name: String
        public let inputShape: [Int]
        /// The flattened output in training.
        public let output: TensorRecord
        public let loss: Double
        public let inputGradient: TensorRecord
        public let gradients: [String: TensorRecord]
        public let statistics: [String: TensorRecord]
        /// The flattened output in prediction, after the training step.
        public let prediction: TensorRecord
    }

    public struct LossCase: Decodable, Sendable {
        public let loss: Double
        public let inputGradient: TensorRecord
    }

    public let formula: Int
    public let cases: [Case]
    public let losses: [String: LossCase]
}

/// Where the fixtures lie, and how they are read.
public enum Fixtures {
    /// The folder of the fixtures, beside this file.
    public static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("Fixtures")

    /// The fixture `name`, such as `resnet50`.
    public static func read<Fixture: Decodable>(_ name: String, as type: Fixture.Type = Fixture.self) throws -> Fixture {
        try JSONDecoder().decode(Fixture.self, from: Data(contentsOf: folder.appendingPathComponent("\(name).json")))
    }
}
