import FoveaGraph

/// Branches that all see the same input, with their outputs joined.
///
/// Each layer in the list is a branch; `Sequential {}` is a branch that passes the input on. A branch adds its name or its
/// position to the path, as in a ``Sequential``.
public struct Parallel: Layer {
    /// How the outputs of the branches become one.
    public enum Join: Hashable, Sendable {
        /// One after the other along the channels: `[N, C₁ + C₂ + …, H, W]`.
        case concatenate
        /// Summed, element by element; all shapes must be equal.
        case add
    }

    /// How the outputs become one.
    public var join: Join
    /// The branches, in the order of their outputs.
    public var branches: [any Layer]

    /// The listed branches, joined by `join`.
    public init(_ join: Join, @LayerBuilder _ branches: () -> [any Layer]) {
        self.join = join
        self.branches = branches()
    }

    /// Adds the layer to the graph of `context`.
    public func apply(to input: Graph.Value, in context: inout BuildContext) throws(GraphError) -> Graph.Value
    {
        var outputs: [Graph.Value] = []
        for (position, branch) in branches.enumerated() {
            outputs.append(try context.apply(child: branch, at: position, to: input))
        }
        guard var result = outputs.first else {
            throw GraphError(
                path: context.graph.path, "there are no branches to join; list at least one layer")
        }
        if outputs.count == 1 { return result }
        switch join {
        case .concatenate:
            return try context.graph.concatenate(outputs)
        case .add:
            for output in outputs.dropFirst() {
                guard context.shape(of: output) == context.shape(of: result) else {
                    throw GraphError(
                        path: context.graph.path,
                        "branches that are added must give one shape, not \(context.shape(of: result)) and \(context.shape(of: output))"
                    )
                }
                result = try context.graph.add(result, output)
            }
            return result
        }
    }
}
