import FoveaData
import FoveaNN
import FoveaTensor
import Foundation
import Testing

import FoveaTraining

/// The parameters of heads that only training has.
@Suite struct AuxiliaryHeadTests {
    private static let architecture = Architecture(
        "googlenet_tiny", input: [3, 32, 32], task: .classification(classes: 3))

    private static func model(seed: UInt64) throws -> Model { try Model(architecture, seed: seed) }

    private static func samples(_ count: Int) throws -> Dataset {
        let random = RandomSource(seed: 5).stream(.other(0))
        let numbers = (0..<count * 3 * 32 * 32).map { random.uniform(at: $0) - 0.5 }
        return try Dataset(
            name: "noise", samples: Tensor(numbers, shape: [count, 3, 32, 32]),
            targets: .classes(labels: (0..<count).map { Int32($0 % 3) }, names: ["a", "b", "c"]))
    }

    @Test func theyAreSavedAndLoaded() throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        let path = directory.appendingPathComponent("m.safetensors").path
        let model = try Self.model(seed: 1)
        try model.save(to: path)
        let loaded = try Model(contentsOf: path)
        #expect(loaded.weights == model.weights)
        #expect(loaded.weights["aux1.conv.conv.weight"] != nil && loaded.weights["aux2.fc2.bias"] != nil)
    }

    @Test func aStateOfTorchvisionLoadsStrictly() throws {
        var model = try Self.model(seed: 1)
        let other = try Self.model(seed: 2)
        var state = other.weights.map { (name: $0.key, tensor: $0.value) }
        state.append(("conv1.bn.num_batches_tracked", Tensor([Int32(3)], shape: .scalar)))
        try model.setWeights(state, source: "state.safetensors")
        #expect(model.weights == other.weights)
        state.removeAll { $0.name == "aux1.conv.conv.weight" }
        let error = try #require(
            #expect(throws: TrainingError.self) { try model.setWeights(state, source: "state.safetensors") })
        #expect(error.description.contains("1 missing: aux1.conv.conv.weight"))
    }

    @Test func aStateWithoutThemLeavesThemAsTheyAre() throws {
        var model = try Self.model(seed: 1)
        let (before, other) = (model.weights, try Self.model(seed: 2))
        let state = other.weights.filter { !$0.key.hasPrefix("aux") }.map { (name: $0.key, tensor: $0.value) }
        try model.setWeights(state, source: "state.safetensors")
        #expect(model.weights["fc.weight"] == other.weights["fc.weight"])
        #expect(model.weights["aux1.fc1.weight"] == before["aux1.fc1.weight"])
        let sample = try Self.samples(4).samples
        #expect(try model.forward(sample) == other.forward(sample))
    }

    @Test func predictionDoesNotDependOnThem() throws {
        var model = try Self.model(seed: 1)
        let samples = try Self.samples(4).samples
        let before = try model.forward(samples)
        let state = model.weights.map {
            (name: $0.key, tensor: $0.key.hasPrefix("aux") ? Tensor(zeros: $0.value.shape) : $0.value)
        }
        try model.setWeights(state, source: "zeros")
        #expect(try model.forward(samples) == before)
    }

    @Test func trainingChangesThemAndCountsTheirLoss() throws {
        var model = try Self.model(seed: 1)
        let data = try Self.samples(12)
        let labels = Tensor((0..<12).map { Int32($0 % 3) }, shape: [12])
        let (loss, gradients) = try model.gradients(of: data.samples, labels: labels)
        // Three losses of about log 3, two of them at 0.3.
        #expect(loss > 1.3 && loss < 2.5)
        #expect(gradients.contains { $0.name == "aux1.fc1.weight" })
        let before = model.weights["aux1.fc2.weight"]
        let history = try model.fit(data, epochs: 1, batchSize: 4)
        #expect(model.weights["aux1.fc2.weight"] != before)
        // What is reported is the network's own loss.
        #expect(history.epochs[0].loss < 1.5)
    }
}
