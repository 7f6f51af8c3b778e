import FoveaGraph
import FoveaNN
import FoveaTensor

/// The plan of a training step with the places of its inputs and outputs found once, so that a step looks
/// nothing up and allocates nothing.
final class TrainingPlan {
    let plan: any Plan
    let batchSize: Int
    private let input: Int
    private let answers: Int
    private let learningRate: Int
    private let step: Int?
    private let loss: Int
    private let result: Int
    private let auxiliaryOutput: Int?
    private let penaltyOutput: Int?
    private let width: Int
    private let isClassification: Bool

    /// - Throws: what ``TrainingGraph/make(network:batchSize:optimizer:frozen:)`` and the backend throw.
    init(
        network: Network, batchSize: Int, optimizer: any Optimizer, frozen: [KeyPattern] = [],
        backend: any Backend, seed: UInt64
    ) throws {
        let graph = try TrainingGraph.make(
            network: network, batchSize: batchSize, optimizer: optimizer, frozen: frozen
        ).graph
        try Self.checkStatistics(graph)
        plan = try backend.compile(graph)
        self.batchSize = batchSize
        width = network.task.width
        if case .classification = network.task { isClassification = true } else { isClassification = false }
        // The training graph has these by its definition.
        input = graph.position(ofInput: "input")!
        answers = graph.position(ofInput: isClassification ? "labels" : "target")!
        learningRate = graph.position(ofInput: "learningRate")!
        step = graph.position(ofInput: "step")
        loss = graph.position(ofOutput: "loss")!
        result = graph.position(ofOutput: network.task.outputName)!
        auxiliaryOutput = graph.position(ofOutput: "auxiliary")
        penaltyOutput = graph.position(ofOutput: "penalty")
        if let position = graph.position(ofInput: "seed") {
            plan.withInput(position) { bytes in
                bytes.storeBytes(of: UInt32(truncatingIfNeeded: seed), toByteOffset: 0, as: UInt32.self)
                bytes.storeBytes(of: UInt32(truncatingIfNeeded: seed >> 32), toByteOffset: 4, as: UInt32.self)
            }
        }
    }

    /// A batch statistic over one number has variance 0 and the derivative of nothing.
    private static func checkStatistics(_ graph: Graph) throws(TrainingError) {
        for node in graph.nodes {
            guard case .batchNorm = node.operation else { continue }
            let shape = graph.shape(of: node.inputs[0])
            if shape.count == shape[1] {
                throw TrainingError(
                    .configuration,
                    "\(node.path): batch normalization over one number for each channel, as its input is \(shape); "
                        + "raise the batch size above 1")
            }
        }
    }

    /// The learning rate and the number of steps made before, for the next run.
    func set(learningRate rate: Float, step number: Int) {
        plan.withInput(learningRate) { $0.storeBytes(of: rate, as: Float.self) }
        if let step {
            plan.withInput(step) { $0.storeBytes(of: Int32(truncatingIfNeeded: number), as: Int32.self) }
        }
    }

    /// Lets `body` write the samples and the answers (int32 labels or float32 targets) of the next run.
    func withBatch(_ body: (UnsafeMutableRawBufferPointer, UnsafeMutableRawBufferPointer) -> Void) {
        plan.withInput(input) { features in
            plan.withInput(answers) { body(features, $0) }
        }
    }

    /// The loss of the last run.
    var lastLoss: Float { plan.withOutput(loss) { $0.load(as: Float.self) } }

    /// Whether the loss, and those of auxiliary heads, and the penalty of the last run are numbers.
    var isLastObjectiveFinite: Bool {
        let heads = auxiliaryOutput.map { plan.withOutput($0) { $0.load(as: Float.self) } }
        return lastLoss.isFinite && heads?.isFinite ?? true && lastPenalty?.isFinite ?? true
    }

    /// The penalty of the last run; `nil` where the network has none.
    var lastPenalty: Float? { penaltyOutput.map { plan.withOutput($0) { $0.load(as: Float.self) } } }

    /// The number of samples of the last run whose class was predicted.
    func countCorrect() -> Int {
        guard isClassification else { return 0 }
        return plan.withOutput(result) { logits in
            plan.withInput(answers) { labels in
                let logits = logits.assumingMemoryBound(to: Float.self)
                let labels = labels.assumingMemoryBound(to: Int32.self)
                var correct = 0
                for row in 0..<batchSize {
                    let start = row * width
                    var best = 0
                    for index in 1..<max(width, 1) where logits[start + index] > logits[start + best] {
                        best = index
                    }
                    if best == Int(labels[row]) { correct += 1 }
                }
                return correct
            }
        }
    }

    /// The present parameters and statistics.
    var modelState: ModelState {
        var tensors: [String: Tensor] = [:]
        for (position, variable) in plan.graph.variables.enumerated() where variable.role != .slot {
            tensors[variable.key] = plan.variable(position)
        }
        return ModelState(tensors)
    }

    /// All variables, the optimizer's slots included, in the order of the graph.
    var allVariables: [(name: String, tensor: Tensor)] {
        plan.graph.variables.enumerated().map { ($1.key, plan.variable($0)) }
    }

    /// Takes over `state` and clears the slots.
    func load(_ state: ModelState) {
        for (position, variable) in plan.graph.variables.enumerated() {
            plan.setVariable(position, to: state.tensors[variable.key] ?? Tensor(zeros: variable.type.shape))
        }
    }

    /// Takes over all variables, slots included.
    ///
    /// - Throws: ``TrainingError`` where they are not those of the graph.
    func load(_ tensors: [(name: String, tensor: Tensor)], source: String) throws {
        let matched = try WeightMatching.match(tensors, to: plan.graph.variables, source: source)
        for (position, variable) in plan.graph.variables.enumerated() {
            plan.setVariable(position, to: matched[variable.key]!)
        }
    }

    /// The first parameter that holds a number that is none; `nil` where all are finite.
    var firstNonFiniteParameter: String? {
        for (position, variable) in plan.graph.variables.enumerated() {
            let isFinite = plan.variable(position).withUnsafeScalars(of: Float.self) {
                $0.allSatisfy(\.isFinite)
            }
            if !isFinite { return variable.key }
        }
        return nil
    }

    /// The first row of the last batch that holds a number that is none; `nil` where all are finite.
    var firstNonFiniteSample: Int? {
        plan.withInput(input) { bytes in
            let numbers = bytes.assumingMemoryBound(to: Float.self)
            return numbers.firstIndex { !$0.isFinite }.map { $0 / max(numbers.count / batchSize, 1) }
        }
    }
}
