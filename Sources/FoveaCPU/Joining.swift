import FoveaGraph

/// Which images lie among the channels of others, decided from the graph alone: parts that are computed where they are
/// joined, and slices that stay where they are (`Documentation/Decisions/0012-concatenation.md`).
///
/// Only batch normalization writes and reads such parts (`writtenPart` and `takesPart`). Every other operation gets a copy, so
/// what is decided here never changes what is computed.
struct Joining {
    /// Where a value lies in what it is joined into.
    struct Place: Equatable {
        /// The position of the concatenation.
        var concatenation: Int
        var firstChannel: Int
    }

    /// The places of values in the first concatenation that each is a part of, whether they are computed there or copied.
    private(set) var places: [Graph.Value: Place] = [:]
    /// The concatenations whose result is one buffer from the first of its parts on.
    private(set) var concatenations: Set<Int> = []
    /// The slices that stay where they are.
    private(set) var views: Set<Int> = []
    /// The gradients of batch normalization that are added to a slice where that lies.
    private(set) var sumsInPlace: Set<Int> = []

    private let graph: Graph
    private let readers: [[Int]]
    private let hasPoolKernels: Bool
    /// The ReLU gradients that are computed within that of a batch normalization, and the sums within a batch normalization
    /// or its gradient.
    private var partsOfNormalizations: Set<Int> = []
    /// The values that the steps computing them can write among other channels.
    private var writable: Set<Graph.Value> = []

    /// - Parameters:
    ///   - hasPoolKernels: whether pooling runs in kernels of Fovea, whose gradients read the result.
    ///   - isFloat32: whether images are float32; there are no parts of others.
    init(
        _ graph: Graph, fusion: Fusion, readers: [[Int]], isLive: [Bool], hasPoolKernels: Bool,
        isFloat32: Bool
    ) {
        self.graph = graph
        self.readers = readers
        self.hasPoolKernels = hasPoolKernels
        guard isFloat32 else { return }
        let live = graph.nodes.indices.filter { isLive[$0] }
        for position in live where !fusion.absorbed.contains(position) {
            if let value = writtenPart(at: position, fusion) { writable.insert(value) }
            partsOfNormalizations.formUnion(partsOfNormalization(at: position, fusion))
        }
        placeParts(live)
        for position in live {
            if case .slice(let slice) = graph.nodes[position].operation, staysInPlace(slice, at: position) {
                views.insert(position)
            }
        }
        for (position, chain) in fusion.chains {
            guard case .batchNormGradient = graph.nodes[position].operation, let add = chain.add else {
                continue
            }
            if mayOverwrite(add.residual, in: add.node) { sumsInPlace.insert(position) }
        }
    }

    /// The value that the step of the node at `position` can write among other channels.
    private func writtenPart(at position: Int, _ fusion: Fusion) -> Graph.Value? {
        switch graph.nodes[position].operation {
        case .batchNorm, .batchNormInference:
            let chain = fusion.chains[position] ?? .none
            return graph.nodes[chain.activation ?? chain.add?.node ?? position].outputs[0]
        default: return nil
        }
    }

    private func partsOfNormalization(at position: Int, _ fusion: Fusion) -> [Int] {
        let node = graph.nodes[position]
        var parts: [Int] = []
        switch node.operation {
        case .batchNorm, .batchNormInference: break
        case .batchNormGradient:
            if fusion.reluSources[position] != nil, case .node(let relu, _) = graph.origin(of: node.inputs[4])
            {
                parts.append(relu)
            }
        default: return []
        }
        if let add = fusion.chains[position]?.add { parts.append(add.node) }
        return parts
    }

    /// The concatenation that the memory of `concatenation` is a part of in the end, and the first of its channels there.
    func root(of concatenation: Int) -> Place {
        var place = Place(concatenation: concatenation, firstChannel: 0)
        while let outer = places[graph.nodes[place.concatenation].outputs[0]] {
            place.concatenation = outer.concatenation
            place.firstChannel += outer.firstChannel
        }
        return place
    }

