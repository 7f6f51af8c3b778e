import Foundation
import FoveaTensor

/// What PyTorch made of a tensor: its shape, its norm, its product with a vector of the formula, and some of its numbers.
package struct TensorRecord: Decodable, Sendable {
    package let shape: [Int]
    package let norm: Double
    /// The inner product with the numbers of the formula under `product`.
    package let product: Double
    /// Pairs of index in row-major order and number.
    package let samples: [[Double]]

    /// How far `tensor` is off; infinite where the shape differs.
    ///
    /// The largest of: the relative error of the norm; the error of the product over what one of the whole tensor would be,
    /// `norm / √3`; the error of a sample over the root mean square (or over the sample itself, where that is larger).
    package func error(of tensor: Tensor) -> Double {
        guard tensor.shape.dimensions == shape else { return .infinity }
        let numbers = tensor.converted(to: .float64).scalars(as: Double.self)
        let actual = tensor.norm
        guard actual.isFinite else { return .infinity }
        let scale = max(norm / Double(max(numbers.count, 1)).squareRoot(), .leastNormalMagnitude)
        var error = abs(actual - norm) / max(norm, .leastNormalMagnitude)
        let offset = abs(Formula.product(of: numbers) - product) * 3.0.squareRoot()
        error = max(error, offset / max(norm, .leastNormalMagnitude))
        for sample in samples {
            let index = Int(sample[0])
            error = max(error, abs(numbers[index] - sample[1]) / max(scale, abs(sample[1])))
        }
        return error
    }
}

extension Tensor {
    /// The root of the sum of squares.
    fileprivate var norm: Double {
        converted(to: .float64).withUnsafeScalars(of: Double.self) {
            $0.reduce(0) { $0 + $1 * $1 }.squareRoot()
        }
    }
}

/// A network in prediction and in one training step, as PyTorch computes it from formula weights and data.
package struct ModelFixture: Decodable, Sendable {
    package let formula: Int
    /// The name of the network in the zoo.
    package let model: String
    package let batch: Int
    package let inputShape: [Int]
    /// The key under which the formula gives the input.
    package let inputKey: String
    package let classes: Int
    package let parameters: Int
    /// The logits in prediction.
    package let logits: TensorRecord
    /// The mean cross-entropy in training, with those of auxiliary heads.
    package let loss: Double
    /// The gradient of each parameter.
    package let gradients: [String: TensorRecord]
    /// Each running statistic after the step.
    package let statistics: [String: TensorRecord]

    /// How far the gradient of the parameter `key` is off.
    ///
    /// One that is zero in exact arithmetic, of a bias before a normalization, is compared with the largest gradient.
    package func gradientError(of tensor: Tensor, for key: String) -> Double {
        guard let record = gradients[key] else { return .infinity }
        let largest = gradients.values.map(\.norm).max() ?? 0
        guard record.norm < 1e-10 * largest else { return record.error(of: tensor) }
        return record.shape == tensor.shape.dimensions ? tensor.norm / largest : .infinity
    }
}

/// Ten steps of several optimizers on several networks.
package struct TrainingFixture: Decodable, Sendable {
    package struct Run: Decodable, Sendable {
        package let model: String
        /// `momentum`, `nesterov` or `adam`.
        package let optimizer: String
        package let rate: Float
        /// The loss before each step.
        package let losses: [Double]
        /// The parameters after the last step.
        package let weights: [String: TensorRecord]
    }

    package let formula: Int
    package let batch: Int
    package let classes: Int
    package let runs: [Run]
}

/// Layers one by one, with the squared error against a formula target as the loss.
package struct LayersFixture: Decodable, Sendable {
    package struct Case: Decodable, Sendable {
        package let name: String
        package let inputShape: [Int]
        /// The flattened output in training.
        package let output: TensorRecord
        package let loss: Double
        package let inputGradient: TensorRecord
        package let gradients: [String: TensorRecord]
        package let statistics: [String: TensorRecord]
        /// The flattened output in prediction, after the training step.
        package let prediction: TensorRecord
    }

    package struct LossCase: Decodable, Sendable {
        package let loss: Double
        package let inputGradient: TensorRecord
    }

    package let formula: Int
    package let cases: [Case]
    package let losses: [String: LossCase]
}

/// Where the fixtures lie, and how they are read.
package enum Fixtures {
    /// The folder of the fixtures, beside this file.
    package static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("Fixtures")

    /// The fixture `name`, such as `resnet50`.
    package static func read<Fixture: Decodable>(_ name: String, as type: Fixture.Type = Fixture.self) throws
        -> Fixture
    {
        try JSONDecoder().decode(
            Fixture.self, from: Data(contentsOf: folder.appendingPathComponent("\(name).json")))
    }
}
