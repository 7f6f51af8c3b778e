import Foundation
import Fovea
import Testing

/// A training from the command, and what it leaves.
@Suite struct TrainingTests {
    let folder: Folder

    init() throws {
        folder = try Folder()
        try folder.writeData()
    }

    private func train(_ more: String...) -> [String] {
        [
            "train", "--model", "fc 8 - relu - fc 2", "--data", "data", "--batch", "8", "--learning-rate",
            "0.02",
            "--threads", "1",
        ] + more
    }

    @Test func aRunLeavesAllItsFiles() throws {
        let result = try Command.run(train("--epochs", "8", "--output", "run", "--json"), in: folder)
        try #require(result.status == 0, "\(result.errors)")
        let json = try result.json()
        #expect(json["outcome"] as? String == "completed")
        #expect(json["epochs"] as? Int == 8)
        let test = try #require(json["test"] as? [String: Any])
        #expect(test["samples"] as? Int == 32)
        #expect(test["accuracy"] as? Double == 1)
        #expect(
            try folder.names("run")
                == ["checkpoints", "config.yaml", "metrics.jsonl", "model.safetensors", "report.md"])
        #expect(result.errors.contains("epoch 8/8  loss"))
        #expect(!result.errors.contains("\r"))

        let report = String(decoding: try folder.read("run/report.md"), as: UTF8.self)
        #expect(report.contains("## Test"))
        #expect(report.contains("fovea train --model 'fc 8 - relu - fc 2'"))
        for line in String(decoding: try folder.read("run/metrics.jsonl"), as: UTF8.self).split(
            separator: "\n")
        {
            let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
            #expect(object?["event"] is String)
        }

        // The configuration alone makes the same run.
        let again = try Command.run(
            ["train", "--config", "run/config.yaml", "--output", "again"], in: folder)
        try #require(again.status == 0, "\(again.errors)")
        #expect(try folder.read("again/model.safetensors") == folder.read("run/model.safetensors"))

