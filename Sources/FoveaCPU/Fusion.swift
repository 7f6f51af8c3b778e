import FoveaGraph

/// Which nodes are computed together with the node before them, decided from the graph alone.
///
/// A node is fused into its producer only where nobody else reads the value between them, so fusing never changes what
/// is computed, only how often memory is passed over.
struct Fusion {
    /// What follows a convolution, a dense product, a batch normalization, a sum or the gradient of a pooling within one
    /// step.
    struct Chain {
        /// The batch normalization with fixed statistics that is folded into the weights.
        var batchNorm: Int?
        /// The sum whose other operand is what the destination held before.
        var add: (node: Int, residual: Graph.Value)?
        var activation: Int?
        /// The gradient of the activation whose result was pooled.
        var activationGradient: Int?

        static let none = Chain()
    }

    /// What is fused into the node at each position.
    private(set) var chains: [Int: Chain] = [:]
    /// The nodes that are computed as a part of another.
    private(set) var absorbed: Set<Int> = []
    /// The batch-norm gradients that take in the gradient of the ReLU after the forward node.
    private(set) var reluBatchNormGradients: Set<Int> = []

    private let graph: Graph
    private let readers: [[Int]]
    private let isLive: [Bool]

    init(_ graph: Graph, readers: [[Int]], isLive: [Bool]) {
        self.graph = graph
        self.readers = readers
        self.isLive = isLive
        for (position, node) in graph.nodes.enumerated()
        where isLive[position] && !absorbed.contains(position) {
            switch node.operation {
            case .convolution: fuseConvolution(position)
            case .dense, .add: fuseActivation(after: position, value: node.outputs[0], into: position)
            case .batchNorm: fuseReLU(afterBatchNorm: position)
            default: break
            }
        }
        for (position, node) in graph.nodes.enumerated() where isLive[position] {
            switch node.operation {
            case .batchNormGradient: fuseReLUGradient(beforeBatchNormGradient: position)
            case .poolGradient: fuseActivationGradient(afterPoolGradient: position)
            default: break
            }
        }
    }

    /// The only node that reads `value`, if there is just one and the value is not wanted otherwise.
    private func onlyReader(of value: Graph.Value) -> Int? {
        let positions = readers[value.index]
        guard positions.count == 1, !graph.isWanted(value) else { return nil }
        return positions[0]
    }

    private mutating func fuseConvolution(_ position: Int) {
        var chain = Chain.none
        var value = graph.nodes[position].outputs[0]
        if let next = onlyReader(of: value), case .batchNormInference = graph.nodes[next].operation,
            graph.nodes[next].inputs[0] == value, weightsAreFixed(graph.nodes[position], graph.nodes[next])
        {
            chain.batchNorm = next
            value = graph.nodes[next].outputs[0]
        }
        if let next = onlyReader(of: value), case .add = graph.nodes[next].operation,
            let residual = residual(of: next, besides: value, at: position)
        {
            chain.add = (next, residual)
            value = graph.nodes[next].outputs[0]
        }
        chains[position] = chain
        absorbed.formUnion([chain.batchNorm, chain.add?.node].compactMap(\.self))
        fuseActivation(after: position, value: value, into: position)
    }

    private mutating func fuseActivation(after position: Int, value: Graph.Value, into host: Int) {
        guard let next = onlyReader(of: value), case .activation = graph.nodes[next].operation else { return }
        chains[host, default: .none].activation = next
        absorbed.insert(next)
    }

    private mutating func fuseReLU(afterBatchNorm position: Int) {
        let value = graph.nodes[position].outputs[0]
        guard let next = onlyReader(of: value),
            case .activation(let activation) = graph.nodes[next].operation,
            activation.function == .relu
        else { return }
        chains[position] = Chain(activation: next)
        absorbed.insert(next)
    }

    private mutating func fuseReLUGradient(beforeBatchNormGradient position: Int) {
        let node = graph.nodes[position]
        guard case .node(let forward, _) = graph.origin(of: node.inputs[2]),
            let activation = chains[forward]?.activation, case .batchNorm = graph.nodes[forward].operation,
            case .node(let gradient, _) = graph.origin(of: node.inputs[4]),
            case .activationGradient = graph.nodes[gradient].operation,
            graph.nodes[gradient].inputs[0] == graph.nodes[activation].outputs[0],
            onlyReader(of: node.inputs[4]) == position
        else { return }
        reluBatchNormGradients.insert(position)
        absorbed.insert(gradient)
    }

    private mutating func fuseActivationGradient(afterPoolGradient position: Int) {
        let value = graph.nodes[position].outputs[0]
        guard let next = onlyReader(of: value), !absorbed.contains(next),
            case .activationGradient = graph.nodes[next].operation, graph.nodes[next].inputs[1] == value,
            graph.nodes[next].inputs[0] == graph.nodes[position].inputs[0]
        else { return }
        chains[position] = Chain(activationGradient: next)
        absorbed.insert(next)
    }

    /// Whether the weights and statistics stay as they are during a run, so that they can be folded once.
    private func weightsAreFixed(_ convolution: Graph.Node, _ batchNorm: Graph.Node) -> Bool {
        (convolution.inputs.dropFirst() + batchNorm.inputs.dropFirst()).allSatisfy { value in
            guard case .variable(let variable) = graph.origin(of: value) else { return false }
            return !graph.assignments.contains { $0.variable == variable }
        }
    }

    /// The operand of the sum at `add` besides `value` if the convolution at `position` can add to it in place: it is
    /// computed before and nobody reads it later.
    private func residual(of add: Int, besides value: Graph.Value, at position: Int) -> Graph.Value? {
        let operands = graph.nodes[add].inputs
        let residual = operands[0] == value ? operands[1] : operands[0]
        guard residual != value, graph.type(of: residual) == graph.type(of: value), !graph.isWanted(residual),
            case .node(let producer, _) = graph.origin(of: residual), producer < position,
            !sharesMemory(graph.nodes[producer]),
            readers[residual.index].allSatisfy({ reader in
                reader == add || (reader < position && !sharesMemory(graph.nodes[reader]))
            })
        else { return nil }
        return residual
    }

    /// Whether the output of `node` may be another name for the memory of its input.
    private func sharesMemory(_ node: Graph.Node) -> Bool {
        if case .reshape = node.operation { true } else { false }
    }
}
