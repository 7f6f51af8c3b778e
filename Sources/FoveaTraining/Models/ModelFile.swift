import FoveaData
import FoveaFormats
import FoveaGraph
import FoveaNN
import FoveaTensor

/// What a model file says besides the numbers: the metadata of the safetensors file, each value JSON.
private enum MetadataKey {
    static let version = "fovea.version"
    static let architecture = "fovea.architecture"
    static let input = "fovea.input"
    static let task = "fovea.task"
    static let labels = "fovea.labels"
    static let preprocessing = "fovea.preprocessing"
    static let summary = "fovea.summary"
}

extension Model {
    /// Writes the model as one `.safetensors` file, whole or not at all: the numbers under their keys, and in
    /// the metadata the architecture, the shape of a sample, the task, the class labels, the preprocessing
    /// and the training summary.
    ///
    /// - Throws: `FormatError` where the file cannot be written.
    public func save(to path: String) throws {
        try SafeTensors.write(orderedWeights(), metadata: try metadata(), to: path)
    }

    /// The model in the file at `path`.
    ///
    /// - Parameter network: the network, where the file does not say it because it was made in code.
    /// - Throws: `FormatError` where the file is damaged, ``TrainingError`` where it is not a model's or the
    ///   numbers do not fit the network: missing, unexpected and misshapen keys are all named.
    public init(
        contentsOf path: String, network: Network? = nil, backend: any Backend = StandardBackend.make()
    ) throws {
        let file = try SafeTensors(contentsOf: path)
        let header = try ModelHeader(file.metadata, source: path)
        let architecture = network == nil ? header.architecture : header.architecture ?? nil
        guard let network = try network ?? architecture?.network() else {
            throw TrainingError(
                .modelFile,
                header.isModel
                    ? "\(path): the network was made in code and the file does not hold it; give the network, too"
                    : "\(path) holds weights and does not say of which network; give the network, too")
        }
        try header.check(network, source: path)
        try self.init(
            network, architecture: architecture, labels: header.labels, preprocessing: header.preprocessing,
            backend: backend
        ) { variables in
            ModelState(try WeightMatching.match(file.tensors(), to: variables, source: path))
        }
        summary = header.summary
    }

    /// Replaces all numbers by those in the safetensors file at `path`.
    ///
    /// The file holds tensors, or is a model's. A model's preprocessing comes with its numbers, which mean little
    /// without it, where this model has none yet. PyTorch's `num_batches_tracked` are passed over. A file without
    /// auxiliary heads, such as torchvision's of a trained GoogLeNet, leaves this model's as they are.
    ///
    /// - Parameter replacesHead: whether the last layers keep the model's present numbers, whatever the file has for them:
    ///   to learn other classes from what the file knows.
    /// - Throws: `FormatError` where the file is damaged, ``TrainingError`` that names every missing, unexpected and
    ///   misshapen key, or where the file is of a model with other classes whose head is not replaced.
    public mutating func loadWeights(from path: String, replacesHead: Bool = false) throws {
        let file = try SafeTensors(contentsOf: path)
        let header = try ModelHeader(file.metadata, source: path)
        try setWeights(file.tensors(), source: path, replacesHead: replacesHead)
        if preprocessing == nil { preprocessing = header.preprocessing }
        if !replacesHead, labels.isEmpty { labels = header.labels }
    }

    /// The numbers in the order of the graph.
    func orderedWeights() throws -> [(name: String, tensor: Tensor)] {
        try network.variables().map { ($0.key, state.tensors[$0.key]!) }
    }

    private func metadata() throws -> [String: String] {
        var metadata = [
            MetadataKey.version: "1",
            MetadataKey.input: try JSON.text(network.inputShape.dimensions),
            MetadataKey.task: try JSON.text(TaskText(network.task)),
            MetadataKey.labels: try JSON.text(labels),
        ]
        if let architecture { metadata[MetadataKey.architecture] = try JSON.text(architecture) }
        if let preprocessing { metadata[MetadataKey.preprocessing] = try JSON.text(preprocessing) }
        if let summary { metadata[MetadataKey.summary] = try JSON.text(summary) }
        return metadata
    }
}

extension Architecture {
    /// The architecture of the model in the file at `path`, of which only the header is read.
    ///
    /// - Throws: `FormatError` where the file is damaged, ``TrainingError`` where it does not say its
    ///   architecture.
    public init(ofModelAt path: String) throws {
        let header = try ModelHeader(try SafeTensors(contentsOf: path).metadata, source: path)
        guard let architecture = header.architecture else {
            throw TrainingError(
                .modelFile,
                "\(path) does not say its architecture; name a model, and give this file as its weights where you can"
            )
        }
        self = architecture
    }
}

/// A task in a file.
private struct TaskText: Codable, Hashable {
    var classes: Int?
    var outputs: Int?

    init(_ task: Network.Task) {
        switch task {
        case .classification(let classes): self.classes = classes
        case .regression(let outputs): self.outputs = outputs
        }
    }
}

/// The metadata of a model file.
private struct ModelHeader {
    let isModel: Bool
    var architecture: Architecture?
    var labels: [String] = []
    var preprocessing: Preprocessing?
    var summary: TrainingSummary?
    private var input: [Int]?
    private var task: TaskText?

    init(_ metadata: [String: String], source: String) throws {
        func value<Value: Decodable>(_ key: String) throws -> Value? {
            guard let text = metadata[key] else { return nil }
            do { return try JSON.value(Value.self, from: text) } catch {
                throw TrainingError(
                    .modelFile,
                    "\(source): the metadata '\(key)' is not what this version writes, \(text.prefix(60)); "
                        + "write the file anew")
            }
        }
        isModel = metadata[MetadataKey.version] != nil
        guard isModel else { return }
        guard metadata[MetadataKey.version] == "1" else {
            throw TrainingError(
                .modelFile,
                "\(source): a model file of version \(metadata[MetadataKey.version]!), and this reads version 1; "
                    + "update Fovea")
        }
        architecture = try value(MetadataKey.architecture)
        labels = try value(MetadataKey.labels) ?? []
        preprocessing = try value(MetadataKey.preprocessing)
        summary = try value(MetadataKey.summary)
        input = try value(MetadataKey.input)
        task = try value(MetadataKey.task)
    }

    /// Throws where the file is of another input or task than `network`.
    func check(_ network: Network, source: String) throws(TrainingError) {
        if let input, input != network.inputShape.dimensions {
            throw TrainingError(
                .modelFile,
                "\(source): the model takes samples \(input) and the network given \(network.inputShape)")
        }
        if let task, task != TaskText(network.task) {
            throw TrainingError(.modelFile, "\(source): the model is not for \(network.task)")
        }
    }
}
