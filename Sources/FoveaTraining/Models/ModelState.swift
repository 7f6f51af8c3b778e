import FoveaGraph
import FoveaNN
import FoveaTensor

/// The numbers of a model, which never change once made: another state is another object, so that a plan can
/// tell in no time whether it holds this one.
final class ModelState: Sendable {
    /// Parameters and statistics under their keys.
    let tensors: [String: Tensor]

    init(_ tensors: [String: Tensor]) {
        self.tensors = tensors
    }

    /// The initial state of `variables`, as `seed` decides it.
    convenience init(initializing variables: [Graph.Variable], seed: UInt64) {
        let source = RandomSource(seed: seed)
        var tensors: [String: Tensor] = [:]
        for (position, variable) in variables.enumerated() {
            tensors[variable.key] = variable.initial.tensor(
                shape: variable.type.shape, stream: source.stream(.initialization(position)))
        }
        self.init(tensors)
    }
}
