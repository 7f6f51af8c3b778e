import FoveaGraph

/// Which sums of the backward part are computed in one pass over memory, with what stands behind them, decided from the
/// graph alone.
///
/// A gradient that comes in several ways is a sum of sums; at the end of a residual block it passes a ReLU and is multiplied by
/// the block's scale. Values are added in the order of the graph, so every bit is as if each node were computed alone.
struct Combinations {
    /// A sum of a few values, with the gradient of a ReLU and a multiple of the result.
    struct Combination {
        /// What is added, in this order.
        var operands: [Graph.Value]
        /// The output of the ReLU that the sum is the gradient of.
        var rectified: Graph.Value?
        /// The node that multiplies the result.
        var scale: Int?
        /// The nodes before the last that are a part of it.
        fileprivate var inner: [Int] = []

        /// Whether this is more than a node alone computes.
        fileprivate var joinsNodes: Bool { !inner.isEmpty || scale != nil }
    }

    /// As many values as the kernel adds.
    private static let mostOperands = 4

    /// The combinations that end with the node at each position.
    private(set) var endings: [Int: Combination] = [:]
    /// The nodes that are computed as a part of a combination that ends elsewhere.
    private(set) var absorbed: Set<Int> = []

    private let graph: Graph
    private let readers: [[Int]]

    /// - Parameter isFloat32: whether gradients are float32; there are no combinations of others.
    init(_ graph: Graph, readers: [[Int]], isLive: [Bool], fusion: Fusion, isFloat32: Bool) {
        self.graph = graph
        self.readers = readers
        guard isFloat32 else { return }
        for (position, node) in graph.nodes.enumerated()
        where isLive[position] && node.phase == .backward && !fusion.absorbed.contains(position)
            && fusion.chains[position]?.activation == nil && fusion.stridedSums[position] == nil
        {
            combine(node, at: position)
        }
        endings = endings.filter { $0.value.joinsNodes }
        for combination in endings.values {
            absorbed.formUnion(combination.inner)
            if let scale = combination.scale { absorbed.insert(scale) }
        }
    }

    /// Begins a combination with a node, or lets it go on with one that the node alone reads.
    private mutating func combine(_ node: Graph.Node, at position: Int) {
        switch node.operation {
        case .add:
            let (first, second) = (node.inputs[0], node.inputs[1])
            guard first != second, graph.type(of: first) == graph.type(of: second),
                graph.type(of: first).dtype == .float32
            else { return }
            endings[position] =
                continuing(first, at: position) { $0.operands.append(second) }
                ?? continuing(second, at: position) { $0.operands.append(first) }
                ?? Combination(operands: [first, second])
        case .activationGradient(let gradient) where gradient.function == .relu:
            let (output, outputGradient) = (node.inputs[0], node.inputs[1])
            endings[position] =
                continuing(outputGradient, at: position) { $0.rectified = output }
                ?? Combination(operands: [outputGradient], rectified: output)
        case .scale:
            guard case .node(let producer, _) = graph.origin(of: node.inputs[0]),
                readers[node.inputs[0].index].count > 1, endings[producer]?.scale == nil
            else { return }
            endings[producer]?.scale = position
        default: break
        }
    }

    /// The sum that ends with `value`, which only the node at `position` reads, gone on with by that.
    private mutating func continuing(
        _ value: Graph.Value, at position: Int, _ change: (inout Combination) -> Void
    ) -> Combination? {
        guard readers[value.index] == [position], !graph.isWanted(value),
            case .node(let producer, _) = graph.origin(of: value), var combination = endings[producer],
            combination.rectified == nil, combination.scale == nil
        else { return nil }
        combination.inner.append(producer)
        change(&combination)
        guard combination.operands.count <= Self.mostOperands else { return nil }
        endings[producer] = nil
        return combination
    }
}
