import FoveaGraph

/// Which activations are forgotten at the end of the forward part and computed once more where the backward part first reads
/// them, decided from the graph alone (`Documentation/Decisions/0011-recomputation.md`).
///
/// A value is forgotten where one cheap step makes it of what the backward part has by itself: of variables and inputs, of
/// values that it reads anyway, or of others that are forgotten.
struct Recomputation {
    /// The node that computes each value that is forgotten, alone or with what is fused into it.
    private(set) var positions: [Graph.Value: Int] = [:]

    /// Nothing is forgotten.
    static let none = Recomputation()

    private init() {}

    init(_ graph: Graph, readers: [[Int]], isLive: [Bool], fusion: Fusion) {
        let masked = fusion.rectifiersComputedAnew
        func isReadBackward(_ value: Graph.Value) -> Bool {
            readers[value.index].contains { position in
                let node = graph.nodes[position]
                guard node.phase == .backward, !masked.contains(position) else { return false }
                // It needs the layout alone, and where the maximum was.
                if case .poolGradient = node.operation { return false }
                return true
            }
        }
        for (position, node) in graph.nodes.enumerated()
        where isLive[position] && node.phase == .forward && !fusion.absorbed.contains(position) {
            guard let sources = node.sourcesIfCheap else { continue }
            let chain = fusion.chains[position] ?? .none
            let last = chain.activation ?? chain.add?.node ?? position
            let result = graph.nodes[last].outputs[0]
            let isPossible = (sources + [chain.add?.residual].compactMap(\.self)).allSatisfy { source in
                switch graph.origin(of: source) {
                case .input, .variable: true
                case .node: positions[source] != nil || isReadBackward(source)
                }
            }
            if isPossible, !graph.isWanted(result) { positions[result] = position }
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
    /// Drops what is computed once more later; that it had a place stays known by its layout.
    mutating func forgetActivations() {
        for value in recomputation.positions.keys {
            guard let form = forms[value.index].first else { continue }
            forgotten[value] = form.layout
            forms[value.index] = []
        }
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
