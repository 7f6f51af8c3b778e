import FoveaGraph

/// Which nodes are computed together with the node before them, decided from the graph alone.
///
/// A node is fused into its producer only where nobody else reads the value between them, so fusing never changes what
/// is computed, only how often memory is passed over.
struct Fusion {
    /// What follows a convolution, a dense product, a batch normalization, a product of images and gates, a sum or the
    /// gradient of a pooling within one step.
    struct Chain {
        /// The batch normalization with fixed statistics that is folded into the weights.
        var batchNorm: Int?
        /// The multiple of what a convolution of 1x1 taps gives, folded into weights that do not change.
        var scale: (node: Int, isFolded: Bool)?
        /// The sum with another operand: what the destination of a convolution held before, or what a batch normalization,
        /// its gradient or a product reads besides.
        var add: (node: Int, residual: Graph.Value)?
        var activation: Int?
        /// The sum that the gradient of a batch normalization begins with, before that of the ReLU.
        var gradientSum: Int?
        /// The gradient of the activation whose result was pooled.
        var activationGradient: Int?

        static let none = Chain()
    }

    /// What is fused into the node at each position.
    private(set) var chains: [Int: Chain] = [:]
    /// The nodes that are computed as a part of another.
    private(set) var absorbed: Set<Int> = []
    /// Where the batch-norm gradients that take in the gradient of a ReLU know from what the ReLU lets pass.
    private(set) var reluSources: [Int: ReLUSource] = [:]

    /// The gradient of the input of a strided 1x1 convolution, which is zero but for a few pixels, added to that of another
    /// convolution.
    struct StridedSum {
        /// The node of the gradient with the few pixels.
        var gradient: Int
        var other: Graph.Value
    }

    /// The sums that are computed by adding to the few pixels in place, by the position of the node that adds.
    private(set) var stridedSums: [Int: StridedSum] = [:]
    /// The gradients of which the few pixels alone are computed.
    private(set) var compactGradients: Set<Int> = []

    /// The gradients of ReLUs that need nothing of the forward part but what the batch normalization before the ReLU read.
    var rectifiersComputedAnew: Set<Int> {
        Set(
            reluSources.filter { $0.value == .normalized }.keys.compactMap { position in
                if case .node(let relu, _) = graph.origin(of: graph.nodes[position].inputs[4]) {
                    relu
                } else {
                    nil
                }
            })
    }

    /// The values in whose memory a convolution puts its sum with them.
    var overwrittenResiduals: Set<Graph.Value> {
        Set(
            chains.compactMap { position, chain in
                if case .convolution = graph.nodes[position].operation { chain.add?.residual } else { nil }
            })
    }

    /// From what the gradient of a ReLU is computed.
    enum ReLUSource {
        /// What the ReLU was fused into, computed anew.
        case normalized
        /// The output of the ReLU, which has other inputs besides.
        case output
    }

    private let graph: Graph
    private let readers: [[Int]]
    private let isLive: [Bool]
    private let isFloat32: Bool

