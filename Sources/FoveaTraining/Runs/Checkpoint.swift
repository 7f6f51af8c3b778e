import FoveaData
import FoveaFormats
import FoveaGraph
import FoveaNN
import FoveaTensor

/// All that a training needs to go on as if it had never stopped.
///
/// One safetensors file: the variables, the optimizer's slots included, under their keys; the numbers of the
/// best epoch under `best/KEY`; the rest as JSON under `fovea.checkpoint`.
public struct Checkpoint: Sendable {
    /// What was to be done.
    public var configuration: TrainingConfiguration { header.configuration }
    /// A number that changes with the configuration.
    public var configurationHash: String { header.configurationHash }
    /// The number of steps made.
    public var step: Int { header.progress.step }
    /// The validation as it was asked for.
    public var validation: ValidationRecord { header.validation }
    /// The architecture, where the network was not made in code.
    public var architecture: Architecture? { header.architecture }

    /// The validation of a run, as a checkpoint remembers it.
    public enum ValidationRecord: Hashable, Sendable, Codable {
        case none
        case fraction(Double)
        /// A set of its own, with the number that changes with it.
        case set(fingerprint: String)
    }

    struct Header: Codable {
        var version = 1
        var configuration: TrainingConfiguration
        var configurationHash: String
        var dataFingerprint: String
        var validation: ValidationRecord
        var progress: TrainingProgress
        var logLength: UInt64
        var architecture: Architecture?
        var labels: [String]
        var preprocessing: Preprocessing
    }

    let header: Header
    let variables: [(name: String, tensor: Tensor)]
    let best: [String: Tensor]
    let path: String

    private static let key = "fovea.checkpoint"
    private static let bestPrefix = "best/"

    /// Writes `header`, the variables of `session` and its best numbers as the file at `path`, whole or not
    /// at all.
    static func write(_ header: Header, of session: TrainingSession, to path: String) throws {
        var tensors = session.training.allVariables
        if let best = session.best {
            tensors += best.tensors.sorted { $0.key < $1.key }.map { (bestPrefix + $0.key, $0.value) }
        }
        try SafeTensors.write(tensors, metadata: [key: try JSON.text(header)], to: path)
    }

    /// Reads the checkpoint at `path`.
    ///
    /// - Parameter optimizer: the optimizer, where the run had one that this library does not know.
    /// - Throws: `FormatError` where the file is damaged, ``TrainingError`` where it is not a checkpoint of
    ///   this version.
    public init(contentsOf path: String, optimizer: (any Optimizer)? = nil) throws {
        let file = try SafeTensors(contentsOf: path)
        guard let text = file.metadata[Self.key] else {
            throw TrainingError(
                .checkpoint, "\(path) is not a checkpoint; it lacks the metadata '\(Self.key)'")
        }
        do {
            header = try JSON.value(Header.self, from: text, optimizer: optimizer)
        } catch let error as TrainingError {
            throw error
        } catch {
            throw TrainingError(
                .checkpoint, "\(path): the metadata '\(Self.key)' is not what this version writes")
        }
        guard header.version == 1 else {
            throw TrainingError(
                .checkpoint, "\(path): a checkpoint of version \(header.version), and this reads version 1")
        }
        let tensors = try file.tensors()
        variables = tensors.filter { !$0.name.hasPrefix(Self.bestPrefix) }
        best = Dictionary(
            tensors.filter { $0.name.hasPrefix(Self.bestPrefix) }
                .map { (String($0.name.dropFirst(Self.bestPrefix.count)), $0.tensor) }
        ) { first, _ in first }
        self.path = path
    }
}

extension TrainingConfiguration {
    /// A number that changes with the configuration, the same on every machine.
    public var hash: String {
        get throws {
            var hash = StableHash()
            hash.add(try JSON.text(self))
            return hash.text
        }
    }
}
