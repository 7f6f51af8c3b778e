import Foundation
import Testing

/// What the command says and how it ends where it is used wrongly or its input is not what it should be.
@Suite struct WrongUseTests {
    let folder: Folder

    init() throws {
        folder = try Folder()
        try folder.writeData()
    }

    @Test(arguments: [
        (["summary", "lenet6"], "there is no model 'lenet6'; did you mean lenet5?"),
        (["summary", "resnet51"], "did you mean resnet50 or "),
        (["summary", "fc 10"], "needs the shape of a sample; give --input CxHxW"),
        (["summary", "lenet5", "--input", "1x2"], "The value '1x2' is invalid for '--input <CxHxW>'"),
        (["summary", "lenet5", "--batch", "0"], "--batch is 0"),
        (["summary", "lenet5", "--input", "1x4x4"], "conv2"),
        (["bench", "lenet5", "--mode", "fast"], "'fast' is invalid for '--mode"),
        (["bench", "lenet5", "--precision", "f16"], "'f16' is invalid for '--precision"),
        (["bench", "lenet5", "--mode", "infer", "--recompute"], "--recompute goes with --mode train"),
        (["summary", "lenet5", "--recompute"], "--recompute goes with --memory"),
        (["train", "--resume", "x", "--recompute"], "--resume takes all settings from the run"),
        (["train", "--model", "lenet5"], "give --model and --data, or --config, or --resume"),
        (["train", "--resume", "x", "--epochs", "3"], "--resume takes all settings from the run"),
        (
            ["train", "--model", "mlp", "--data", "data", "--optimizer", "adam", "--momentum", "0.9"],
            "adam takes no momentum"
        ),
        (["train", "--model", "mlp", "--data", "data", "--epochs", "0"], "the number of epochs is 0"),
        (["train", "--model", "mlp", "--data", "data", "--learning-rate=-1"], "learning rate"),
        (
            ["train", "--model", "mlp", "--data", "data", "--validation", "0", "--patience", "2"],
            "raise validation above 0"
        ),
        (["models", "--yaml"], "Unknown option '--yaml'"),
        (["trian"], "trian"),
    ])
    func wrongArgumentsAreOneLineAnd64(_ arguments: [String], _ text: String) throws {
        let result = try Command.run(arguments, in: folder)
        #expect(result.status == 64)
        #expect(result.output.isEmpty)
        #expect(result.errorLine?.contains(text) ?? false, "\(result.errors)")
        #expect(try folder.names() == ["data"])
    }

    @Test func bfloat16NeedsAProcessorThatHasIt() throws {
        for arguments in [
            ["bench", "lenet5"], ["train", "--model", "mlp", "--data", "data", "--output", "run"],
            ["evaluate", "--model", "m.safetensors", "--data", "data"],
        ] {
            // oneDNN takes the processor for an older one.
            let result = try Command.start(
                arguments + ["--precision", "bf16"], in: folder,
                environment: ["ONEDNN_MAX_CPU_ISA": "AVX2"]
            ).1()
            #expect(result.status == 64)
            #expect(result.errorLine?.contains("AVX-512 BF16 or AMX BF16") ?? false, "\(result.errors)")
            #expect(try folder.names() == ["data"])
        }
    }

