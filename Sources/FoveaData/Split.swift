import FoveaTensor

/// The division of samples into parts, by index only.
///
/// The parts are disjoint, cover all samples, and are the same for the same seed on every machine. Each is in ascending
/// order; a ``BatchLoader`` shuffles.
public enum Split {
    /// Divides `count` samples at random into parts with the given fractions, which sum to 1.
    ///
    /// A part has within 1 of `fraction * count` samples.
    ///
    /// - Throws: `DataError` where the fractions are not positive and sum to 1, or a part would be empty.
    public static func shuffled(
        count: Int, fractions: [Double], seed: UInt64
    ) throws(DataError) -> [[Int]] {
        try check(fractions)
        var stream = RandomSource(seed: seed).stream(.split)
        let sizes = try sizes(
            of: count, fractions: fractions, owed: fractions.map { $0 * Double(count) }, group: "")
        return parts(stream.permutation(count), sizes: sizes).map { $0.sorted() }
    }

    /// Divides the samples with `labels` at random into parts with the given fractions, which sum to 1, each class alike.
    ///
    /// A part has within 1 of `fraction * n` of the n samples of each class, and one at least. What one class owes a part
    /// by rounding, the next pays, so the parts' own sizes stay near their fractions, too.
    ///
    /// - Throws: `DataError` where the fractions are not positive and sum to 1, or a class has too few samples.
    public static func stratified(
        labels: [Int32], fractions: [Double], seed: UInt64
    ) throws(DataError) -> [[Int]] {
        try check(fractions)
        var stream = RandomSource(seed: seed).stream(.split)
        // Classes in the order in which the permutation meets them: their numbers decide nothing.
        var classes: [(label: Int32, indices: [Int])] = []
        var positions: [Int32: Int] = [:]
        for index in stream.permutation(labels.count) {
            if let position = positions[labels[index]] {
                classes[position].indices.append(index)
            } else {
                positions[labels[index]] = classes.count
                classes.append((labels[index], [index]))
            }
        }
        var result = [[Int]](repeating: [], count: fractions.count)
        var owed = [Double](repeating: 0, count: fractions.count)
        for (label, indices) in classes {
            for part in fractions.indices { owed[part] += fractions[part] * Double(indices.count) }
            let sizes = try sizes(
                of: indices.count, fractions: fractions, owed: owed, group: "class \(label): ")
            for (part, members) in parts(indices, sizes: sizes).enumerated() {
                result[part] += members
                owed[part] -= Double(members.count)
            }
        }
        guard !classes.isEmpty else { throw DataError("no samples to divide") }
        return result.map { $0.sorted() }
    }

    /// Sets the given fraction of the samples aside, each class alike; see ``stratified(labels:fractions:seed:)``.
    public static func stratified(
        labels: [Int32], holdingOut fraction: Double, seed: UInt64
    ) throws(DataError) -> (training: [Int], validation: [Int]) {
        let parts = try stratified(labels: labels, fractions: [1 - fraction, fraction], seed: seed)
        return (parts[0], parts[1])
    }

    /// Sets the given fraction of `count` samples aside; see ``shuffled(count:fractions:seed:)``.
    public static func shuffled(
        count: Int, holdingOut fraction: Double, seed: UInt64
    ) throws(DataError) -> (training: [Int], validation: [Int]) {
        let parts = try shuffled(count: count, fractions: [1 - fraction, fraction], seed: seed)
        return (parts[0], parts[1])
    }

    private static func check(_ fractions: [Double]) throws(DataError) {
        guard !fractions.isEmpty, fractions.allSatisfy({ $0 > 0 && $0 <= 1 }),
            abs(fractions.reduce(-1, +)) < 1e-9
        else { throw DataError("fractions \(fractions); expected positive numbers that sum to 1") }
    }

    /// How many of `count` samples each part gets: what its fraction gives, rounded down, then one more each to the
    /// parts that have none, then to those that are owed most.
    private static func sizes(
        of count: Int, fractions: [Double], owed: [Double], group: String
    ) throws(DataError) -> [Int] {
        // A fraction such as 1/3 of 3 must give 1, not 0.
        var sizes = fractions.map { Int(($0 * Double(count) + 1e-7).rounded(.down)) }
        let left = count - sizes.reduce(0, +)
        let order = sizes.indices.sorted { first, second in
            let keys = [first, second].map { part in
                (sizes[part] == 0 ? 0 : 1, -(owed[part] - Double(sizes[part])), part)
            }
            return keys[0] < keys[1]
        }
        for part in order.prefix(max(left, 0)) { sizes[part] += 1 }
        guard sizes.reduce(0, +) == count, !sizes.contains(0) else {
            throw DataError(
                "\(group)\(count) samples are too few for parts of \(fractions); expected one at least for each part; "
                    + "add samples, or take fewer or larger parts")
        }
        return sizes
    }

    private static func parts(_ indices: [Int], sizes: [Int]) -> [ArraySlice<Int>] {
        var start = 0
        return sizes.map { size in
            defer { start += size }
            return indices[start..<start + size]
        }
    }
}

/// A division into `folds` parts of equal size, each held out once while the others train.
public struct KFold: Hashable, Sendable {
    /// The number of parts, 2 at least.
    public let folds: Int
    /// What decides the division.
    public let seed: UInt64

    /// A division into `folds` parts.
    public init(folds: Int, seed: UInt64) {
        self.folds = folds
        self.seed = seed
    }

    /// For each fold, what to train on and what is held out; sizes differ by 1 at most.
    ///
    /// - Throws: `DataError` where there are fewer than 2 folds or fewer samples than folds.
    public func splits(count: Int) throws(DataError) -> [(training: [Int], validation: [Int])] {
        try heldOutInTurn(Split.shuffled(count: count, fractions: fractions(), seed: seed))
    }

    /// As ``splits(count:)``, with each class divided alike.
    ///
    /// - Throws: `DataError` where there are fewer than 2 folds or a class has fewer samples than folds.
    public func stratifiedSplits(labels: [Int32]) throws(DataError) -> [(training: [Int], validation: [Int])]
    {
        try heldOutInTurn(Split.stratified(labels: labels, fractions: fractions(), seed: seed))
    }

    private func fractions() throws(DataError) -> [Double] {
        guard (2...1 << 20).contains(folds) else { throw DataError("\(folds) folds; expected 2 at least") }
        return [Double](repeating: 1 / Double(folds), count: folds)
    }

    private func heldOutInTurn(_ parts: [[Int]]) -> [(training: [Int], validation: [Int])] {
        parts.indices.map { fold in
            let training = parts.indices.filter { $0 != fold }.flatMap { parts[$0] }.sorted()
            return (training, parts[fold])
        }
    }
}
