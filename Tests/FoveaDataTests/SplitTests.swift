import FoveaData
import FoveaTensor
import Testing

@Suite struct SplitTests {
    static func labels(_ seed: UInt64, count: Int, classes: Int) -> [Int32] {
        var stream = RandomSource(seed: seed).stream(.other(7))
        // Uneven: the square favours the low classes; every class has 10 samples at least.
        return (0..<count).map { index in
            if index < 10 * classes { return Int32(index % classes) }
            let first = stream.next(below: UInt64(classes))
            return Int32(first * first / UInt64(classes))
        }
    }

    @Test(arguments: 0..<20 as Range<UInt64>) func stratified(seed: UInt64) throws {
        let count = 150 + Int(seed) * 37
        let labels = Self.labels(seed, count: count, classes: 2 + Int(seed % 6))
        let fractions = [[0.8, 0.2], [0.7, 0.15, 0.15], [1.0 / 3, 1.0 / 3, 1.0 / 3], [0.9, 0.1]][
            Int(seed % 4)]
        let parts = try Split.stratified(labels: labels, fractions: fractions, seed: seed)
        #expect(parts.flatMap { $0 }.sorted() == Array(0..<count))
        #expect(try parts == Split.stratified(labels: labels, fractions: fractions, seed: seed))
        #expect(try parts != Split.stratified(labels: labels, fractions: fractions, seed: seed + 1))
        for label in Set(labels) {
            let total = Double(labels.count { $0 == label })
            for (part, fraction) in zip(parts, fractions) {
                let members = Double(part.count { labels[$0] == label })
                #expect(abs(members - fraction * total) <= 1 && members >= 1)
            }
        }
        for (part, fraction) in zip(parts, fractions) {
            #expect(abs(Double(part.count) - fraction * Double(count)) <= 2)
        }
        // The numbers of the classes decide nothing.
        #expect(
            try parts == Split.stratified(labels: labels.map { 100 - $0 }, fractions: fractions, seed: seed))
    }

    @Test(arguments: 2..<60) func shuffled(count: Int) throws {
        let parts = try Split.shuffled(count: count, fractions: [0.5, 0.5], seed: 3)
        #expect(parts.flatMap { $0 }.sorted() == Array(0..<count))
        #expect(parts.allSatisfy { abs(Double($0.count) - Double(count) / 2) < 1 })
        let (training, validation) = try Split.shuffled(count: 10 * count, holdingOut: 0.1, seed: 3)
        #expect(validation.count == count && training.count == 9 * count)
    }

    @Test func folds() throws {
        let labels = Self.labels(1, count: 203, classes: 4)
        for splits in [
            try KFold(folds: 5, seed: 2).splits(count: 203),
            try KFold(folds: 5, seed: 2).stratifiedSplits(labels: labels),
        ] {
            #expect(splits.count == 5)
            #expect(splits.flatMap(\.validation).sorted() == Array(0..<203))
            for (training, validation) in splits {
                #expect((training + validation).sorted() == Array(0..<203))
                #expect((39...42).contains(validation.count))
            }
        }
    }

    @Test func errors() {
        func message(_ body: () throws -> [[Int]]) -> String {
            #expect(throws: DataError.self) { try body() }?.description ?? ""
        }
        #expect(
            message { try Split.stratified(labels: [0, 0, 0, 1], fractions: [0.5, 0.5], seed: 0) }
                .hasPrefix("class 1: 1 samples are too few"))
        for fractions in [[], [0.5], [1.5, -0.5], [.nan, 1], [0, 1]] {
            #expect(
                message { try Split.shuffled(count: 9, fractions: fractions, seed: 0) }.contains("sum to 1"))
        }
        #expect(message { try Split.shuffled(count: 1, fractions: [0.5, 0.5], seed: 0) }.contains("too few"))
        #expect(message { try Split.stratified(labels: [], fractions: [1], seed: 0) }.contains("no samples"))
        #expect(throws: DataError.self) { try KFold(folds: 1, seed: 0).splits(count: 9) }
    }
}
