/// What someone may have meant to write.
package enum Spelling {
    /// The up to three of `names` that differ least from `text`, closest first; none where all differ much.
    package static func closest(to text: String, in names: [String]) -> [String] {
        let limit = max(2, min(text.count, 60) / 3)
        return names.map {
            (name: $0, distance: distance(Array(text.lowercased().prefix(60)), Array($0.lowercased())))
        }
        .filter { $0.distance <= limit }
        .sorted { ($0.distance, $0.name) < ($1.distance, $1.name) }
        .prefix(3)
        .map(\.name)
    }

    /// The number of letters to insert, leave out or replace (Levenshtein 1966).
    private static func distance(_ left: [Character], _ right: [Character]) -> Int {
        var row = Array(0...right.count)
        for (i, letter) in left.enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            for (j, other) in right.enumerated() {
                let next = letter == other ? diagonal : 1 + min(diagonal, row[j], row[j + 1])
                diagonal = row[j + 1]
                row[j + 1] = next
            }
        }
        return row[right.count]
    }
}
