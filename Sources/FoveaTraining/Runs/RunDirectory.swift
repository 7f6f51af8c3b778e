import Foundation
import FoveaFormats

/// The folder that a run leaves: `config.yaml`, `metrics.jsonl`, `checkpoints/`, `model.safetensors`,
/// `report.md`.
public struct RunDirectory: Hashable, Sendable {
    /// The path of the folder.
    public let path: String
    /// The command that repeats the run, for the report; empty where there is none.
    public var command: String

    /// The folder at `path`.
    public init(_ path: String, command: String = "") {
        self.path = path
        self.command = command
    }

    /// Everything needed to repeat the run.
    public var configurationPath: String { path + "/config.yaml" }
    /// The log, one event a line.
    public var metricsPath: String { path + "/metrics.jsonl" }
    /// The folder of the checkpoints.
    public var checkpointsPath: String { path + "/checkpoints" }
    /// The model that the run made.
    public var modelPath: String { path + "/model.safetensors" }
    /// The report.
    public var reportPath: String { path + "/report.md" }

    /// The checkpoints, the oldest first.
    public func checkpoints() -> [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: checkpointsPath)) ?? []
        return names.compactMap { name in Self.step(ofCheckpoint: name).map { (step: $0, name: name) } }
            .sorted { $0.step < $1.step }
            .map { checkpointsPath + "/" + $0.name }
    }

    /// Makes the folder for a new run.
    ///
    /// - Throws: ``TrainingError`` where a run is there already, `FormatError` where it cannot be made.
    func create() throws {
        let manager = FileManager.default
        guard !manager.fileExists(atPath: metricsPath), checkpoints().isEmpty else {
            throw TrainingError(
                .checkpoint, kind: .cannotWrite,
                "\(path) holds a run already; resume it, or choose another folder")
        }
        do {
            try manager.createDirectory(atPath: checkpointsPath, withIntermediateDirectories: true)
        } catch {
            throw FormatError(
                .cannotWrite, source: path,
                received: "the folder cannot be made: \(error.localizedDescription)",
                remedy: "choose a place that may be written")
        }
    }

    /// The path of the checkpoint after `step` steps.
    func checkpointPath(step: Int) -> String {
        let digits = String(step)
        return checkpointsPath + "/step-" + String(repeating: "0", count: max(0, 9 - digits.count)) + digits
            + ".safetensors"
    }

    /// Removes the checkpoints of which `condition` holds, given the step.
    func removeCheckpoints(where condition: (Int) -> Bool) {
        for path in checkpoints() {
            if let step = Self.step(ofCheckpoint: (path as NSString).lastPathComponent), condition(step) {
                try? FileManager.default.removeItem(atPath: path)
            }
        }
    }

    private static func step(ofCheckpoint name: String) -> Int? {
        guard name.hasPrefix("step-"), name.hasSuffix(".safetensors") else { return nil }
        return Int(name.dropFirst(5).dropLast(12))
    }
}
