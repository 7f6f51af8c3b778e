import Foundation
import FoveaCPU
import FoveaData
import FoveaGraph
import FoveaNN
import FoveaTensor
import Testing

import FoveaTraining

@Suite struct TrainerTests {
    static func fitted(
        _ network: Network, _ data: Dataset, on backend: TestBackend, _ configuration: TrainingConfiguration,
        validation: Validation = .none
    ) throws -> (model: Model, history: TrainingHistory) {
        var model = try Model(network, seed: 1, backend: backend.make())
        let history = try Trainer(configuration).fit(&model, on: data, validation: validation)
        return (model, history)
    }

    @Test(arguments: TestBackend.allCases)
    func tenStepsDescend(backend: TestBackend) throws {
        var losses: [Float] = []
        var model = try Model(Networks.perceptron(), seed: 1, backend: backend.make())
        let trainer = Trainer(
            .with {
                $0.epochs = 10
                $0.batchSize = 30
                $0.optimizer = OptimizerChoice(SGD())
                $0.learningRate = .constant(0.1)
            }, onEvent: { if case .step(let record) = $0 { losses.append(record.loss) } })
        try trainer.fit(&model, on: Samples.blobs(30))
        #expect(losses.count == 10)
        #expect(zip(losses, losses.dropFirst()).allSatisfy { $0 > $1 }, "\(losses)")
    }

    @Test(arguments: TestBackend.allCases)
    func aTinySetIsLearnedByHeart(backend: TestBackend) throws {
        let data = Samples.stripes(12)
        let (model, history) = try Self.fitted(
            Networks.convolutional(), data, on: backend,
            .with {
                $0.epochs = 60
                $0.batchSize = 12
                $0.learningRate = .constant(0.03)
            })
        #expect(history.steps == 60 && history.outcome == .completed)
        #expect(try #require(history.epochs.last).loss < 0.01)
        #expect(try model.evaluate(on: data).accuracy == 1)
    }

    @Test(
        .enabled(
            if: (try? CPUBackend.check(.bfloat16)) != nil, "this processor has no instructions for bfloat16"))
    func bfloat16DescendsLikeFloat32() throws {
        let histories = try CPUBackend.Precision.allCases.map { precision in
            var model = try Model(
                Networks.convolutional(), seed: 1, backend: CPUBackend(threads: 1, precision: precision))
            let trainer = Trainer(
                .with {
                    $0.epochs = 20
                    $0.batchSize = 12
                    $0.learningRate = .constant(0.01)
                })
            return try trainer.fit(
                &model, on: Samples.stripes(96), validation: .set(Samples.stripes(48, seed: 4)))
        }
        for (exact, rounded) in zip(histories[0].epochs, histories[1].epochs) {
            #expect(exact.loss != rounded.loss)
            #expect(abs(exact.loss - rounded.loss) < 0.02 + 0.05 * exact.loss)
        }
        #expect(histories.allSatisfy { $0.validation["accuracy"] == 1 })
    }

    @Test(arguments: TestBackend.allCases)
    func aPlaneIsFound(backend: TestBackend) throws {
        let data = Samples.plane(64)
        let (model, _) = try Self.fitted(
            Networks.linear(), data, on: backend,
            .with {
                $0.epochs = 40
                $0.batchSize = 8
                $0.optimizer = OptimizerChoice(SGD(momentum: 0.5))
                $0.learningRate = .constant(0.05)
            })
        let metrics = try #require(try model.evaluate(on: data).regression)
        #expect(metrics.meanSquaredError < 1e-6)
        #expect(try #require(metrics.rSquared) > 0.999_99)
    }

    @Test(arguments: TestBackend.allCases)
    func equalSeedsGiveEqualBits(backend: TestBackend) throws {
        func weights(_ seed: UInt64) throws -> [String: Tensor] {
            try Self.fitted(
                Networks.perceptron(dropout: 0.3), Samples.blobs(50), on: backend,
                .with {
                    $0.epochs = 3
                    $0.batchSize = 16
                    $0.seed = seed
                }, validation: .fraction(0.2)
            ).model.weights
        }
        let first = try weights(4)
        #expect(try weights(4) == first)
        #expect(try weights(5) != first)
    }

