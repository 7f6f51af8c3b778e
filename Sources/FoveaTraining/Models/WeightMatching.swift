import FoveaGraph
import FoveaTensor

/// What a set of named tensors lacks, or has too much of, for a network.
struct WeightMatching {
    private var missing: [String] = []
    private var unexpected: [String] = []
    private var misshapen: [String] = []
    /// Whether all that is misshapen belongs to the last layers.
    private var onlyHeadDiffers = true

    /// The tensors of `given` that the variables name.
    ///
    /// PyTorch's counters of batches, `….num_batches_tracked`, are passed over: nothing here depends on them.
    ///
    /// - Parameters:
    ///   - optional: keys that `given` may have none of: those of auxiliary heads, which files of networks for prediction
    ///     leave out.
    ///   - head: the keys of the last layers.
    ///   - replacesHead: whether the keys of the head are passed over, whatever `given` has under them.
    /// - Throws: ``TrainingError`` that names every missing, unexpected and misshapen key.
    static func match(
        _ given: [(name: String, tensor: Tensor)], to variables: [Graph.Variable], source: String,
        optional: Set<String> = [], head: Set<String> = [], replacesHead: Bool = false
    ) throws(TrainingError) -> [String: Tensor] {
        let tensors = Dictionary(given.map { ($0.name, $0.tensor) }) { first, _ in first }
        var matching = WeightMatching()
        var result: [String: Tensor] = [:]
        let leftOut = optional.isDisjoint(with: tensors.keys) ? optional : []
        for variable in variables
        where !leftOut.contains(variable.key) && !(replacesHead && head.contains(variable.key)) {
            guard let tensor = tensors[variable.key] else {
                matching.missing.append(variable.key)
                continue
            }
            guard tensor.shape == variable.type.shape, tensor.dtype.isFloatingPoint else {
                matching.onlyHeadDiffers = matching.onlyHeadDiffers && head.contains(variable.key)
                matching.misshapen.append(
                    "\(variable.key) (\(tensor.dtype)\(tensor.shape), not \(variable.type))")
                continue
            }
            result[variable.key] = tensor.converted(to: variable.type.dtype)
        }
        let known = Set(variables.map(\.key))
        matching.unexpected = given.map(\.name).filter { !known.contains($0) && !isIgnored($0) }
        if let message = matching.message(source) { throw TrainingError(.weights, message) }
        return result
    }

    private static func isIgnored(_ key: String) -> Bool {
        key == "num_batches_tracked" || key.hasSuffix(".num_batches_tracked")
    }

    private func message(_ source: String) -> String? {
        let lists = [("missing", missing), ("unexpected", unexpected), ("misshapen", misshapen)]
            .filter { !$0.1.isEmpty }
            .map { "\($0.1.count) \($0.0): \(Self.list($0.1))" }
        guard !lists.isEmpty else { return nil }
        return "the weights in \(source) do not fit the network; " + lists.joined(separator: "; ")
            + (missing.isEmpty && unexpected.isEmpty && onlyHeadDiffers
                ? "; only the last layer differs: to learn other classes, replace the head (--replace-head)"
                : "; check that the file is of this architecture, number of classes and input")
    }

    /// The keys, or the first eight and how many more there are.
    private static func list(_ keys: [String]) -> String {
        let shown = keys.prefix(8).joined(separator: ", ")
        return keys.count > 8 ? "\(shown) and \(keys.count - 8) more" : shown
    }
}
