import FoveaGraph

/// Which activations are forgotten at the end of the forward part and computed once more where the backward part first reads
/// them, decided from the graph alone (`Documentation/Decisions/0011-recomputation.md`).
///
/// A value is forgotten where one cheap step makes it of what the backward part has by itself: of variables and inputs, of
/// values that it reads anyway, or of others that are forgotten. Along a chain of these some are kept, since all from there to
/// the end are computed at once.
struct Recomputation {
    /// The most steps from what is kept to what is computed once more.
    private static let longestChain = 5

    /// The node that computes each value that is forgotten, alone or with what is fused into it.
    private(set) var positions: [Graph.Value: Int] = [:]

    /// Nothing is forgotten.
    static let none = Recomputation()

    private init() {}

    init(_ graph: Graph, readers: [[Int]], isLive: [Bool], fusion: Fusion) {
        let masked = fusion.rectifiersComputedAnew
        let overwritten = fusion.overwrittenResiduals
        var chains: [Graph.Value: Int] = [:]
        func isReadBackward(_ value: Graph.Value) -> Bool {
            readers[value.index].contains { position in
                guard graph.nodes[position].phase == .backward, !masked.contains(position) else {
                    return false
                }
                // The gradient of a pooling needs the layout alone, and where the maximum was.
                if case .poolGradient = graph.nodes[position].operation { return false }
                return true
            }
        }
        for (position, node) in graph.nodes.enumerated()
        where isLive[position] && node.phase == .forward && !fusion.absorbed.contains(position) {
            guard var sources = node.sourcesIfCheap else { continue }
            let fused = fusion.chains[position] ?? .none
            let last = fused.activation ?? fused.add?.node ?? position
            let result = graph.nodes[last].outputs[0]
            if let add = fused.add { sources.append(add.residual) }
            let isPossible = sources.allSatisfy { source in
                switch graph.origin(of: source) {
                case .input, .variable: true
                case .node: chains[source] != nil || isReadBackward(source)
                }
            }
            guard isPossible, !graph.isWanted(result) else { continue }
            let chain = 1 + (sources.compactMap { chains[$0] }.max() ?? 0)
            if chain > Self.longestChain, !overwritten.contains(result) {
                // Kept for others to be made of, whoever reads it.
                chains[result] = 0
            } else {
                chains[result] = chain
                positions[result] = position
            }
        }
    }
}

extension Graph.Node {
    /// The activations that the operation is applied to if it is no more work than passing over memory once.
    fileprivate var sourcesIfCheap: [Graph.Value]? {
        switch operation {
        case .batchNorm: [inputs[0]]
        case .activation, .parametricReLU, .add, .multiply, .scale: inputs
        default: nil
        }
    }
}

extension Compiler {
    /// Drops what is computed once more later, of which the layout stays known, and the inputs in another order than given.
    mutating func forgetActivations() {
        guard !recomputation.positions.isEmpty else { return }
        for value in recomputation.positions.keys {
            guard let form = forms[value.index].first else { continue }
            forgotten[value] = form.layout
            forms[value.index] = []
        }
        for input in graph.inputs { forms[input.value.index].removeLast(forms[input.value.index].count - 1) }
    }

    /// Computes `value` once more if it was forgotten, from what may have been forgotten in turn.
    mutating func recall(_ value: Graph.Value) throws(PlanError) {
        guard forgotten.removeValue(forKey: value) != nil, let position = recomputation.positions[value]
        else { return }
        let outer = isRecomputing
        isRecomputing = true
        defer { isRecomputing = outer }
        try lower(graph.nodes[position], at: position)
    }
}
