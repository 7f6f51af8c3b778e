import Foundation
import FoveaData
import FoveaFormats
import FoveaNN
import FoveaTensor
import Testing

import FoveaTraining

@Suite struct ResumptionTests {
    static let data = Samples.blobs(50)
    static let network = Networks.perceptron(dropout: 0.2)

    /// 3 epochs of 6 steps, on 40 samples in batches of 7, with everything that a checkpoint must keep.
    static let configuration = TrainingConfiguration.with {
        $0.epochs = 3
        $0.batchSize = 7
        $0.learningRate = .cosine(0.05, warmupEpochs: 1)
        $0.seed = 3
        $0.restoresBest = true
        $0.patience = 5
        $0.checkpointEverySteps = 1
        $0.logEverySteps = 2
    }

    /// The run without a stop, and its log without the times.
    static func whole(_ backend: TestBackend, in folder: String) throws -> (Model, TrainingHistory, [String])
    {
        var model = try Model(network, seed: 1, backend: backend.make())
        let directory = RunDirectory(folder + "/whole")
        let history = try Trainer(configuration, runDirectory: directory)
            .fit(&model, on: data, validation: .fraction(0.2))
        return (model, history, try lines(directory))
    }

    static func lines(_ directory: RunDirectory) throws -> [String] {
        let text = try String(contentsOfFile: directory.metricsPath, encoding: .utf8)
        return text.split(separator: "\n").map { line in
            String(line).replacing(/"(seconds|samplesPerSecond)":[-+.e0-9]+/) { "\"\($0.1)\":0" }
        }
    }

    static func untimed(_ history: TrainingHistory) -> TrainingHistory {
        var history = history
        for index in history.epochs.indices {
            history.epochs[index].seconds = 0
            history.epochs[index].samplesPerSecond = 0
        }
        return history
    }

    /// An augmented run goes on with the images that it would have had.
    @Test func augmentationResumesToTheSameBits() throws {
        try withTemporaryFolder { folder in
            var configuration = Self.configuration
            configuration.augmentation = try Augmentation("flip, shift 1")
            let data = Samples.stripes(50)
            func fit(_ name: String, _ request: StopRequest?, stop: Int) throws -> Model {
                var model = try Model(Networks.convolutional(), seed: 1, backend: TestBackend.cpu.make())
                let trainer = Trainer(
                    configuration, runDirectory: RunDirectory(folder + "/" + name), stopRequest: request
                ) { event in
                    if case .step(let record) = event, record.step == stop { request?.stop() }
                }
                try trainer.fit(&model, on: data, validation: .fraction(0.2))
                return model
            }
            let whole = try fit("whole", nil, stop: 0)
            let plain = configuration
            configuration.augmentation = nil
            #expect(try fit("plain", nil, stop: 0).weights != whole.weights)
            configuration = plain
            for stop in [1, 6, 11] {
                _ = try fit("stop-\(stop)", StopRequest(), stop: stop)
                let resumed = try Trainer.resume(
                    from: RunDirectory(folder + "/stop-\(stop)"), on: data, network: Networks.convolutional(),
                    backend: TestBackend.cpu.make())
                #expect(resumed.model.weights == whole.weights)
            }
        }
    }

