import FoveaGraph
import FoveaTensor

/// Convolutions of 1x1 taps that read the same images, as branches of Inception blocks begin, whose gradients are taken together,
/// decided from the graph alone (`Documentation/Decisions/0017-siblings.md`).
///
/// The gradient of their input is the sum of what each gives: with their outputs' gradients side by side in memory it is one
/// product over all filters, as that of all weights is.
struct Siblings {
    /// The gradients of convolutions with the same input, in the order of the graph.
    struct Family {
        fileprivate(set) var members: [Member] = []

        /// The filters of all.
        var filters: Int { members.reduce(0) { $0 + $1.filters } }
        /// The node in whose place all is computed, and whose result is the sum of what all give.
        var last: Int { members.last!.inputGradient }
    }

    struct Member {
        /// The positions of the nodes that compute the gradients of the input and of the weights.
        let inputGradient, parameterGradient: Int
        let filters: Int
    }

    /// Where the gradient of a convolution's output lies.
    struct Place {
        /// The family by its last node.
        let family: Int
        let firstChannel: Int
    }

    static let none = Siblings()

    /// The families by their last nodes.
    private(set) var families: [Int: Family] = [:]
    /// The nodes that are computed with the last one of their family.
    private(set) var absorbed: Set<Int> = []
    /// Gradients of inputs that are a part of another.
    private(set) var absorbedValues: Set<Graph.Value> = []
    /// The places of the gradients of outputs.
    private(set) var places: [Graph.Value: Place] = [:]

    private init() {}

    /// - Parameter isProduct: whether the gradients of a convolution are products of matrices.
    init(
        _ graph: Graph, readers: [[Int]], isLive: [Bool], fusion: Fusion, combinations: Combinations,
        isProduct: (Operation.Convolution, _ x: Shape, _ weight: Shape) -> Bool
    ) {
        struct Origin: Hashable {
            let x: Graph.Value
            let sum: Int
        }
        var sums: [Graph.Value: Int] = [:]
        for (ending, combination) in combinations.endings {
            for operand in combination.operands { sums[operand] = ending }
        }
        var candidates: [Origin: Family] = [:]
        for (position, node) in graph.nodes.enumerated() where isLive[position] {
            guard case .convolutionInputGradient(let gradient) = node.operation,
                let sum = sums[node.outputs[0]], readers[node.outputs[0].index].count == 1,
                !graph.isWanted(node.outputs[0]), case .variable = graph.origin(of: node.inputs[1]),
                isProduct(gradient.convolution, gradient.inputShape, graph.shape(of: node.inputs[1])),
                let other = Self.parameterGradient(beside: position, graph, readers, fusion)
            else { continue }
            candidates[Origin(x: graph.nodes[other].inputs[0], sum: sum), default: Family()].members.append(
                Member(
                    inputGradient: position, parameterGradient: other,
                    filters: graph.shape(of: node.inputs[1])[0]))
        }
        for family in candidates.values where family.members.count > 1 {
            let x = graph.shape(of: graph.nodes[family.members[0].parameterGradient].inputs[0])
            let isReadLater = family.members.allSatisfy { member in
                readers[graph.nodes[member.parameterGradient].outputs[0].index].allSatisfy {
                    $0 > family.last
                }
            }
            // The weights are copied side by side and their gradients back, which must be little beside what is saved.
            guard isReadLater, x[0] * x[2] * x[3] >= 4 * family.filters else { continue }
            add(family, graph)
        }
    }

    private mutating func add(_ family: Family, _ graph: Graph) {
        families[family.last] = family
        var channel = 0
        for member in family.members {
            let node = graph.nodes[member.inputGradient]
            places[node.inputs[0]] = Place(family: family.last, firstChannel: channel)
            channel += member.filters
            absorbed.insert(member.parameterGradient)
            guard member.inputGradient != family.last else { continue }
            absorbed.insert(member.inputGradient)
            absorbedValues.insert(node.outputs[0])
        }
    }

    /// The node that computes the gradient of the weights from the output's gradient that the node at `position` reads: the only
    /// other reader of what the gradient of a batch normalization gives.
    private static func parameterGradient(
        beside position: Int, _ graph: Graph, _ readers: [[Int]], _ fusion: Fusion
    ) -> Int? {
        let (dy, weight) = (graph.nodes[position].inputs[0], graph.nodes[position].inputs[1])
        guard case .node(let producer, 0) = graph.origin(of: dy), !graph.isWanted(dy),
            case .batchNormGradient = graph.nodes[producer].operation,
            fusion.chains[producer]?.add == nil, readers[dy.index].count == 2,
            let other = readers[dy.index].first(where: { $0 != position }),
            case .convolutionParameterGradient(let gradient) = graph.nodes[other].operation,
            graph.nodes[other].inputs[1] == dy, !gradient.hasBias,
            gradient.weightShape == graph.shape(of: weight)
        else { return nil }
        return other
    }
}
