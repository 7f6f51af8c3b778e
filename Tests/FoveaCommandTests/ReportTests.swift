import Foundation
import Fovea
import Testing

/// What the commands that report without training print.
@Suite struct ReportTests {
    let folder: Folder

    init() throws {
        folder = try Folder()
        try folder.writeData()
    }

    @Test func helpGoesToStandardOutput() throws {
        for arguments in [["--help"], ["help", "train"], ["train", "--help"], ["--version"]] {
            let result = try Command.run(arguments, in: folder)
            #expect(result.status == 0)
            #expect(!result.output.isEmpty)
            #expect(result.errors.isEmpty)
        }
    }

    @Test func modelsListsTheZoo() throws {
        let models = try #require(
            try Command.run("models", "--json", in: folder).json()["models"] as? [[String: Any]])
        #expect(models.map { $0["name"] as? String } == Zoo.entries.map(\.card.name))
        let lenet = try #require(models.first { $0["name"] as? String == "lenet5" })
        #expect(lenet["parameters"] as? Int == 61_706)
        #expect(lenet["macs"] as? Int == 416_520)
        let text = try Command.run("models", in: folder).output
        #expect(text.contains("resnet50"))
        #expect(text.contains("25,557,032"))
    }

    @Test(arguments: [
        ("train", "training", []), ("infer", "prediction", []), ("train", "training", ["--recompute"]),
    ])
    func summaryKnowsTheMemoryOfAPlan(mode: String, name: String, options: [String]) throws {
        let shape =
            ["resnet18", "--input", "3x112x112", "--batch", "16", "--threads", "1", "--json"] + options
        let planned = try #require(
            try Command.run(["summary", "--memory"] + shape, in: folder).json()["plannedMemory"]
                as? [String: Int])
        let measured = try Command.run(["bench", "--mode", mode, "--steps", "1"] + shape, in: folder).json()
        let (expected, peak) = (
            try #require(planned[name]) + (try #require(planned["process"])),
            try #require(measured["peakBytes"] as? Int)
        )
        #expect(measured["plannedBytes"] as? Int == planned[name])
        #expect(measured["recompute"] as? Bool == !options.isEmpty)
        #expect(abs(Double(expected) / Double(peak) - 1) < 0.1, "\(expected) planned, \(peak) measured")
    }

    @Test func summaryHasTheTotals() throws {
        let json = try Command.run("summary", "lenet5", "--json", in: folder).json()
        #expect(json["parameters"] as? Int == 61_706)
        #expect(json["macs"] as? Int == 416_520)
        #expect((json["layers"] as? [[String: Any]])?.first?["path"] as? String == "conv1")
        let more = try Command.run(
            "summary", "lenet5", "--json", "--classes", "3", "--batch", "2", "--input", "3x28x28", in: folder
        ).json()
        #expect(more["parameters"] as? Int == 61_706 + 2 * 150 - 7 * 85)
        #expect(
            try Command.run("summary", "fc 3", "--input", "4", in: folder).output.contains("parameters: 15"))
        #expect(try Command.run("summary", "lenet5", "--markdown", in: folder).output.hasPrefix("| layer |"))
    }

    @Test func summaryComparesAndTakesPartsOfNetworks() throws {
        let part = try Command.run("summary", "conv 1 k5", "--input", "3x50x50", "--json", in: folder).json()
        #expect(part["weights"] as? Int == 75)
        #expect(part["biases"] as? Int == 1)
        #expect(part["outputShape"] as? [Int] == [1, 1, 46, 46])
        let connectivity = (part["layers"] as? [[String: Any]])?.first?["connectivity"] as? [String: Int]
        #expect(
            connectivity == ["shared": 75, "locallyConnected": 75 * 2116, "fullyConnected": 7500 * 2116])
        // An activation at the end is no classifier's; a dense layer is one's.
        #expect(try Command.run("summary", "conv 1 k5 - relu", "--input", "1x9x9", in: folder).status == 0)
        #expect(
            try Command.run("summary", "fc 3", "--input", "4", in: folder).output.contains("probabilities"))

        let arguments = ["summary", "--compare", "conv 1 k5", "conv 1 k3 - conv 1 k3", "--input", "3x50x50"]
        let json = try Command.run(arguments + ["--json"], in: folder).json()
        #expect(((json["first"] as? [String: Any])?["numbers"] as? [String: Int])?["weights"] == 75)
        #expect(((json["second"] as? [String: Any])?["numbers"] as? [String: Int])?["weights"] == 36)
        #expect((json["differences"] as? [String: Int])?["weights"] == -39)
        #expect(
            try Command.run(arguments, in: folder).output.contains("weights                  75         36"))
        #expect(
            try Command.run(arguments + ["--markdown"], in: folder).output.contains("| weights | 75 | 36 |"))
        #expect(
            try Command.run("summary", "lenet5", "--weights", in: folder).output.contains(
                "conv1  1x6x28x28        5        3,687,936            117,600     150"))
        let alone = try Command.run("summary", "--compare", "lenet5", in: folder)
        #expect(alone.status == 64)
        #expect(alone.errorLine?.contains("--compare takes two models, not 1") ?? false)
        let empty = try Command.run("summary", "conv 1 k5", "--input", "3x50x4", in: folder)
        #expect(empty.status == 64)
        #expect(empty.errorLine?.contains("conv1: the window of 5x5 does not fit") ?? false)
    }

    /// 60 million weights are 240 MB; the process may write to 40.
    #if os(Linux)
        @Test func summaryOfADeepNetworkAllocatesNoWeights() throws {
            let process = Process()
            process.executableURL = URL(fileURLWithPath: "/bin/sh")
            process.arguments = ["-c", "ulimit -d 40000; exec \"$0\" summary resnet152", Command.binary.path]
            process.standardOutput = FileHandle.nullDevice
            let elapsed = try ContinuousClock().measure {
                try process.run()
                process.waitUntilExit()
            }
            #expect(process.terminationStatus == 0)
            #if !DEBUG
                #expect(elapsed < .milliseconds(300))
            #endif
        }
    #endif

    @Test(arguments: ["train", "infer"])
    func benchMeasures(_ mode: String) throws {
        let result = try Command.run(
            "bench", "fc 8 - relu - fc 2", "--input", "4", "--batch", "16", "--steps", "20", "--mode", mode,
            "--json",
            in: folder)
        let json = try result.json()
        let rate = try #require(json["samplesPerSecond"] as? Double)
        let time = try #require(json["secondsPerStep"] as? Double)
        #expect(abs(rate * time - 16) < 1e-6)
        #expect(try #require(json["bestSecondsPerStep"] as? Double) <= time)
        #expect(json["steps"] as? Int == 20)
        let peak = try #require(json["peakBytes"] as? Int)
        #expect(try #require(json["plannedBytes"] as? Int) < peak)
        let profile = try Command.run(
            "bench", "fc 8 - relu - fc 2", "--input", "4", "--steps", "3", "--profile", "--mode", mode,
            in: folder)
        #expect(profile.output.contains("GB/s"))
        #expect(profile.output.contains("GFLOP/s"))
        #expect(profile.output.contains("samples/s"))
        #expect(
            profile.output.contains(
                /sum of steps alone [0-9.]+ .+, whole step [0-9.]+ .+, overhead -?[0-9.]+ %/))
    }

    @Test(arguments: ["train", "infer"])
    func benchProfilesEachStep(_ mode: String) throws {
        let json = try Command.run(
            "bench", "fc 8 - relu - fc 2", "--input", "4", "--batch", "16", "--seconds", "0", "--profile",
            "--mode",
            mode, "--json", in: folder
        ).json()
        #expect(json["steps"] as? Int == 3)
        let steps = try #require(json["profile"] as? [[String: Any]])
        let alone = try steps.map { try #require($0["secondsAlone"] as? Double) }
        let sum = try #require(json["sumOfStepsAloneSeconds"] as? Double)
        #expect(sum > 0)
        #expect(abs(alone.reduce(0, +) - sum) < 1e-9)
        let whole = try #require(json["secondsPerStep"] as? Double)
        #expect(abs(try #require(json["overhead"] as? Double) - (whole / sum - 1)) < 1e-6)
        for step in steps {
            let seconds = try #require(step["seconds"] as? Double)
            let bytes = try #require(step["bytes"] as? Int)
            #expect(bytes > 0, "\(step)")
            #expect(abs(try #require(step["bytesPerSecond"] as? Double) * seconds - Double(bytes)) < 1e-3)
            let flops = try #require(step["flops"] as? Int)
            #expect(abs(try #require(step["flopsPerSecond"] as? Double) * seconds - Double(flops)) < 1e-3)
        }
        // The first product reads 16x4 numbers, 8x4 weights and 8 biases, and writes 16x8; packed weights are padded.
        let dense = try #require(steps.first { ($0["operation"] as? String)?.hasPrefix("dense") == true })
        let others = 4 * (16 * 4 + 8 + 16 * 8)
        #expect((others + 4 * 8 * 4...others + 4 * 64 * 4).contains(try #require(dense["bytes"] as? Int)))
    }

    @Test func dataTellsWhatThereIs() throws {
        let json = try Command.run("data", "data", "--json", in: folder).json()
        #expect(json["classes"] as? [String] == ["above", "below"])
        let parts = try #require(json["parts"] as? [[String: Any]])
        #expect(parts.map { $0["count"] as? Int } == [64, 32])
        #expect(parts[0]["shape"] as? [Int] == [1, 8, 8])
        #expect(parts[0]["classCounts"] as? [Int] == [32, 32])
        #expect(try Command.run("data", "data", in: folder).output.contains("above"))
    }

    @Test func forwardAndGradientsAgreeOnBothBackends() throws {
        let count = 3 * 28 * 28
        try folder.write(npy([3, 1, 28, 28], (0..<count).map { sin(Float($0)) }), "x.npy")
        try folder.write(
            npy([3], "<i8", [Int64(1), 9, 4].flatMap { withUnsafeBytes(of: $0.littleEndian, Array.init) }),
            "l.npy")
        var losses: [Double] = []
        for backend in ["cpu", "reference"] {
            let forward = try Command.run(
                "forward", "--model", "lenet5", "--seed", "3", "--input", "x.npy", "--output",
                "y-\(backend).npy",
                "--backend", backend, in: folder)
            #expect(forward.status == 0, "\(forward.errors)")
            let gradients = try Command.run(
                "gradients", "--model", "lenet5", "--seed", "3", "--input", "x.npy", "--labels", "l.npy",
                "--output",
                "g-\(backend).safetensors", "--backend", backend, "--json", in: folder)
            #expect(gradients.status == 0, "\(gradients.errors)")
            losses.append(try #require(try gradients.json()["loss"] as? Double))
        }
        #expect(abs(losses[0] - losses[1]) < 1e-5)

        let outputs = try ["cpu", "reference"].map { try NPY.read(contentsOf: folder.path + "/y-\($0).npy") }
        #expect(outputs[0].shape == [3, 10])
        expectClose(outputs[0], outputs[1])
        let files = try ["cpu", "reference"].map {
            try SafeTensors(contentsOf: folder.path + "/g-\($0).safetensors")
        }
        #expect(
            Set(files[0].entries.map(\.name))
                == ["conv1", "conv2", "fc1", "fc2", "fc3"].flatMap { ["\($0).weight", "\($0).bias"] }.reduce(
                    into: []) { $0.insert($1) })
        for entry in files[0].entries {
            expectClose(
                try #require(try files[0].tensor(named: entry.name)),
                try #require(try files[1].tensor(named: entry.name)))
        }

        // The loss is that of the logits.
        let logits = outputs[1].scalars(as: Float.self).map(Double.init)
        let expected =
            [1, 9, 4].enumerated().map { row, label in
                log(logits[row * 10..<row * 10 + 10].map(exp).reduce(0, +)) - logits[row * 10 + label]
            }.reduce(0, +) / 3
        #expect(abs(expected - losses[1]) < 1e-5)
    }

    @Test func weightsMustFitStrictly() throws {
        try folder.write(npy([1, 4], [1, 2, 3, 4]), "x.npy")
        let weight = Tensor([Float](repeating: 0.5, count: 8), shape: [2, 4])
        try SafeTensors.write(
            [("fc1.weight", weight), ("fc9.bias", Tensor([Float(0), 1], shape: [2]))],
            to: folder.path + "/w.safetensors")
        let arguments = [
            "forward", "--model", "fc 2", "--weights", "w.safetensors", "--input", "x.npy", "--output",
            "y.npy",
        ]
        let wrong = try Command.run(arguments, in: folder)
        #expect(wrong.status == 65)
        #expect(
            wrong.errorLine?.contains("1 missing: fc1.bias; 1 unexpected: fc9.bias") ?? false,
            "\(wrong.errors)")
        #expect(!folder.exists("y.npy"))

        try SafeTensors.write(
            [("fc1.weight", weight), ("fc1.bias", Tensor([Float(0), 1], shape: [2]))],
            to: folder.path + "/w.safetensors")
        #expect(try Command.run(arguments, in: folder).status == 0)
        #expect(try NPY.read(contentsOf: folder.path + "/y.npy").scalars(as: Float.self) == [5, 6])
    }

    private func expectClose(_ left: Tensor, _ right: Tensor) {
        #expect(left.shape == right.shape)
        let scale = right.scalars(as: Float.self).map(abs).max() ?? 0
        for (a, b) in zip(left.scalars(as: Float.self), right.scalars(as: Float.self)) {
            #expect(abs(a - b) <= 1e-4 * scale + 1e-7)
        }
    }
}