    /// Finds the place of what each concatenation joins, and keeps those of which a part is computed where it lies.
    private mutating func placeParts(_ live: [Int]) {
        var worthwhile: [Int] = []
        for position in live {
            let node = graph.nodes[position]
            guard case .concatenate(let concatenate) = node.operation, concatenate.axis == 1,
                graph.shape(of: node.outputs[0]).rank == 4
            else { continue }
            concatenations.insert(position)
            var firstChannel = 0
            for input in node.inputs {
                defer { firstChannel += graph.shape(of: input)[1] }
                guard case .node(let producer, _) = graph.origin(of: input), places[input] == nil else {
                    continue
                }
                let place = Place(concatenation: position, firstChannel: firstChannel)
                let isReadThere = readers[input.index].allSatisfy { takesPart(input, at: $0) }
                if concatenations.contains(producer) {
                    // What is joined already is not copied back for the sake of others.
                    guard isReadThere else { continue }
                    places[input] = place
                    worthwhile.append(position)
                } else {
                    places[input] = place
                    if writable.contains(input), isReadThere { worthwhile.append(position) }
                }
            }
        }
        let roots = Set(worthwhile.map { root(of: $0).concatenation })
        concatenations = concatenations.filter { roots.contains(root(of: $0).concatenation) }
        places = places.filter { concatenations.contains($0.value.concatenation) }
    }

    /// Whether the step that computes `value` writes it among the channels that it is joined with.
    func isWrittenInPlace(_ value: Graph.Value) -> Bool {
        places[value] != nil && writable.contains(value)
            && readers[value.index].allSatisfy { takesPart(value, at: $0) }
    }

    /// Whether the step of the node at `position` reads `value` where it lies among other channels.
    private func takesPart(_ value: Graph.Value, at position: Int) -> Bool {
        let node = graph.nodes[position]
        return switch node.operation {
        case .batchNorm, .batchNormInference, .batchNormGradient, .concatenate, .slice: true
        case .activationGradient, .add: partsOfNormalizations.contains(position)
        // oneDNN's needs the shape of the result only.
        case .poolGradient: !hasPoolKernels && node.inputs[1] == value && node.inputs[0] != value
        default: false
        }
    }

    private func staysInPlace(_ slice: Operation.Slice, at position: Int) -> Bool {
        let node = graph.nodes[position]
        guard slice.axis == 1, graph.shape(of: node.outputs[0]).rank == 4,
            case .node = graph.origin(of: node.inputs[0])
        else { return false }
        return readers[node.outputs[0].index].contains {
            takesPart(node.outputs[0], at: $0) && !isConcatenation($0)
        }
    }

    private func isConcatenation(_ position: Int) -> Bool {
        if case .concatenate = graph.nodes[position].operation { true } else { false }
    }

    /// Whether nobody else needs the memory of `slice` after the sum at `add`, and its result is read where it lies.
    private func mayOverwrite(_ slice: Graph.Value, in add: Int) -> Bool {
        guard case .node(let position, _) = graph.origin(of: slice), views.contains(position),
            readers[slice.index] == [add], !graph.isWanted(slice)
        else { return false }
        let whole = graph.nodes[position].inputs[0]
        guard let producer = graph.producer(of: whole), hasOwnMemory(producer), !graph.isWanted(whole),
            readers[whole.index].allSatisfy({ $0 == position || isApart(graph.nodes[$0], from: position) })
        else { return false }
        let sum = graph.nodes[add].outputs[0]
        return readers[sum.index].allSatisfy { takesPart(sum, at: $0) }
    }

    /// Whether no other value that is still needed lies in the memory of what `node` computes.
    private func hasOwnMemory(_ node: Graph.Node) -> Bool {
        switch node.operation {
        case .batchNormGradient, .add: true
        default: false
        }
    }

    /// Whether `node` is a slice without a channel of the one at `position`.
    private func isApart(_ node: Graph.Node, from position: Int) -> Bool {
        guard case .slice(let one) = node.operation, case .slice(let other) = graph.nodes[position].operation,
            one.axis == 1
        else { return false }
        return one.start + one.count <= other.start || other.start + other.count <= one.start
    }
}
