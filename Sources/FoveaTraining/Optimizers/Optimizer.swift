import FoveaGraph
import FoveaTensor

/// A rule by which a parameter follows its gradient.
///
/// A description: it adds the update to the training graph, so that the backend compiles it with the rest of
/// the step. An optimizer of your own conforms to this protocol and declares what it remembers with
/// ``FoveaGraph/Graph/slot(_:of:)``.
public protocol Optimizer: Sendable, Hashable, Codable {
    /// The name of the rule in a configuration, such as `adam`.
    static var name: String { get }

    /// Throws where a setting has no meaning.
    func validate() throws(TrainingError)

    /// Adds to `graph` the assignment of the new value of `parameter`, and of every slot.
    ///
    /// - Parameters:
    ///   - parameter: a variable of the graph.
    ///   - gradient: the gradient of the objective, of the parameter's shape.
    ///   - learningRate: a scalar.
    func update(
        of parameter: Graph.Value, gradient: Graph.Value, learningRate: Graph.Value, in graph: inout Graph
    ) throws(GraphError)
}

extension Graph {
    /// Declares a variable of the optimizer's for `parameter`, of its shape and zero at first, under the key
    /// `optimizer.NAME.KEY`.
    ///
    /// - Throws: `GraphError` where `parameter` is not a variable or has such a slot already.
    public mutating func slot(_ name: String, of parameter: Value) throws(GraphError) -> Value {
        guard case .variable(let position) = origin(of: parameter) else {
            throw GraphError(path: path, "only a variable has slots, not \(description(of: parameter))")
        }
        return try variable(
            "optimizer.\(name).\(variables[position].key)", shape(of: parameter), role: .slot,
            initial: .constant(0))
    }
}

/// Throws unless `value` is finite and `condition` holds; the message says what is allowed.
func check(
    _ optimizer: String, _ setting: String, _ value: Float, _ condition: Bool, _ allowed: String
) throws(TrainingError) {
    guard value.isFinite, condition else {
        throw TrainingError(.configuration, "\(setting) of \(optimizer) is \(allowed), not \(value)")
    }
}
