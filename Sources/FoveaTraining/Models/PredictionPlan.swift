import FoveaGraph
import FoveaNN
import FoveaTensor

/// A plan for prediction with the places of its input and output found once.
///
/// Used by one thread at a time.
final class PredictionPlan {
    /// What the layers give, or probabilities.
    enum Kind {
        case raw, probabilities
    }

    let batchSize: Int
    let plan: any Plan
    /// The state that the plan's variables hold.
    var state: ModelState?
    private let input: Int
    private let raw: Int
    private let probabilities: Int?

    init(network: Network, batchSize: Int, backend: any Backend) throws {
        self.batchSize = batchSize
        let graph = try network.predictionGraph(batchSize: batchSize)
        plan = try backend.compile(graph)
        input = graph.position(ofInput: "input")!
        raw = graph.position(ofOutput: network.task.outputName)!
        probabilities = graph.position(ofOutput: "probabilities")
    }

    /// Takes over `state`, unless it is there already.
    func load(_ state: ModelState) {
        guard self.state !== state else { return }
        for (position, variable) in plan.graph.variables.enumerated() {
            // A state has all keys of its network.
            plan.setVariable(position, to: state.tensors[variable.key]!)
        }
        self.state = state
    }

    /// Lets `fill` write the first samples of the batch and `read` the results for them.
    ///
    /// What the rest of the batch holds has no influence: in prediction no sample sees another.
    func run(
        _ kind: Kind, fill: (UnsafeMutableBufferPointer<Float>) throws -> Void,
        read: (UnsafeBufferPointer<Float>) -> Void
    ) throws {
        try plan.withInput(input) { try fill($0.assumingMemoryBound(to: Float.self)) }
        try plan.execute()
        plan.withOutput(kind == .raw ? raw : probabilities ?? raw) {
            read($0.assumingMemoryBound(to: Float.self))
        }
    }
}

extension Graph {
    /// The place of the input called `name`.
    package func position(ofInput name: String) -> Int? { inputs.firstIndex { $0.name == name } }

    /// The place of the output called `name`.
    package func position(ofOutput name: String) -> Int? { outputs.firstIndex { $0.name == name } }
}