    /// One path for all batch sizes: as many samples as steps, some left over, and all at once.
    @Test(arguments: TestBackend.allCases, [1, 7, 50])
    func everyBatchSizeTrains(backend: TestBackend, batchSize: Int) throws {
        let (model, history) = try Self.fitted(
            Networks.perceptron(), Samples.blobs(50), on: backend,
            .with {
                $0.epochs = 20
                $0.batchSize = batchSize
                $0.learningRate = .constant(0.02)
            })
        #expect(history.steps == 20 * ((50 + batchSize - 1) / batchSize))
        #expect(try model.evaluate(on: Samples.blobs(50)).accuracy > 0.9)
    }

    /// Gradient descent without momentum from given weights is the loop that one would write.
    @Test func oneStepIsTheGradientStep() throws {
        let data = Samples.plane(4)
        var model = try Model(
            Networks.linear(), seed: 1, preprocessing: .identity, backend: TestBackend.reference.make())
        let before = model.weights["output.weight"]!.scalars(as: Float.self)
        let bias = model.weights["output.bias"]!.scalars(as: Float.self)[0]
        try Trainer(
            .with {
                $0.epochs = 1
                $0.batchSize = 4
                $0.optimizer = OptimizerChoice(SGD())
                $0.learningRate = .constant(0.1)
            }
        ).fit(&model, on: data)
        let x = data.samples.scalars(as: Float.self)
        guard case .values(let targets) = data.targets else { return }
        let t = targets.scalars(as: Float.self)
        var gradient = [0.0, 0.0]
        for row in 0..<4 {
            let prediction = Double(x[2 * row] * before[0] + x[2 * row + 1] * before[1] + bias)
            for column in 0..<2 {
                gradient[column] += 2 / 4 * (prediction - Double(t[row])) * Double(x[2 * row + column])
            }
        }
        let after = model.weights["output.weight"]!.scalars(as: Float.self)
        for column in 0..<2 {
            #expect(abs(Double(after[column]) - (Double(before[column]) - 0.1 * gradient[column])) < 1e-5)
        }
    }

    @Test func theBestEpochIsRestored() throws {
        // A rate this large makes the loss go up and down.
        let (model, history) = try Self.fitted(
            Networks.perceptron(), Samples.blobs(60), on: .reference,
            .with {
                $0.epochs = 12
                $0.batchSize = 8
                $0.optimizer = OptimizerChoice(SGD(momentum: 0.9))
                $0.learningRate = .constant(1.5)
                $0.restoresBest = true
            }, validation: .set(Samples.blobs(30, seed: 11)))
        let losses = history.epochs.compactMap { $0.validation?["loss"] }
        #expect(losses.count == 12)
        #expect(losses[history.bestEpoch - 1] == losses.min())
        #expect(try model.evaluate(on: Samples.blobs(30, seed: 11)).loss == losses.min())
        #expect(history.epochs.filter(\.isBest).last?.epoch == history.bestEpoch)
    }

    @Test func patienceEndsTheTraining() throws {
        let (_, history) = try Self.fitted(
            Networks.perceptron(), Samples.blobs(60), on: .reference,
            .with {
                $0.epochs = 50
                $0.batchSize = 8
                $0.learningRate = .constant(0)
                $0.patience = 3
            }, validation: .fraction(0.5))
        // Without a learning rate nothing gets better after the first epoch.
        #expect(history.outcome == .stoppedEarly)
        #expect(history.epochs.count == 4 && history.bestEpoch == 1)
    }

    @Test func aFailedTrainingLeavesTheModel() throws {
        var model = try Model(Networks.perceptron(), seed: 1, backend: TestBackend.reference.make())
        let before = model.weights
        let text = errorText {
            try Trainer(
                .with {
                    $0.batchSize = 10
                    $0.optimizer = OptimizerChoice(SGD())
                    $0.learningRate = .constant(1e30)
                }
            ).fit(&model, on: Samples.blobs(30))
        }
        #expect(text.contains("step 2 (epoch 1)") || text.contains("step 3 (epoch 1)"), "\(text)")
        #expect(text.contains("lower the learning rate (it is 1e+30)"))
        #expect(model.weights == before && model.preprocessing == nil && model.summary == nil)
    }

