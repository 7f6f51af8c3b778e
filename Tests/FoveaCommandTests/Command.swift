import Foundation
import Testing

/// The real binary, run as a person runs it.
struct Command {
    /// What a run gave.
    struct Result {
        var status: Int32
        var output: String
        var errors: String

        /// The result as JSON.
        func json() throws -> [String: Any] {
            try #require(try JSONSerialization.jsonObject(with: Data(output.utf8)) as? [String: Any])
        }

        /// The only line on standard error.
        var errorLine: String? {
            let lines = errors.split(separator: "\n", omittingEmptySubsequences: false)
            return lines.count == 2 && lines[1].isEmpty ? String(lines[0]) : nil
        }
    }

    /// The binary beside the test bundle.
    static let binary: URL = {
        let candidates =
            [URL(fileURLWithPath: CommandLine.arguments[0])] + Bundle.allBundles.map(\.bundleURL)
        for candidate in candidates {
            let url = candidate.deletingLastPathComponent().appendingPathComponent("fovea")
            if FileManager.default.isExecutableFile(atPath: url.path) { return url }
        }
        let package = URL(fileURLWithPath: #filePath)
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let builds = ["release", "debug"].map { package.appendingPathComponent(".build/\($0)/fovea") }
        return builds.first { FileManager.default.isExecutableFile(atPath: $0.path) } ?? builds[0]
    }()

    /// Starts the command in `directory`; its output goes to files, so that no pipe can fill up.
    static func start(
        _ arguments: [String], in directory: Folder, environment: [String: String] = [:]
    ) throws -> (Process, () throws -> Result) {
        let name = UUID().uuidString
        let (out, err) = (directory.path + "/.\(name).out", directory.path + "/.\(name).err")
        for path in [out, err] { _ = FileManager.default.createFile(atPath: path, contents: nil) }
        let process = Process()
        process.executableURL = binary
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        process.currentDirectoryURL = URL(fileURLWithPath: directory.path)
        process.standardOutput = try FileHandle(forWritingTo: URL(fileURLWithPath: out))
        process.standardError = try FileHandle(forWritingTo: URL(fileURLWithPath: err))
        process.standardInput = FileHandle.nullDevice
        try process.run()
        return (
            process,
            {
                process.waitUntilExit()
                // A signal that ended the process counts as a shell counts it.
                let status =
                    process.terminationStatus + (process.terminationReason == .uncaughtSignal ? 128 : 0)
                return Result(
                    status: status, output: try String(contentsOfFile: out, encoding: .utf8),
                    errors: try String(contentsOfFile: err, encoding: .utf8))
            }
        )
    }

    /// Runs the command to its end.
    static func run(_ arguments: String..., in directory: Folder) throws -> Result {
        try start(arguments, in: directory).1()
    }

    /// Runs the command to its end.
    static func run(_ arguments: [String], in directory: Folder) throws -> Result {
        try start(arguments, in: directory).1()
    }
}

/// A folder that lives as long as the test.
final class Folder {
    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.path + "/fovea-command-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func write(_ bytes: [UInt8], _ name: String) throws {
        let url = URL(fileURLWithPath: path + "/" + name)
        try FileManager.default.createDirectory(
            at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(bytes).write(to: url)
    }

    func write(_ text: String, _ name: String) throws { try write(Array(text.utf8), name) }

    func read(_ name: String) throws -> [UInt8] {
        Array(try Data(contentsOf: URL(fileURLWithPath: path + "/" + name)))
    }

    func exists(_ name: String) -> Bool { FileManager.default.fileExists(atPath: path + "/" + name) }

    /// The names in the folder `name`, but those of the test's own files.
    func names(_ name: String = ".") throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: path + "/" + name).filter { !$0.hasPrefix(".") }
            .sorted()
    }

    /// Writes `data/`: images of 8x8 that are bright above or below the middle, 64 to train on and 32 to test on.
    func writeData() throws {
        for (part, count) in [("train", 64), ("t10k", 32)] {
            var pixels: [UInt8] = []
            var labels: [UInt8] = []
            for sample in 0..<count {
                let label = sample % 2
                labels.append(UInt8(label))
                for position in 0..<64 {
                    let isBright = (position >= 32) == (label == 1)
                    pixels.append(UInt8((isBright ? 180 : 20) + (sample * 7 + position * 13) % 40))
                }
            }
            func header(_ extents: [Int]) -> [UInt8] {
                [0, 0, 8, UInt8(extents.count)]
                    + extents.flatMap { [0, 0, UInt8($0 / 256), UInt8($0 % 256)] }
            }
            try write(header([count, 8, 8]) + pixels, "data/\(part)-images-idx3-ubyte")
            try write(header([count]) + labels, "data/\(part)-labels-idx1-ubyte")
        }
        try write("above\nbelow\n", "data/classes.txt")
    }
}