    /// - Parameters:
    ///   - hasStridedSums: whether gradients of strided 1x1 convolutions are added in place.
    ///   - hasPoolKernels: whether pooling runs in kernels of Fovea, whose gradient takes in an activation's.
    ///   - isFloat32: whether images are float32, so that they meet gates in kernels of Fovea.
    init(
        _ graph: Graph, readers: [[Int]], isLive: [Bool], hasPoolKernels: Bool, hasStridedSums: Bool,
        isFloat32: Bool
    ) {
        self.graph = graph
        self.isFloat32 = isFloat32
        self.readers = readers
        self.isLive = isLive
        for (position, node) in graph.nodes.enumerated()
        where isLive[position] && !absorbed.contains(position) {
            switch node.operation {
            case .convolution(let convolution): fuseConvolution(convolution, at: position)
            case .dense, .add: fuseActivation(after: position, value: node.outputs[0], into: position)
            case .batchNorm, .batchNormInference: fuseSumAndReLU(after: position)
            case .multiply where isFloat32 && node.phase == .forward && graph.gatedImage(node) != nil:
                fuseSumAndReLU(after: position)
            default: break
            }
        }
        if hasStridedSums {
            for (position, node) in graph.nodes.enumerated() where isLive[position] {
                fuseStridedSum(node, at: position)
            }
        }
        for (position, node) in graph.nodes.enumerated() where isLive[position] {
            switch node.operation {
            case .batchNormGradient:
                fuseReLUGradient(beforeBatchNormGradient: position)
                fuseSum(afterBatchNormGradient: position)
            case .poolGradient where hasPoolKernels: fuseActivationGradient(afterPoolGradient: position)
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

    private mutating func fuseConvolution(_ convolution: Operation.Convolution, at position: Int) {
        var chain = Chain.none
        var value = graph.nodes[position].outputs[0]
        if let next = onlyReader(of: value), case .batchNormInference = graph.nodes[next].operation,
            graph.nodes[next].inputs[0] == value,
            areFixed(graph.nodes[position].inputs.dropFirst() + graph.nodes[next].inputs.dropFirst())
        {
            chain.batchNorm = next
            value = graph.nodes[next].outputs[0]
        }
        // Other kernels than oneDNN's have no such operation.
        if let next = onlyReader(of: value), case .scale = graph.nodes[next].operation,
            convolution.isPointwise(graph.shape(of: graph.nodes[position].inputs[1]))
        {
            let isFolded = areFixed(graph.nodes[position].inputs.dropFirst())
            chain.scale = (next, isFolded)
            value = graph.nodes[next].outputs[0]
        }
        // With AVX2 oneDNN multiplies or adds; for both it has a plain loop, a hundred times slower.
        if chain.scale?.isFolded ?? true, let next = onlyReader(of: value),
            case .add = graph.nodes[next].operation,
            let residual = residual(of: next, besides: value, at: position)
        {
            chain.add = (next, residual)
            value = graph.nodes[next].outputs[0]
        }
        chains[position] = chain
        absorbed.formUnion([chain.batchNorm, chain.scale?.node, chain.add?.node].compactMap(\.self))
        fuseActivation(after: position, value: value, into: position)
    }

    private mutating func fuseActivation(after position: Int, value: Graph.Value, into host: Int) {
        guard let next = onlyReader(of: value), case .activation = graph.nodes[next].operation else { return }
        chains[host, default: .none].activation = next
        absorbed.insert(next)
    }

    private mutating func fuseSumAndReLU(after position: Int) {
        var chain = Chain.none
        var value = graph.nodes[position].outputs[0]
        if let next = onlyReader(of: value), case .add = graph.nodes[next].operation,
            let residual = otherOperand(of: next, besides: value), isComputed(residual, before: position)
        {
            chain.add = (next, residual)
            value = graph.nodes[next].outputs[0]
        }
        if let next = onlyReader(of: value), case .activation(let activation) = graph.nodes[next].operation,
            activation.function == .relu
        {
            chain.activation = next
        }
        chains[position] = chain
        absorbed.formUnion([chain.add?.node, chain.activation].compactMap(\.self))
    }

    /// Takes the gradient of a ReLU into the first batch-norm gradient that reads it.
    private mutating func fuseReLUGradient(beforeBatchNormGradient position: Int) {
        let (gradient, statistics) = (graph.nodes[position].inputs[4], graph.nodes[position].inputs[2])
        guard readers[gradient.index].first == position,
            case .node(let relu, _) = graph.origin(of: gradient), !absorbed.contains(relu),
            case .activationGradient(let operation) = graph.nodes[relu].operation, operation.function == .relu
        else { return }
        if case .node(let forward, _) = graph.origin(of: statistics), let chain = chains[forward],
            let activation = chain.activation, chain.add == nil,
            graph.nodes[relu].inputs[0] == graph.nodes[activation].outputs[0],
            onlyReader(of: gradient) == position
        {
            reluSources[position] = .normalized
        } else {
            // The gradient is there only after this node, too late for a sum fused into one before.
            guard chains.allSatisfy({ $0.key > position || $0.value.add?.residual != gradient }) else {
                return
            }
            reluSources[position] = .output
            fuseSum(of: graph.nodes[relu].inputs[1], readBy: relu, intoBatchNormGradient: position)
        }
        absorbed.insert(relu)
    }

    private mutating func fuseSum(
        of gradient: Graph.Value, readBy relu: Int, intoBatchNormGradient position: Int
    ) {
        guard onlyReader(of: gradient) == relu,
            case .node(let sum, _) = graph.origin(of: gradient),
            case .add = graph.nodes[sum].operation, !absorbed.contains(sum), chains[sum]?.activation == nil,
            stridedSums[sum] == nil,
            graph.nodes[sum].inputs.allSatisfy({ graph.type(of: $0) == graph.type(of: gradient) })
        else { return }
        chains[position, default: .none].gradientSum = sum
        absorbed.insert(sum)
    }

    private mutating func fuseSum(afterBatchNormGradient position: Int) {
        let value = graph.nodes[position].outputs[0]
        guard let next = onlyReader(of: value), !absorbed.contains(next), chains[next]?.activation == nil,
            case .add = graph.nodes[next].operation,
            let residual = otherOperand(of: next, besides: value), isComputed(residual, before: position)
        else { return }
        chains[position, default: .none].add = (next, residual)
        absorbed.insert(next)
    }

    private mutating func fuseStridedSum(_ node: Graph.Node, at position: Int) {
        guard case .add = node.operation, node.phase == .backward, !absorbed.contains(position),
            chains[position]?.activation == nil, node.inputs[0] != node.inputs[1],
            node.inputs.allSatisfy({ onlyReader(of: $0) == position && inputGradient(giving: $0) != nil })
        else { return }
        for (few, other) in [(node.inputs[0], node.inputs[1]), (node.inputs[1], node.inputs[0])] {
            guard let (producer, gradient) = inputGradient(giving: few),
                graph.shape(of: few) == graph.shape(of: other)
            else { continue }
            let (convolution, weight) = (
                gradient.convolution, graph.shape(of: graph.nodes[producer].inputs[1])
            )
            guard convolution.isPointwise(weight), convolution.stride != 1, convolution.groups == 1 else {
                continue
            }
            stridedSums[position] = StridedSum(gradient: producer, other: other)
            compactGradients.insert(producer)
            return
        }
    }

    private func inputGradient(
        giving value: Graph.Value
    ) -> (position: Int, gradient: Operation.ConvolutionInputGradient)? {
        guard case .node(let producer, _) = graph.origin(of: value),
            case .convolutionInputGradient(let gradient) = graph.nodes[producer].operation
        else { return nil }
        return (producer, gradient)
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
    private func areFixed(_ values: ArraySlice<Graph.Value>) -> Bool {
        values.allSatisfy { value in
            guard case .variable(let variable) = graph.origin(of: value) else { return false }
            return !graph.assignments.contains { $0.variable == variable }
        }
    }

    /// The operand of the sum at `add` besides `value`, if it is another of the same type.
    private func otherOperand(of add: Int, besides value: Graph.Value) -> Graph.Value? {
        let operands = graph.nodes[add].inputs
        let other = operands[0] == value ? operands[1] : operands[0]
        return other != value && graph.type(of: other) == graph.type(of: value) ? other : nil
    }

    private func isComputed(_ value: Graph.Value, before position: Int) -> Bool {
        if case .node(let producer, _) = graph.origin(of: value) { producer < position } else { true }
    }

    /// The operand of the sum at `add` besides `value` if the convolution at `position` can add to it in place: it is
    /// computed before and nobody reads it later.
    private func residual(of add: Int, besides value: Graph.Value, at position: Int) -> Graph.Value? {
        guard let residual = otherOperand(of: add, besides: value), !graph.isWanted(residual),
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
