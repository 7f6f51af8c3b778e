import Fovea
import Testing

/// The library as the README shows it, on a small set.
@Suite struct ReadmeTests {
    @Test func theSnippetTrainsSavesAndLoads() throws {
        let folder = try Folder()
        try folder.writeData()

        let data = try Dataset.named(folder.path + "/data")
        let network = Network(inputShape: [1, 8, 8], task: .classification(classes: 2)) {
            Conv2D(filters: 4, kernelSize: 3)
            ReLU()
            MaxPool2D(2)
            Flatten()
            Dense(units: 2)
        }
        var model = try Model(network, seed: 0)
        try model.fit(
            data.train, validation: .fraction(0.15), epochs: 20, batchSize: 8, learningRate: .cosine(2e-2))
        #expect(try model.evaluate(on: try #require(data.test)).accuracy == 1)
        try model.save(to: folder.path + "/model.safetensors")
        let loaded = try Model(contentsOf: folder.path + "/model.safetensors", network: network)
        #expect(loaded.weights == model.weights)
    }
}
