import FoveaGraph
import FoveaTensor

/// Which gradients of images weighed by a number for each map, as squeeze-and-excitation weighs them, are computed in one
/// pass over memory, decided from the graph alone (`Documentation/Decisions/0018-gates.md`).
struct Gating {
    /// The gradient of an image that is weighed and averaged: `x · gate`, and a share of the gradient of each map's average.
    struct Product {
        var image: Graph.Value
        var gate: Graph.Value
        /// The gradient of the averages.
        var averages: Graph.Value
        /// What is averaged.
        var pixels: Int
    }

    /// The gradient of a gate: the sums over each map of the products of two images.
    struct Sum {
        var left: Graph.Value
        var right: Graph.Value
    }

    /// What ends with the node at each position.
    private(set) var products: [Int: Product] = [:]
    private(set) var sums: [Int: Sum] = [:]
    /// The nodes that are computed as a part of what ends elsewhere.
    private(set) var absorbed: Set<Int> = []

    private let graph: Graph
    private let readers: [[Int]]

    /// - Parameter isFloat32: whether images are float32; others are not taken together.
    init(
        _ graph: Graph, readers: [[Int]], isLive: [Bool], fusion: Fusion, combinations: Combinations,
        isFloat32: Bool
    ) {
        self.graph = graph
        self.readers = readers
        guard isFloat32 else { return }
        func isApart(_ position: Int) -> Bool {
            isLive[position] && !fusion.absorbed.contains(position)
                && fusion.chains[position]?.add == nil && fusion.chains[position]?.activation == nil
                && !combinations.absorbed.contains(position) && combinations.endings[position] == nil
        }
        for (position, node) in graph.nodes.enumerated() where isApart(position) {
            let parts: [Int]
            switch node.operation {
            case .reduceSum:
                guard let (sum, product) = sum(endingWith: node, at: position) else { continue }
                sums[position] = sum
                parts = [product]
            case .add:
                guard let (product, nodes) = product(endingWith: node, at: position) else { continue }
                products[position] = product
                parts = nodes
            default: continue
            }
            guard parts.allSatisfy(isApart) else {
                (sums[position], products[position]) = (nil, nil)
                continue
            }
            absorbed.formUnion(parts)
        }
    }

    private func sum(endingWith node: Graph.Node, at position: Int) -> (Sum, product: Int)? {
        let image = graph.shape(of: node.inputs[0])
        guard graph.shape(of: node.outputs[0]).isGate(of: image),
            let product = onlyProducer(of: node.inputs[0], readBy: position),
            case .multiply = graph.nodes[product].operation,
            graph.nodes[product].inputs.allSatisfy({ graph.shape(of: $0) == image })
        else { return nil }
        let inputs = graph.nodes[product].inputs
        return (Sum(left: inputs[0], right: inputs[1]), product)
    }

    private func product(endingWith node: Graph.Node, at position: Int) -> (Product, nodes: [Int])? {
        let producers = node.inputs.compactMap { onlyProducer(of: $0, readBy: position) }
        guard producers.count == 2, producers[0] != producers[1] else { return nil }
        for (multiply, pool) in [(producers[0], producers[1]), (producers[1], producers[0])] {
            guard let gated = graph.gatedImage(graph.nodes[multiply]),
                case .poolGradient(let gradient) = graph.nodes[pool].operation,
                case .average = gradient.pool.reduction
            else { continue }
            let (averaged, averages) = (graph.nodes[pool].inputs[0], graph.nodes[pool].inputs[2])
            let shape = graph.shape(of: averaged)
            let window = gradient.pool.poolWindow
            guard graph.shape(of: gated.image) == shape, graph.shape(of: averages).isGate(of: shape),
                window.padding == .zero, window.kernel == Size2D(shape[2], shape[3])
            else { continue }
            return (
                Product(
                    image: gated.image, gate: gated.gate, averages: averages, pixels: shape[2] * shape[3]),
                [multiply, pool]
            )
        }
        return nil
    }

    /// The node that computes `value` if the one at `position` alone reads it.
    private func onlyProducer(of value: Graph.Value, readBy position: Int) -> Int? {
        guard readers[value.index] == [position], !graph.isWanted(value),
            case .node(let producer, _) = graph.origin(of: value)
        else { return nil }
        return producer
    }
}

extension Graph {
    /// The operands of a product of images and a number for each of their maps.
    func gatedImage(_ node: Node) -> (image: Value, gate: Value)? {
        guard case .multiply = node.operation else { return nil }
        let (left, right) = (node.inputs[0], node.inputs[1])
        if shape(of: right).isGate(of: shape(of: left)) { return (left, right) }
        if shape(of: left).isGate(of: shape(of: right)) { return (right, left) }
        return nil
    }
}

extension Shape {
    /// Whether this is the shape of a number for each map of images.
    fileprivate func isGate(of images: Shape) -> Bool {
        images.rank == 4 && images[2] * images[3] > 1 && self == [images[0], images[1], 1, 1]
    }
}