        let resumed = try Command.run(["train", "--resume", "run"], in: folder)
        #expect(resumed.status == 0, "\(resumed.errors)")
        #expect(try folder.read("again/model.safetensors") == folder.read("run/model.safetensors"))
    }

    @Test func recomputationIsASettingThatChangesNoNumber() throws {
        func train(_ more: String...) throws -> Command.Result {
            try Command.run(
                [
                    "train", "--model", "conv 4 k3 - bn - relu - conv 4 k3 - bn - relu - gap - fc 2",
                    "--data",
                    "data", "--batch", "8", "--epochs", "2", "--threads", "1",
                ] + more, in: folder)
        }
        for arguments in [["--output", "plain"], ["--output", "saving", "--recompute"]] {
            let result = try train(
                arguments[0], arguments[1], arguments.count == 3 ? arguments[2] : "--no-recompute")
            try #require(result.status == 0, "\(result.errors)")
        }
        func text(_ path: String) throws -> String { String(decoding: try folder.read(path), as: UTF8.self) }
        #expect(try text("plain/config.yaml").contains("recompute: false\n"))
        #expect(try text("saving/config.yaml").contains("recompute: true\n"))
        #expect(try text("saving/metrics.jsonl").contains("\"recomputesActivations\":true"))
        #expect(try text("saving/report.md").contains("| activations recomputed | yes |"))
        let again = try Command.run(
            ["train", "--config", "saving/config.yaml", "--output", "again"], in: folder)
        try #require(again.status == 0, "\(again.errors)")
        #expect(try text("again/config.yaml").contains("recompute: true\n"))
        for name in ["saving", "again"] {
            #expect(try folder.read(name + "/model.safetensors") == folder.read("plain/model.safetensors"))
        }
        // A run from before the setting goes on without it.
        try folder.write(
            try text("plain/config.yaml").replacing("recompute: false\n", with: ""), "plain/config.yaml")
        let resumed = try Command.run("train", "--resume", "plain", in: folder)
        #expect(resumed.status == 0, "\(resumed.errors)")
    }

    @Test func convolutionIsASettingThatReachesThePlan() throws {
        func train(_ arguments: [String], to output: String) throws {
            let result = try Command.run(["train"] + arguments + ["--output", output], in: folder)
            try #require(result.status == 0, "\(result.errors)")
        }
        for algorithm in ["direct", "winograd"] {
            try train(
                [
                    "--model", "conv 8 k3 - relu - conv 8 k3 - relu - gap - fc 2", "--data", "data",
                    "--batch", "8", "--epochs", "1", "--threads", "1", "--convolution", algorithm,
                ], to: algorithm)
        }
        func text(_ path: String) throws -> String { String(decoding: try folder.read(path), as: UTF8.self) }
        #expect(try text("direct/config.yaml").contains("convolution: direct\n"))
        #expect(try text("winograd/metrics.jsonl").contains("\"convolutionAlgorithm\":\"winograd\""))
        #expect(try text("winograd/report.md").contains("| convolutions | winograd |"))
        let weights = try folder.read("winograd/model.safetensors")
        #expect(try folder.read("direct/model.safetensors") != weights)
        try train(["--config", "winograd/config.yaml"], to: "again")
        #expect(try folder.read("again/model.safetensors") == weights)
    }

    @Test func anotherOptimizerLeavesOutWhatARecipeHasSet() throws {
        try folder.write(
            "weightDecay: 0.1\noptimizer: adamw\nschedule: step\nmodel: resnet20\ndata: data\n", "c.yaml")
        for arguments in [
            ["--config", "c.yaml"], ["--model", "resnet20", "--data", "data", "--optimizer", "adam"],
        ] {
            let result = try Command.run(
                [
                    "train", "--epochs", "1", "--batch", "8", "--threads", "1", "--output",
                    "run\(arguments.count)",
                ]
                    + arguments, in: folder)
            #expect(result.status == 0, "\(result.errors)")
        }
        let text = String(decoding: try folder.read("run2/config.yaml"), as: UTF8.self)
        #expect(text.contains("weightDecay: 0.1\n") && text.contains("warmup: 0.0\n"))
        #expect(text.contains("nesterov: false\n"))
    }

    @Test func curvesOfRunsSideBySide() throws {
        for name in ["one", "two"] {
            let result = try Command.run(train("--epochs", "2", "--output", name), in: folder)
            try #require(result.status == 0, "\(result.errors)")
        }
        let result = try Command.run("curves", "one", "two", "--output", "both", in: folder)
        #expect(result.status == 0, "\(result.errors)")
        #expect(result.output.split(separator: "\n").count == 4)
        #expect(try folder.names("both") == ["curves.svg", "report.md"])
        let report = String(decoding: try folder.read("both/report.md"), as: UTF8.self)
        #expect(report.contains("![Training and validation curves](curves.svg)"))
        #expect(report.contains(result.output))
        #expect(try Command.run("curves", "none", in: folder).status == 66)
        #expect(try Command.run("curves", in: folder).status == 64)
    }

    @Test func imagesAreScaledChangedAndLimited() throws {
        let result = try Command.run(
            [
                "train", "--model", "conv 4 k3 - relu - fc 10", "--data", "fashion-mnist", "--input",
                "1x14x14",
                "--limit", "400", "--augment", "flip, shift 1", "--epochs", "1", "--batch", "20", "--threads",
                "1",
                "--output", "small",
            ], in: folder)
        try #require(result.status == 0, "\(result.errors)")
        #expect(result.errors.contains("340 training and 60 validation samples"))
        let configuration = String(decoding: try folder.read("small/config.yaml"), as: UTF8.self)
        #expect(configuration.contains("augment: \"flip, shift 1\"\n"))
        #expect(configuration.contains("limit: 400\n"))
        // The model scales what it is evaluated on.
        let evaluation = try Command.run(
            "evaluate", "--model", "small/model.safetensors", "--data", "fashion-mnist", in: folder)
        #expect(evaluation.status == 0, "\(evaluation.errors)")
        let again = try Command.run(
            ["train", "--config", "small/config.yaml", "--output", "again"], in: folder)
        try #require(again.status == 0, "\(again.errors)")
        #expect(try folder.read("again/model.safetensors") == folder.read("small/model.safetensors"))
        let wrong = try Command.run(train("--augment", "turn 3", "--output", "wrong"), in: folder)
        #expect(wrong.status == 64)
        #expect(wrong.errorLine?.contains("'turn 3'") == true)
    }

    @Test func optionsPrecedeTheFileAndTheFileTheRecipe() throws {
        try folder.write(
            "model: mlp\ndata: elsewhere\nepochs: 7\nseed: 5 # a comment\nlearningRate: 1e-2\nschedule: constant\npatience:\n",
            "config.yaml")
        let result = try Command.run(
            [
                "train", "--config", "config.yaml", "--data", "data", "--epochs", "1", "--batch", "8",
                "--output", "run",
            ],
            in: folder)
        try #require(result.status == 0, "\(result.errors)")
        let lines = Set(
            String(decoding: try folder.read("run/config.yaml"), as: UTF8.self).split(separator: "\n"))
        for line in [
            "model: \"mlp\"", "data: \"data\"", "epochs: 1", "seed: 5", "learningRate: 0.01",
            "schedule: constant", "batch: 8",
            "optimizer: adam",
        ] { #expect(lines.contains(Substring(line)), "\(lines)") }
    }

    @Test(arguments: [(Int32(SIGINT), Int32(130)), (Int32(SIGTERM), Int32(143))])
    func aSignalLeavesACheckpointToGoOnFrom(_ signal: Int32, _ status: Int32) throws {
        let length = ["--epochs", "200", "--checkpoint-every-steps", "3"]
        let whole = try Command.run(train("--output", "whole") + length, in: folder)
        try #require(whole.status == 0, "\(whole.errors)")

        let (process, finish) = try Command.start(train("--output", "run") + length, in: folder)
        while process.isRunning, try !folder.hasEpoch("run") { usleep(1000) }
        kill(process.processIdentifier, signal)
        let stopped = try finish()
        #expect(stopped.status == status)
        #expect(stopped.errors.contains("fovea train --resume run"))
        #expect(try !folder.names("run/checkpoints").isEmpty)
        #expect(!folder.exists("run/model.safetensors"))

        let resumed = try Command.run("train", "--resume", "run", in: folder)
        try #require(resumed.status == 0, "\(resumed.errors)")
        #expect(resumed.errors.contains("going on after step"))
        #expect(try folder.read("run/model.safetensors") == folder.read("whole/model.safetensors"))
    }

    @Test func aRunKilledBeforeItsFirstCheckpointBeginsAgain() throws {
        try FileManager.default.createDirectory(
            atPath: folder.path + "/run/checkpoints", withIntermediateDirectories: true)
        try folder.write("model: fc 2\ndata: data\nepochs: 1\nbatch: 8\n", "run/config.yaml")
        try folder.write("{\"event\":\"start\"}\n", "run/metrics.jsonl")
        let result = try Command.run("train", "--resume", "run", in: folder)
        #expect(result.status == 0, "\(result.errors)")
        #expect(folder.exists("run/model.safetensors"))
    }

    @Test func aRunLearnsOnFromWeights() throws {
        func train(_ more: String...) throws -> Command.Result {
            try Command.run(
                [
                    "train", "--model", "conv 4 k3 - bn - relu - gap - fc 2", "--data", "data", "--batch",
                    "8",
                    "--threads", "1", "--checkpoint-every-steps", "3",
                ] + more, in: folder)
        }
        try #require(try train("--epochs", "2", "--output", "first").status == 0)
        let arguments = [
            "--weights", "first/model.safetensors", "--replace-head", "--freeze", "conv1", "--freeze", "bn?",
        ]
        let result = try Command.run(
            [
                "train", "--model", "conv 4 k3 - bn - relu - gap - fc 2", "--data", "data", "--batch", "8",
                "--threads",
                "1", "--epochs", "3", "--seed", "4", "--output", "second",
            ] + arguments, in: folder)
        try #require(result.status == 0, "\(result.errors)")
        #expect(result.errors.contains("54 parameters, 44 of them frozen, "))
        let (first, second) = try (
            SafeTensors(contentsOf: folder.path + "/first/model.safetensors"),
            SafeTensors(contentsOf: folder.path + "/second/model.safetensors")
        )
        for entry in first.entries {
            let isSame = try first.tensor(named: entry.name) == second.tensor(named: entry.name)
            #expect(isSame == !entry.name.hasPrefix("fc1"), "\(entry.name)")
        }
        let config = String(decoding: try folder.read("second/config.yaml"), as: UTF8.self)
        for line in [
            "weights: \"first/model.safetensors\"", "replaceHead: true", "freeze: [\"conv1\", \"bn?\"]",
        ] {
            #expect(config.contains(line + "\n"), "\(config)")
        }
        // The configuration repeats the run, and it goes on from its checkpoint when the weights are gone.
        try #require(
            try Command.run("train", "--config", "second/config.yaml", "--output", "third", in: folder).status
                == 0)
        #expect(try folder.read("third/model.safetensors") == folder.read("second/model.safetensors"))
        try FileManager.default.removeItem(atPath: folder.path + "/first/model.safetensors")
        let names = try folder.names("third/checkpoints")
        try FileManager.default.removeItem(
            atPath: folder.path + "/third/checkpoints/" + (try #require(names.last)))
        try FileManager.default.removeItem(atPath: folder.path + "/third/model.safetensors")
        let resumed = try Command.run("train", "--resume", "third", in: folder)
        try #require(resumed.status == 0, "\(resumed.errors)")
        #expect(resumed.errors.contains("going on after step"))
        #expect(try folder.read("third/model.safetensors") == folder.read("second/model.safetensors"))

        let wrong = try train("--freeze", "conv2", "--output", "none")
        #expect(wrong.status == 64)
        #expect(wrong.errorLine?.contains("'conv2' of what is to be frozen matches no parameter") ?? false)
        let headless = try train("--replace-head", "--output", "none")
        #expect(headless.status == 64)
        #expect(headless.errorLine?.contains("give weights, too") ?? false)
        #expect(!folder.exists("none"))
    }

    @Test func aTrainedModelEvaluatesAndPredicts() throws {
        let trained = try Command.run(train("--epochs", "8", "--output", "run"), in: folder)
        try #require(trained.status == 0, "\(trained.errors)")
        let model = "run/model.safetensors"
        let evaluation = try Command.run("evaluate", "--model", model, "--data", "data", "--json", in: folder)
            .json()
        #expect(evaluation["accuracy"] as? Double == 1)
        #expect(evaluation["samples"] as? Int == 32)
        #expect((evaluation["confusion"] as? [[Int]]) == [[16, 0], [0, 16]])
        let text = try Command.run(
            "evaluate", "--model", model, "--data", "data", "--split", "train", in: folder)
        #expect(text.output.contains("above"))

        // A colour image of another size.
        var pixels: [UInt8] = []
        for row in 0..<20 { for _ in 0..<24 { pixels += row >= 10 ? [200, 190, 210] : [20, 30, 40] } }
        try folder.write(
            try PNG.data(for: try Image(height: 20, width: 24, channels: 3, pixels: pixels)), "below.png")
        try folder.write(
            npy([8, 8], "|u1", (0..<64).map { $0 < 32 ? 200 : 30 }), "above.npy")
        let prediction = try Command.run(
            "predict", "--model", model, "below.png", "above.npy", "--top", "2", "--json", in: folder)
        let entries = try #require(try prediction.json()["predictions"] as? [[String: Any]])
        #expect(entries.map { $0["label"] as? String } == ["below", "above", "above", "below"])
        #expect(entries.map { $0["index"] as? Int } == [1, 0, 0, 1])
        #expect(entries.map { $0["rank"] as? Int } == [1, 2, 1, 2])
        let sum = entries.prefix(2).compactMap { $0["probability"] as? Double }.reduce(0, +)
        #expect(abs(sum - 1) < 1e-5)
        let plain = try Command.run("predict", "--model", model, "below.png", in: folder)
        #expect(plain.output.hasPrefix("below.png: below "))
        #expect(plain.output.filter { $0 == "\n" }.count == 1)

        // Classes are matched by name: the other order gives the same, an unknown one is refused.
        try folder.write("below\nabove\n", "data/classes.txt")
        let swapped = try Command.run("evaluate", "--model", model, "--data", "data", "--json", in: folder)
            .json()
        #expect(swapped["accuracy"] as? Double == 0)
        try folder.write("over\nbelow\n", "data/classes.txt")
        let unknown = try Command.run("evaluate", "--model", model, "--data", "data", in: folder)
        #expect(unknown.status == 65)
        #expect(unknown.errorLine?.contains("'over'") ?? false, "\(unknown.errors)")
    }
}

extension Folder {
    /// Whether the log of the run `name` has an epoch.
    func hasEpoch(_ name: String) throws -> Bool {
        guard exists(name + "/metrics.jsonl") else { return false }
        return String(decoding: try read(name + "/metrics.jsonl"), as: UTF8.self).contains(
            "\"event\":\"epoch\"")
    }
}
