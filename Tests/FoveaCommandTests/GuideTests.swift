import Foundation
import Fovea
import Testing

/// What the documentation shows: its Swift is compiled and run, its commands print what it says.
@Suite struct GuideTests {
    private static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// The fenced blocks of a document in `language`, without the fences.
    private static func blocks(_ document: String, language: String) throws -> [String] {
        let text = try String(contentsOf: root.appendingPathComponent(document), encoding: .utf8)
        var blocks: [String] = []
        var (open, lines): (String?, [Substring]) = (nil, [])
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            if line.hasPrefix("```") {
                if open == language { blocks.append(lines.joined(separator: "\n")) }
                open = open == nil ? String(line.dropFirst(3)) : nil
                lines = []
            } else {
                lines.append(line)
            }
        }
        return blocks
    }

    @Test func theSwiftOfTheGuideIsWhatIsCompiledHere() throws {
        let source = try String(
            contentsOf: Self.root.appendingPathComponent("Tests/FoveaCommandTests/GuideSnippets.swift"),
            encoding: .utf8)
        var snippets: [String] = []
        var lines: [Substring]?
        for line in source.split(separator: "\n", omittingEmptySubsequences: false) {
            switch line.trimmingCharacters(in: .whitespaces) {
            case "// guide": lines = []
            case "// end":
                let taken = lines ?? []
                let indent = taken.filter { !$0.isEmpty }.map { $0.prefix { $0 == " " }.count }.min() ?? 0
                snippets.append(taken.map { String($0.dropFirst(indent)) }.joined(separator: "\n"))
                lines = nil
            default: lines?.append(line)
            }
        }
        let shown = try Self.blocks("Documentation/ConvolutionalNetworks.md", language: "swift")
        // Formatting may break lines of one and not of the other.
        func words(_ texts: [String]) -> Set<String> {
            Set(texts.map { $0.split(whereSeparator: \.isWhitespace).joined() })
        }
        #expect(words(shown).subtracting(words(snippets)) == [], "in the guide and not compiled")
        #expect(words(snippets).subtracting(words(shown)) == [], "compiled and not in the guide")
    }

    @Test func theSwiftOfTheGuideRuns() throws {
        #expect(try GuideSnippets.convolution().outputShape == [1, 32, 11, 11])
        #expect(try GuideSnippets.field().rows.inputExtent == 224)
        #expect(try Summary(of: GuideSnippets.notation()).parameters == 160 + 2_320 + 7_850)
        #expect(try GuideSnippets.bottleneck().ratios["weights"]! < 0.12)
        let heads = try GuideSnippets.heads()
        #expect((heads.inTraining, heads.inPrediction) == (8, 6))
        #expect(try Summary(of: heads.network).parameters == 160 + 170 + 4_640 + 330)
        let gates = try Summary(of: GuideSnippets.gates(), inputShape: [16, 5, 5])
        #expect(gates.parameters == 136 + 3_480 + 8 * 32 * 2 + 40)
        #expect(try Summary(of: GuideSnippets.connections()).layers.contains { $0.kind == "add" })
        #expect(try Summary(of: SwishGate(), inputShape: [2, 3, 3]).outputShape == [1, 2, 3, 3])

        let folder = try Folder()
        let images = try Dataset(
            name: "two",
            samples: Tensor(
                (0..<16 * 784).map { UInt8(truncatingIfNeeded: $0 * $0) }, shape: [16, 1, 28, 28]),
            targets: .classes(labels: (0..<16).map { Int32($0 % 2) }, names: ["a", "b"]))
        var model = try Self.lenet()
        model.preprocessing = .bytes
        try model.save(to: folder.path + "/lenet.safetensors")
        let learner = try GuideSnippets.transfer(from: folder.path + "/lenet.safetensors", to: images)
        #expect(learner.weights["conv1.weight"] == model.weights["conv1.weight"])
        #expect(learner.weights["fc1.weight"] != model.weights["fc1.weight"])
        let sample = try images.subset(at: [0]).samples.reshaped(to: [1, 28, 28])
        #expect(try GuideSnippets.pictures(learner, sample).channels == 3)
    }

    @Test(arguments: ["Documentation/ConvolutionalNetworks.md", "README.md"])
    func theCommandsPrintWhatIsShown(_ document: String) throws {
        let folder = try Folder()
        try FileManager.default.createDirectory(
            atPath: folder.path + "/runs/lenet5", withIntermediateDirectories: true)
        try Self.lenet().save(to: folder.path + "/runs/lenet5/model.safetensors")
        let hasImages = (try? BuiltInDataset.fashionMNIST.directory()) != nil
        var count = 0
        for block in try Self.blocks(document, language: "") {
            var lines = block.split(separator: "\n", omittingEmptySubsequences: false)[...]
            while let line = lines.popFirst() {
                let shown = lines.prefix { !$0.hasPrefix("$ ") }
                lines = lines.dropFirst(shown.count)
                // Only what takes no time and depends on no training.
                guard line.hasPrefix("$ fovea summary") || line.hasPrefix("$ fovea show"),
                    hasImages || !line.contains("fashion-mnist")
                else { continue }
                let printed = try Self.run(String(line.dropFirst(2)), in: folder)
                #expect(
                    Self.matches(printed, shown.map(String.init)), "\(line) prints\n\(printed)")
                count += 1
            }
        }
        #expect(count > 0)
    }

    /// A LeNet-5 with its first numbers.
    private static func lenet() throws -> Model {
        let data = BuiltInDataset.fashionMNIST
        return try Model(
            Architecture("lenet5_relu", input: [1, 28, 28], task: .classification(classes: 10)), seed: 0,
            labels: data.classNames)
    }

    /// What `command` prints in a shell that finds the binary.
    private static func run(_ command: String, in folder: Folder) throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-c", command + " > out.txt 2>&1"]
        process.currentDirectoryURL = URL(fileURLWithPath: folder.path)
        var environment = ProcessInfo.processInfo.environment
        environment["PATH"] =
            Command.binary.deletingLastPathComponent().path + ":" + (environment["PATH"] ?? "/bin")
        process.environment = environment
        try process.run()
        process.waitUntilExit()
        return String(decoding: try folder.read("out.txt"), as: UTF8.self)
    }

    /// Whether `printed` is what `shown` says, where a line `...` stands for any lines and `…` for anything in a line.
    private static func matches(_ printed: String, _ shown: [String]) -> Bool {
        let trimmed = shown.reversed().drop { $0.isEmpty }.reversed()
        let pattern = trimmed.map { line in
            line == "..."
                ? "(.*\n)*"
                : line.split(separator: "…", omittingEmptySubsequences: false)
                    .map { NSRegularExpression.escapedPattern(for: String($0)) }.joined(separator: ".*")
                    + "\n"
        }.joined()
        return printed.range(of: "^" + pattern + "$", options: .regularExpression) == printed
            .startIndex..<printed.endIndex
    }
}
