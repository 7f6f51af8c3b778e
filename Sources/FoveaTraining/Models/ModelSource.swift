import Foundation
import FoveaGraph
import FoveaNN
import FoveaTensor
import FoveaZoo

/// What a user names a model by: a name of the zoo, an architecture in notation, or a model file.
public enum ModelSource: Hashable, Sendable {
    /// A named architecture.
    case zoo(String)
    /// An architecture in notation.
    case notation(String)
    /// The path of a model file.
    case file(String)

    /// What `text` names: a name of the zoo first, then a file where there is one or the text looks like a path to one,
    /// otherwise notation.
    ///
    /// - Throws: ``TrainingError`` with suggestions where one word is neither; `NotationError` where the notation is wrong.
    public init(_ text: String) throws {
        if Zoo.entries.contains(where: { $0.card.name == text }) {
            self = .zoo(text)
        } else if Self.looksLikePath(text) {
            self = .file(text)
        } else if text.contains(where: { " [-".contains($0) }) {
            _ = try Notation(text)
            self = .notation(text)
        } else if (try? Notation(text)) != nil {
            self = .notation(text)
        } else {
            throw TrainingError(.configuration, Self.unknown(text))
        }
    }

    private static func looksLikePath(_ text: String) -> Bool {
        text.hasSuffix(".safetensors") || text.hasPrefix("/") || text.hasPrefix("./") || text.hasPrefix("../")
            || text.hasPrefix("~") || FileManager.default.fileExists(atPath: text)
    }

    private static func unknown(_ text: String) -> String {
        let names = Zoo.entries.map(\.card.name)
        let close = Spelling.closest(to: text, in: names)
        let advice =
            close.isEmpty
            ? "the names are \(names.joined(separator: ", "))"
            : "did you mean \(close.joined(separator: " or "))?"
        return "there is no model '\(text)'; \(advice)"
            + (close.isEmpty ? "; or give an architecture in notation or a .safetensors file" : "")
    }

    /// The architecture, for samples of `input` and for `task`, where these are not what the source itself says.
    ///
    /// - Parameters:
    ///   - input: the shape of a sample; needed for notation.
    ///   - task: what is to be learned; unless given, the classes of the zoo or file, and as many as the last layer of a
    ///     notation gives.
    /// - Throws: ``TrainingError`` where the input is not known, a file is asked for other ones than it holds or does not say
    ///   its architecture; what the notation and the graph throw.
    public func architecture(input: Shape? = nil, task: Network.Task? = nil) throws -> Architecture {
        switch self {
        case .zoo(let name):
            let card = try Zoo.entry(named: name).card
            let task = task ?? .classification(classes: card.classes)
            guard case .classification = task else {
                throw TrainingError(
                    .configuration,
                    "\(name) is for classification, not for \(task); give an architecture in notation")
            }
            return Architecture(name, input: input ?? card.input, task: task)
        case .notation(let text):
            guard let input else {
                throw TrainingError(
                    .configuration,
                    "an architecture in notation needs the shape of a sample; give --input CxHxW")
            }
            let own = Network.Task.classification(
                classes: try Self.width(of: try Notation(text), input: input))
            return Architecture(text, input: input, task: task ?? own)
        case .file(let path):
            let architecture = try Architecture(ofModelAt: path)
            if let input, input.dimensions != architecture.input {
                throw TrainingError(
                    .configuration,
                    "the model in \(path) takes samples \(Shape(architecture.input)), not \(input)")
            }
            let own = try architecture.network().task
            if let task, task != own {
                throw TrainingError(.configuration, "the model in \(path) is for \(own), not for \(task)")
            }
            return architecture
        }
    }

    /// What the model costs and sees on batches of `batchSize` samples; see ``Summary``.
    ///
    /// A notation that ends in feature maps or in an activation, as parts of a network do, is summarized as it is, for
    /// no task.
    ///
    /// - Throws: as ``architecture(input:task:)`` and as the network's graphs.
    public func summary(input: Shape? = nil, task: Network.Task? = nil, batchSize: Int = 1) throws -> Summary
    {
        if case .notation(let text) = self, task == nil, let input {
            let notation = try Notation(text)
            let layers = try Summary(of: notation, inputShape: input, batchSize: batchSize)
            let isPart = layers.outputShape.count != 2 && layers.outputShape.dropFirst(2) != [1, 1]
            if isPart || notation.endsInActivation { return layers }
        }
        return try Summary(of: architecture(input: input, task: task).network(), batchSize: batchSize)
    }

    /// The number of values that the layers of `notation` give for a sample of `input`.
    private static func width(of notation: Notation, input: Shape) throws(GraphError) -> Int {
        var context = BuildContext(mode: .prediction)
        let value = try context.graph.input("input", TensorType(Shape([1] + input.dimensions)))
        let result = try context.apply(notation, to: value)
        return context.shape(of: result).count
    }
}
