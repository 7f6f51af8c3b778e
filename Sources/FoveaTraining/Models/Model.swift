import FoveaData
import FoveaGraph
import FoveaNN
import FoveaTensor

/// A network with its numbers: what is trained, saved, loaded, and predicts.
///
/// A value: a copy that is trained leaves the original as it was.
public struct Model: Sendable {
    /// The description.
    public let network: Network
    /// How the description is written in a file; `nil` for a network made in code, which must be given anew
    /// to load it.
    public let architecture: Architecture?
    /// The names of the classes, in the order of their numbers; empty where they have none.
    public var labels: [String]
    /// What is done to samples before the network sees them; `nil` before training, which then chooses it.
    public var preprocessing: Preprocessing?
    /// Where the numbers come from; `nil` before training.
    public var summary: TrainingSummary?
    /// What computes.
    public var backend: any Backend {
        didSet { plans = PlanCache() }
    }
    private(set) var state: ModelState
    private var plans = PlanCache()

    /// A model of `network` with the initial numbers that `seed` decides.
    ///
    /// - Throws: `GraphError` where the network has no meaning, ``TrainingError`` where there are labels, but
    ///   not one for each class.
    public init(
        _ network: Network, seed: UInt64, labels: [String] = [], preprocessing: Preprocessing? = nil,
        backend: any Backend = StandardBackend.make()
    ) throws {
        try self.init(
            network, architecture: nil, labels: labels, preprocessing: preprocessing, backend: backend
        ) {
            ModelState(initializing: $0, seed: seed)
        }
    }

    /// A model of the network that `architecture` writes, with the initial numbers that `seed` decides;
    /// throws as ``init(_:seed:labels:preprocessing:backend:)`` and as ``Architecture/network()``.
    public init(
        _ architecture: Architecture, seed: UInt64, labels: [String] = [],
        preprocessing: Preprocessing? = nil,
        backend: any Backend = StandardBackend.make()
    ) throws {
        try self.init(
            try architecture.network(), architecture: architecture, labels: labels,
            preprocessing: preprocessing,
            backend: backend
        ) {
            ModelState(initializing: $0, seed: seed)
        }
    }

    init(
        _ network: Network, architecture: Architecture?, labels: [String], preprocessing: Preprocessing?,
        backend: any Backend,
        state: ([Graph.Variable]) throws -> ModelState
    ) throws {
        if case .classification(let classes) = network.task, !labels.isEmpty, labels.count != classes {
            throw TrainingError(
                .configuration,
                "the network tells \(classes) classes apart and there are \(labels.count) labels")
        }
        self.network = network
        self.architecture = architecture
        self.labels = labels
        self.preprocessing = preprocessing
        self.backend = backend
        self.state = try state(try network.variables())
    }

    /// The parameters and statistics under their keys, those of auxiliary heads included.
    public var weights: [String: Tensor] { state.tensors }

    /// Replaces all parameters and statistics; those of auxiliary heads, too, unless `weights` has none at all of them.
    ///
    /// - Parameter replacesHead: whether the last layers (``FoveaNN/Network/headKeys()``) are left out of it and keep the
    ///   model's present numbers, whatever `weights` has for them.
    /// - Throws: ``TrainingError`` that names every missing, unexpected and misshapen key.
    public mutating func setWeights(
        _ weights: [(name: String, tensor: Tensor)], source: String, replacesHead: Bool = false
    ) throws {
        let variables = try network.variables()
        // Without replacing, the head only serves the message.
        let head = replacesHead ? try network.headKeys() : (try? network.headKeys()) ?? []
        let predicting = Set(try network.predictionGraph(batchSize: 1).variables.map(\.key))
        let matched = try WeightMatching.match(
            weights, to: variables, source: source,
            optional: Set(variables.map(\.key)).subtracting(predicting), head: head,
            replacesHead: replacesHead)
        state = ModelState(state.tensors.merging(matched) { $1 })
    }

    /// Replaces the numbers by those of a training of this network.
    mutating func adopt(_ state: ModelState) {
        self.state = state
    }

    /// Runs `body` with a plan for `batchSize` samples that holds the model's numbers.
    func withPlan<Result>(batchSize: Int, _ body: (PredictionPlan) throws -> Result) throws -> Result {
        try plans.withPlan(for: network, batchSize: batchSize, backend: backend, state: state, body)
    }
}

/// Where the numbers of a model come from.
public struct TrainingSummary: Hashable, Sendable, Codable {
    /// The number of epochs begun.
    public var epochs: Int
    /// The number of steps made.
    public var steps: Int
    /// The number of samples trained on.
    public var samples: Int
    /// The seed of the run.
    public var seed: UInt64
    /// The metrics on the validation set, by name, of the epoch whose numbers these are.
    public var validation: [String: Double]
}