    /// Stopped after any number of steps, a run that is resumed ends in the same bits, log included.
    @Test(arguments: TestBackend.allCases)
    func everyStopResumesToTheSameBits(backend: TestBackend) throws {
        try withTemporaryFolder { folder in
            let (model, history, log) = try Self.whole(backend, in: folder)
            #expect(history.steps == 18)
            for stop in 1..<18 {
                let directory = RunDirectory(folder + "/stop-\(stop)")
                let request = StopRequest()
                var started = try Model(Self.network, seed: 1, backend: backend.make())
                let first = try Trainer(
                    Self.configuration, runDirectory: directory, stopRequest: request,
                    onEvent: {
                        if case .step(let record) = $0, record.step == stop { request.stop(signal: SIGTERM) }
                    }
                ).fit(&started, on: Self.data, validation: .fraction(0.2))
                #expect(first.outcome == .interrupted(signal: SIGTERM) && first.steps == stop)
                #expect(directory.checkpoints().count == min(2, stop))
                let resumed = try Trainer.resume(
                    from: directory, on: Self.data, network: Self.network, backend: backend.make())
                #expect(resumed.model.weights == model.weights, "stopped after \(stop)")
                #expect(Self.untimed(resumed.history) == Self.untimed(history))
                #expect(try Self.lines(directory) == log, "stopped after \(stop)")
                #expect(
                    resumed.model.preprocessing == model.preprocessing && resumed.model.labels == model.labels
                )
            }
        }
    }

    /// A killed process leaves lines after its last checkpoint, half a line, a temporary file; an older
    /// checkpoint serves as well as the last.
    @Test func whatAKillLeavesDoesNotMatter() throws {
        try withTemporaryFolder { folder in
            let (model, _, log) = try Self.whole(.reference, in: folder)
            for older in [false, true] {
                let directory = RunDirectory(folder + "/killed-\(older)")
                let request = StopRequest()
                var started = try Model(Self.network, seed: 1, backend: TestBackend.reference.make())
                _ = try Trainer(
                    Self.configuration, runDirectory: directory, stopRequest: request,
                    onEvent: { if case .step(let record) = $0, record.step == 10 { request.stop() } }
                ).fit(&started, on: Self.data, validation: .fraction(0.2))
                let handle = try #require(FileHandle(forWritingAtPath: directory.metricsPath))
                try handle.seekToEnd()
                try handle.write(contentsOf: Data(#"{"event":"step","st"#.utf8))
                try handle.close()
                try Data("half".utf8).write(
                    to: URL(fileURLWithPath: directory.checkpointsPath + "/.step-11.tmp"))
                // A damaged last checkpoint makes way for the one before.
                if older {
                    try Data("no".utf8).write(to: URL(fileURLWithPath: directory.checkpoints().last!))
                }
                let resumed = try Trainer.resume(
                    from: directory, on: Self.data, network: Self.network,
                    backend: TestBackend.reference.make())
                #expect(resumed.model.weights == model.weights)
                #expect(try Self.lines(directory) == log)
            }
        }
    }

    @Test func aRunLeavesItsFiles() throws {
        try withTemporaryFolder { folder in
            let directory = RunDirectory(folder + "/run", command: "fovea train --model mlp")
            var model = try Model(
                Architecture("fc 8 - tanh - fc 3", input: [4], task: .classification(classes: 3)), seed: 1,
                backend: TestBackend.reference.make())
            try Trainer(
                .with {
                    $0.epochs = 3; $0.batchSize = 10
                }, runDirectory: directory
            )
            .fit(&model, on: Self.data, validation: .fraction(0.2))
            #expect(try Model(contentsOf: directory.modelPath).weights == model.weights)
            #expect(
                directory.checkpoints().map { ($0 as NSString).lastPathComponent } == [
                    "step-000000008.safetensors", "step-000000012.safetensors",
                ])
            let events = try Self.lines(directory).map { try JSON.value(EventName.self, from: $0).event }
            #expect(events.filter { $0 == "start" }.count == 1 && events.first == "start")
            #expect(events.filter { $0 == "epoch" }.count == 3 && events.last == "end")
            let report = try String(contentsOfFile: directory.reportPath, encoding: .utf8)
            for part in [
                "## Data", "## Network", "## Settings", "## Course", "fovea train --model mlp", "fc1.weight",
                "67 parameters",
            ] {
                #expect(report.contains(part), "\(part)")
            }
            let again = errorText {
                try Trainer(.with { $0.batchSize = 10 }, runDirectory: directory).fit(&model, on: Self.data)
            }
            #expect(again.contains("holds a run already"))
            // The architecture is in the checkpoint, and a completed run has nothing left to do.
            let resumed = try Trainer.resume(
                from: directory, on: Self.data, backend: TestBackend.reference.make())
            #expect(resumed.model.weights == model.weights && resumed.history.outcome == .completed)
        }
    }

    struct EventName: Decodable { var event: String }

    @Test func otherDataAreRefused() throws {
        try withTemporaryFolder { folder in
            let directory = RunDirectory(folder + "/run")
            var model = try Model(Self.network, seed: 1, backend: TestBackend.reference.make())
            try Trainer(
                .with {
                    $0.epochs = 1; $0.batchSize = 10
                }, runDirectory: directory
            ).fit(&model, on: Self.data)
            func text(_ data: Dataset, network: Network? = Self.network, validation: Dataset? = nil) -> String
            {
                errorText {
                    _ = try Trainer.resume(
                        from: directory, on: data, validation: validation, network: network,
                        backend: TestBackend.reference.make())
                }
            }
            #expect(text(Samples.blobs(50, seed: 8)).contains("give the same data"))
            #expect(text(Self.data, network: nil).contains("made in code"))
            #expect(text(Self.data, validation: Self.data).contains("no validation set"))
            #expect(
                text(
                    Self.data,
                    network: Network(inputShape: [4], task: .classification(classes: 3)) { Dense(units: 3) }
                )
                .contains("missing: 0.weight"))
            #expect(
                errorText { _ = try Trainer.resume(from: RunDirectory(folder), on: Self.data) }.contains(
                    "no checkpoint"))
            #expect(
                errorText { _ = try Checkpoint(contentsOf: directory.modelPath) }.contains("not a checkpoint")
            )
        }
    }

    @Test func aSignalBecomesAWish() throws {
        let request = StopRequest()
        let watcher = SignalWatcher(request, signals: [SIGUSR1])
        kill(getpid(), SIGUSR1)
        for _ in 0..<200 where request.signal == nil { usleep(10_000) }
        #expect(request.signal == SIGUSR1)
        request.stop(signal: SIGTERM)
        #expect(request.signal == SIGUSR1)
        withExtendedLifetime(watcher) {}
    }
}