    @Test func notationErrorsPointAtTheColumn() throws {
        let result = try Command.run("summary", "fc 8 - rleu", "--input", "4", in: folder)
        #expect(result.status == 64)
        #expect(
            result.errors == """
                fovea: column 8: there is no layer 'rleu'; did you mean 'relu'?
                  fc 8 - rleu
                         ^

                """)
    }

    @Test(arguments: [
        ["evaluate", "--model", "none.safetensors", "--data", "data"],
        ["predict", "--model", "none.safetensors", "x.png"],
        ["summary", "./none.safetensors"],
        ["data", "none"],
        ["train", "--model", "mlp", "--data", "none", "--output", "run"],
        ["train", "--config", "none.yaml"],
        ["train", "--resume", "none"],
        ["forward", "--model", "lenet5", "--input", "none.npy", "--output", "y.npy"],
    ])
    func missingInputIs66(_ arguments: [String]) throws {
        let result = try Command.run(arguments, in: folder)
        #expect(result.status == 66)
        #expect(result.errorLine?.contains("none") ?? false, "\(result.errors)")
        #expect(try folder.names() == ["data"])
    }

    @Test(arguments: [
        (
            "model: mlp\ndata: data\nepoch: 3\n",
            "line 3, column 1: there is no setting 'epoch'; did you mean epochs?"
        ),
        (
            "model: mlp\ndata: data\nepochs: many\n",
            "line 3, column 1: epochs is 'many'; expected a whole number"
        ),
        ("model: mlp\ndata: data\noptimizer: adm\n", "optimizer is 'adm'; expected one of sgd, adam, adamw"),
        ("model: mlp\ndata: data\nbatch: [1, 2]\n", "batch is a list or a mapping"),
        ("model: [mlp\n", "line 2"),
        ("model: mlp\nmodel: mlp\n", "twice"),
        ("- mlp\n", "expected settings"),
        ("", "empty"),
        ("epochs: 3\n", "no model or no data"),
        ("\u{0}\u{1}", "config.yaml"),
    ])
    func badConfigurationIs65(_ text: String, _ message: String) throws {
        try folder.write(text, "config.yaml")
        let result = try Command.run("train", "--config", "config.yaml", "--output", "run", in: folder)
        #expect(result.status == 65)
        #expect(result.errorLine?.contains(message) ?? false, "\(result.errors)")
        #expect(!folder.exists("run"))
    }

    @Test func damagedFilesAre65() throws {
        let trained = try Command.run(
            "train", "--model", "fc 2", "--data", "data", "--epochs", "1", "--batch", "8", "--output", "run",
            in: folder)
        try #require(trained.status == 0, "\(trained.errors)")
        let model = try folder.read("run/model.safetensors")
        for length in [0, 4, 40, model.count / 2, model.count - 1] {
            try folder.write(Array(model.prefix(length)), "cut.safetensors")
            let result = try Command.run(
                "evaluate", "--model", "cut.safetensors", "--data", "data", in: folder)
            #expect(result.status == 65)
            #expect(result.errorLine?.contains("cut.safetensors") ?? false, "\(result.errors)")
        }
        try folder.write([0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 0, 0, 0, 13], "bad.png")
        try folder.write("hello", "bad.jpg")
        try folder.write("hello", "bad.npy")
        for name in ["bad.png", "bad.jpg", "bad.npy"] {
            let result = try Command.run("predict", "--model", "run/model.safetensors", name, in: folder)
            #expect(result.status == 65)
            #expect(result.output.isEmpty)
            #expect(result.errorLine?.contains(name) ?? false, "\(result.errors)")
        }
    }

    @Test func dataThatDoNotFitTheModelAre65() throws {
        let result = try Command.run(
            "train", "--model", "conv 2 k9 - fc 2", "--data", "data", "--output", "run", in: folder)
        #expect(result.status == 64 || result.status == 65)
        #expect(result.errorLine?.contains("conv1") ?? false, "\(result.errors)")
        let other = try Command.run(
            "train", "--model", "fc 3", "--data", "data", "--output", "run", in: folder)
        #expect(other.status == 64 || other.status == 65)
        #expect(other.errorLine?.contains("classification into 2 classes") ?? false, "\(other.errors)")
        #expect(!folder.exists("run"))
    }

    @Test func placesThatCannotBeWrittenAre73() throws {
        try folder.write("", "file")
        let train = try Command.run(
            "train", "--model", "fc 2", "--data", "data", "--output", "file/run", "--batch", "8", in: folder)
        #expect(train.status == 73)
        #expect(train.errorLine?.contains("file/run") ?? false, "\(train.errors)")

        try folder.write(npy([2, 4], [Float](repeating: 1, count: 8)), "x.npy")
        let forward = try Command.run(
            "forward", "--model", "fc 2", "--input", "x.npy", "--output", "none/y.npy", in: folder)
        #expect(forward.status == 73)
        #expect(forward.errorLine?.contains("none/y.npy") ?? false, "\(forward.errors)")
    }

    @Test func anOldRunIsNotOverwritten() throws {
        let arguments = [
            "train", "--model", "fc 2", "--data", "data", "--epochs", "1", "--batch", "8", "--output", "run",
        ]
        #expect(try Command.run(arguments, in: folder).status == 0)
        let before = try folder.read("run/model.safetensors")
        let again = try Command.run(arguments, in: folder)
        #expect(again.status == 73)
        #expect(again.errors.contains("holds a run already"))
        #expect(try folder.read("run/model.safetensors") == before)
    }

    #if os(Linux)
        @Test func aFullDiskIs74() throws {
            let shell = Process()
            shell.executableURL = URL(fileURLWithPath: "/bin/sh")
            shell.arguments = ["-c", "exec '\(Command.binary.path)' models > /dev/full 2> /dev/null"]
            try shell.run()
            shell.waitUntilExit()
            #expect(shell.terminationStatus == 74)

            let mount = folder.path + "/small"
            try FileManager.default.createDirectory(atPath: mount, withIntermediateDirectories: true)
            guard getuid() == 0, Self.call("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", mount) else {
                print("skipped: mounting a small file system needs root")
                return
            }
            defer { _ = Self.call("umount", mount) }
            let result = try Command.run(
                "train", "--model", "fc 512 - relu - fc 2", "--data", "data", "--epochs", "1", "--batch", "8",
                "--output",
                "small/run", in: folder)
            #expect(result.status == 74)
            #expect(result.errors.contains("no space left"))
            #expect(try folder.names("small/run/checkpoints").isEmpty)
        }

        private static func call(_ command: String...) -> Bool {
            let process = Process()
            process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
            process.arguments = command
            process.standardError = FileHandle.nullDevice
            guard (try? process.run()) != nil else { return false }
            process.waitUntilExit()
            return process.terminationStatus == 0
        }
    #endif
}

/// An .npy file of float32.
func npy(_ shape: [Int], _ values: [Float]) -> [UInt8] {
    npy(
        shape, "<f4",
        values.flatMap { value in withUnsafeBytes(of: value.bitPattern.littleEndian, Array.init) })
}

/// An .npy file of elements that are bytes already.
func npy(_ shape: [Int], _ type: String, _ bytes: [UInt8]) -> [UInt8] {
    let extents = shape.map { "\($0)," }.joined(separator: " ")
    var text = "{'descr': '\(type)', 'fortran_order': False, 'shape': (\(extents)), }"
    text += String(repeating: " ", count: 63 - (10 + text.utf8.count) % 64) + "\n"
    return [
        0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59, 1, 0, UInt8(text.utf8.count % 256), UInt8(text.utf8.count / 256),
    ]
        + Array(text.utf8) + bytes
}