    @Test func wrongDataIsNamed() throws {
        func text(
            _ network: Network, _ data: Dataset, _ body: (inout TrainingConfiguration) -> Void = { _ in },
            validation: Validation = .none
        ) -> String {
            errorText {
                var model = try Model(network, seed: 1, backend: TestBackend.reference.make())
                try Trainer(
                    .with {
                        $0.batchSize = 4; body(&$0)
                    }
                ).fit(&model, on: data, validation: validation)
            }
        }
        let blobs = Samples.blobs(30)
        let two = Network(inputShape: [4], task: .classification(classes: 2)) { Dense(units: 2) }
        #expect(text(two, blobs).contains("has the label 2"))
        #expect(text(Networks.linear(), blobs).contains("takes [2]"))
        #expect(text(Networks.perceptron(), blobs, { $0.batchSize = 31 }).contains("lower it to 30"))
        #expect(text(Networks.perceptron(), blobs, { $0.patience = 2 }).contains("validation set"))
        #expect(text(Networks.perceptron(), blobs, { $0.epochs = 0 }).contains("number of epochs"))
        #expect(text(Networks.perceptron(), try blobs.subset(at: [0, 3, 6, 9])).contains("class 'red'"))
        #expect(
            text(
                Networks.perceptron(), try blobs.subset(at: [0, 1, 3, 4]), validation: .set(blobs)
            ).contains("'blue'"))
        #expect(text(Networks.linear(), Samples.plane(8), { $0.monitor = .accuracy }).contains("accuracy"))
        let constant = try Dataset(
            name: "c", samples: Samples.plane(8).samples, targets: .values(Tensor(zeros: [8, 1])))
        #expect(text(Networks.linear(), constant).contains("the same for all"))
        let normed = Network(inputShape: [1, 6, 6], task: .classification(classes: 3)) {
            Flatten()
            Dense(units: 4)
            BatchNorm().named("norm")
            Dense(units: 3)
        }
        #expect(text(normed, Samples.stripes(12), { $0.batchSize = 1 }).contains("norm"))
        var broken = blobs.samples.scalars(as: Float.self)
        broken[17] = .nan
        let holed = try Dataset(
            name: "holed", samples: Tensor(broken, shape: [30, 4]), targets: blobs.targets)
        let report = errorText {
            var model = try Model(
                Networks.perceptron(), seed: 1, preprocessing: .identity,
                backend: TestBackend.reference.make())
            try Trainer(.with { $0.batchSize = 30 }).fit(&model, on: holed)
        }
        #expect(report.contains("sample 4 of 'holed'") && report.contains("mend the data"), "\(report)")
    }

    /// The resident memory does not grow with the number of trainings.
    ///
    /// It is the process's, so the test has to be alone in its process: `make test` runs it so.
    @Test(.enabled(if: ProcessInfo.processInfo.environment["FOVEA_ALONE"] != nil, "run alone"))
    func memoryStaysFlat() throws {
        func resident() throws -> Int {
            let text = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8)
            return Int(text.split(separator: " ")[1])! * 4096
        }
        #if os(Linux)
            func once() throws {
                var model = try Model(Networks.convolutional(), seed: 1, backend: TestBackend.cpu.make())
                try Trainer(
                    .with {
                        $0.epochs = 1; $0.batchSize = 16
                    }
                ).fit(
                    &model, on: Samples.stripes(48), validation: .fraction(0.25))
            }
            for _ in 0..<15 { try once() }
            // What a training keeps shows in each of five windows.
            var growths: [Int] = []
            for _ in 0..<5 {
                let before = try resident()
                for _ in 0..<20 { try once() }
                growths.append(try resident() - before)
            }
            #expect(growths.sorted()[2] < 1 << 20, "\(growths) bytes more after 20 trainings each")
        #endif
    }
}
