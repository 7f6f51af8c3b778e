import Foundation
import FoveaData
import FoveaFormats
import FoveaGraph
import FoveaNN
import FoveaTensor
import Testing

import FoveaTraining

@Suite struct ModelTests {
    static func trained(_ backend: TestBackend = .reference) throws -> Model {
        var model = try Model(Networks.convolutional(), seed: 1, backend: backend.make())
        try Trainer(
            .with {
                $0.epochs = 4; $0.batchSize = 10
            }
        ).fit(&model, on: Samples.stripes(30))
        return model
    }

    /// Accuracy to the bit, the loss to 1e-6, whatever is computed together; 47 is not a multiple of any.
    @Test(arguments: TestBackend.allCases)
    func evaluationDoesNotDependOnTheBatchSize(backend: TestBackend) throws {
        let model = try Self.trained(backend)
        let data = Samples.stripes(47, seed: 9)
        let whole = try model.evaluate(on: data, batchSize: 47)
        for batchSize in [1, 2, 7, 16, 46, 1000] {
            let part = try model.evaluate(on: data, batchSize: batchSize)
            #expect(part.accuracy == whole.accuracy && part.samples == 47)
            #expect(abs(part.loss - whole.loss) < 1e-6)
        }
    }

    @Test func thePreprocessingOfTrainingIsAppliedInPrediction() throws {
        let model = try Self.trained()
        let data = Samples.stripes(20)
        let preprocessing = try #require(model.preprocessing)
        #expect(preprocessing == (try .standardizing(Samples.stripes(30))))
        var plain = model
        plain.preprocessing = .identity
        let prepared = try preprocessing.apply(to: data.samples)
        #expect(try model.predict(data.samples) == plain.predict(prepared))
        #expect(try model.predict(data.samples) != plain.predict(data.samples))
        let sums = try model.predict(data.samples).scalars(as: Float.self)
        for row in 0..<20 { #expect(abs(sums[3 * row..<3 * row + 3].reduce(0, +) - 1) < 1e-5) }
    }

    @Test func theScalingIsFittedToTheTrainingSamplesOnly() throws {
        var model = try Model(Networks.perceptron(), seed: 1, backend: TestBackend.reference.make())
        let data = Samples.blobs(40)
        try Trainer(
            .with {
                $0.epochs = 1; $0.batchSize = 8
            }
        ).fit(&model, on: data, validation: .fraction(0.25))
        let parts = try Split.stratified(labels: data.labels!, holdingOut: 0.25, seed: 0)
        #expect(model.preprocessing == (try .standardizing(data, at: parts.training, scale: 1)))
        #expect(model.labels == ["red", "green", "blue"])
    }

    @Test func copiesAreValues() throws {
        let original = try Self.trained()
        let data = Samples.stripes(30)
        let before = try original.predict(on: data)
        var copy = original
        try Trainer(
            .with {
                $0.epochs = 1; $0.batchSize = 10
            }
        ).fit(&copy, on: data)
        // The copies share plans; each must see its own numbers.
        #expect(try copy.predict(on: data) != before)
        #expect(try original.predict(on: data) == before)
    }

    @Test func likeliestClassesComeFirst() throws {
        let model = try Self.trained()
        let predictions = try model.classify(Samples.stripes(3).samples, top: 2)
        #expect(predictions.map(\.count) == [2, 2, 2])
        #expect(predictions.allSatisfy { $0[0].probability >= $0[1].probability })
        #expect(predictions.map { model.labels[$0[0].index] } == predictions.map { $0[0].label })
    }

    @Test func aModelFileHoldsAll() throws {
        try withTemporaryFolder { folder in
            let path = folder + "/model.safetensors"
            let architecture = Architecture(
                "conv 4 k3 same - bn - relu - maxpool 2 - fc 3", input: [1, 6, 6],
                task: .classification(classes: 3), l2: 1e-4)
            var model = try Model(architecture, seed: 3, backend: TestBackend.reference.make())
            let data = Samples.stripes(30)
            let history = try Trainer(
                .with {
                    $0.epochs = 2; $0.batchSize = 10; $0.seed = 8
                }
            ).fit(&model, on: data)
            try model.save(to: path)
            let loaded = try Model(contentsOf: path, backend: TestBackend.reference.make())
            #expect(loaded.weights == model.weights)
            #expect(loaded.labels == ["top", "middle", "bottom"])
            #expect(loaded.preprocessing == model.preprocessing)
            #expect(loaded.architecture == architecture)
            #expect(
                loaded.summary == model.summary && loaded.summary?.seed == 8
                    && loaded.summary?.steps == history.steps)
            #expect(try loaded.predict(on: data) == model.predict(on: data))
            try loaded.save(to: folder + "/again.safetensors")
            #expect(
                FileManager.default.contentsEqual(atPath: path, andPath: folder + "/again.safetensors"))
        }
    }

    @Test func aNetworkMadeInCodeIsAskedFor() throws {
        try withTemporaryFolder { folder in
            let path = folder + "/model.safetensors"
            let model = try Self.trained()
            try model.save(to: path)
            #expect(errorText { _ = try Model(contentsOf: path) }.contains("give the network, too"))
            let loaded = try Model(
                contentsOf: path, network: Networks.convolutional(), backend: TestBackend.reference.make())
            #expect(loaded.weights == model.weights)
            #expect(
                errorText { _ = try Model(contentsOf: path, network: Networks.linear()) }.contains(
                    "takes samples [1, 6, 6]"))
        }
    }

    @Test func everyKeyThatDoesNotFitIsNamed() throws {
        try withTemporaryFolder { folder in
            let path = folder + "/weights.safetensors"
            var model = try Model(Networks.perceptron(), seed: 1, backend: TestBackend.reference.make())
            let before = model.weights
            try SafeTensors.write(
                [
                    ("hidden.weight", Tensor(zeros: [8, 5])), ("hidden.bias", Tensor(zeros: [8])),
                    ("output.wight", Tensor(zeros: [3, 8])), ("output.bias", Tensor(zeros: [3])),
                ], to: path)
            let text = errorText { try model.loadWeights(from: path) }
            #expect(text.contains("1 missing: output.weight;"))
            #expect(text.contains("1 unexpected: output.wight;"))
            #expect(text.contains("1 misshapen: hidden.weight (float32[8, 5], not float32[8, 4]);"))
            #expect(text.contains(path))
            #expect(model.weights == before)

            let many = (0..<50).map { (name: "extra\($0)", tensor: Tensor(zeros: [1])) }
            let long = errorText { try model.setWeights(many, source: "memory") }
            #expect(long.contains("extra7 and 42 more") && !long.contains("extra8"))
        }
    }

    @Test func plainWeightsLoadAndCountersArePassedOver() throws {
        try withTemporaryFolder { folder in
            let path = folder + "/weights.safetensors"
            let source = try Self.trained()
            try SafeTensors.write(
                source.weights.map { ($0.key, $0.value) } + [
                    ("norm.num_batches_tracked", Tensor([Int32(12)], shape: .scalar))
                ],
                to: path)
            var model = try Model(Networks.convolutional(), seed: 5, backend: TestBackend.reference.make())
            try model.loadWeights(from: path)
            #expect(model.weights == source.weights)
            let data = Samples.stripes(9)
            model.preprocessing = source.preprocessing
            #expect(try model.predict(on: data) == source.predict(on: data))
        }
    }

    @Test func hostileMetadataIsRefused() throws {
        try withTemporaryFolder { folder in
            let path = folder + "/model.safetensors"
            let cases: [(String, [String: String])] = [
                ("version 9", ["fovea.version": "9"]),
                ("fovea.labels", ["fovea.version": "1", "fovea.labels": "7"]),
                (
                    "at most 2^30",
                    [
                        "fovea.version": "1",
                        "fovea.architecture":
                            #"{"text":"fc 3","input":[99999999999,9999999999,3],"classes":3}"#,
                    ]
                ),
                (
                    "not [-1]",
                    [
                        "fovea.version": "1",
                        "fovea.architecture": #"{"text":"fc 3","input":[-1],"classes":3}"#,
                    ]
                ),
                ("classes", ["fovea.version": "1", "fovea.architecture": #"{"text":"fc 3","input":[4]}"#]),
                (
                    "missing",
                    ["fovea.version": "1", "fovea.architecture": #"{"text":"fc 3","input":[4],"classes":3}"#]
                ),
            ]
            for (expected, metadata) in cases {
                try SafeTensors.write([("w", Tensor(zeros: [1]))], metadata: metadata, to: path)
                let text = errorText { _ = try Model(contentsOf: path) }
                #expect(text.contains(expected), "\(text)")
            }
            try SafeTensors.write([("w", Tensor(zeros: [1]))], to: path)
            #expect(errorText { _ = try Model(contentsOf: path) }.contains("does not say of which network"))
        }
    }
}
