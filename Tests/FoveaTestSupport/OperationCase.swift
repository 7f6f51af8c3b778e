import FoveaGraph
import FoveaTensor

/// A small graph with numbers for its inputs and variables: forward, an objective, and the gradients of the
/// objective.
package struct OperationCase: Sendable, CustomStringConvertible {
    /// The gradient of the objective with respect to `source`, given as the output `output` of the graph.
    package struct Gradient: Sendable {
        package let source: Graph.Origin
        package let output: Int

        package init(source: Graph.Origin, output: Int) {
            self.source = source
            self.output = output
        }
    }

    /// How large the extents may be.
    package enum Size: Sendable {
        /// Small enough to be differentiated number by number.
        case small
        /// Mostly small, sometimes wide enough to fill vectors and blocks.
        case varied
    }

    package let family: OperationFamily
    package let index: Int
    package var graph: Graph
    /// The tensors for `graph.inputs`, float32 or int32.
    package var inputs: [Tensor]
    /// The tensors for `graph.variables`.
    package var variables: [Tensor]
    /// The position in `graph.outputs` of the scalar objective; `nil` where nothing is differentiated.
    package var objective: Int?
    package var gradients: [Gradient]

    package var description: String { "\(family) \(index)\n\(graph)" }

    /// The case of `family` with the given index: the same on every call.
    ///
    /// Cases in which a rectifier or a maximum is so near to its kink that rounding (or a difference
    /// quotient) could cross it are passed over.
    ///
    /// - Parameter clearance: how far from kinks the case keeps at least, as a share of the largest magnitude there.
    package static func make(
        _ family: OperationFamily, index: Int, size: Size = .varied, clearance: Double = 0
    ) throws -> OperationCase {
        for attempt in 0..<1000 {
            var builder = CaseBuilder(family: family, index: index, attempt: attempt, size: size)
            do {
                try builder.build()
            } catch {
                // The random extents do not fit each other; others will.
                continue
            }
            let result = builder.result
            guard try result.distanceToKink() > 2e-3 else { continue }
            if try clearance == 0 || result.distanceToKink(isRelative: true) > clearance { return result }
        }
        throw PlanError("no case \(index) of \(family) keeps away from kinks")
    }
}
