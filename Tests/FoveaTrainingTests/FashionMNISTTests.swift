import FoveaCPU
import FoveaData
import FoveaNN
import FoveaTensor
import FoveaZoo
import Testing

import FoveaTraining

/// The real data, where they are installed.
@Suite struct FashionMNISTTests {
    static var isInstalled: Bool { (try? BuiltInDataset.fashionMNIST.directory()) != nil }

    @Test(.enabled(if: isInstalled))
    func lenetLearnsInTwoEpochsOfAFifth() throws {
        let data = try Dataset.named("fashion-mnist")
        var model = try Model(
            Architecture("lenet5_relu", input: [1, 28, 28], task: .classification(classes: 10)), seed: 1,
            backend: CPUBackend(threads: 1))
        let history = try model.fit(
            data.train.subset(at: Array(0..<12_800)), validation: .fraction(0.15), epochs: 2, batchSize: 64,
            learningRate: .cosine(2e-3))
        let test = try model.evaluate(on: try #require(data.test))
        #expect(test.accuracy > 0.75, "\(test.accuracy)")
        #expect(test.samples == 10_000)
        #expect(abs(test.accuracy - history.validation["accuracy"]!) < 0.03)
        #expect(model.labels.first == "T-shirt/top")
    }
}
