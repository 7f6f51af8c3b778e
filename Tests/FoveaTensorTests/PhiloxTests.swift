import FoveaTensor
import Testing

@Suite struct PhiloxTests {
    // The vectors for philox4x32 with 10 rounds that Random123 publishes (kat_vectors).
    @Test(
        arguments: [
            (
                counter: [0, 0, 0, 0], key: [0, 0],
                expected: [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]
            ),
            (
                counter: [0xffff_ffff, 0xffff_ffff, 0xffff_ffff, 0xffff_ffff],
                key: [0xffff_ffff, 0xffff_ffff],
                expected: [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]
            ),
            (
                counter: [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
                key: [0xa409_3822, 0x299f_31d0],
                expected: [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]
            ),
        ] as [(counter: [UInt32], key: [UInt32], expected: [UInt32])])
    func knownAnswers(counter: [UInt32], key: [UInt32], expected: [UInt32]) {
        let stream = RandomStream(
            seed: UInt64(key[1]) << 32 | UInt64(key[0]), purpose: counter[3], step: counter[2])
        let block = stream.block(UInt64(counter[1]) << 32 | UInt64(counter[0]))
        #expect((0..<4).map { block[$0] } == expected)
    }
}

@Suite struct RandomStreamTests {
    private let source = RandomSource(seed: 0x0123_4567_89ab_cdef)

    @Test func numbersDependOnSeedPurposeStepAndIndexAlone() {
        let stream = source.stream(.dropout(3), step: 5)
        let backwards = (0..<100).reversed().map { stream.bits(at: $0) }
        let again = RandomSource(seed: 0x0123_4567_89ab_cdef).stream(.dropout(3), step: 5)
        #expect(Array(backwards.reversed()) == (0..<100).map { again.bits(at: $0) })
        for other in [
            source.stream(.dropout(4), step: 5), source.stream(.dropout(3), step: 6),
            source.stream(.shuffle, step: 5),
            RandomSource(seed: 0x0123_4567_89ab_cdee).stream(.dropout(3), step: 5),
            RandomSource(seed: 0x0123_4566_89ab_cdef).stream(.dropout(3), step: 5),
        ] {
            let equal = (0..<100).count { other.bits(at: $0) == stream.bits(at: $0) }
            #expect(equal == 0)
        }
    }

    @Test func purposesNeverShareACode() {
        let purposes: [RandomSource.Purpose] = [
            .initialization(0), .initialization(7), .shuffle, .split, .dropout(0), .dropout(7), .augmentation,
            .other(0),
            .other(7),
        ]
        #expect(Set(purposes.map(\.code)).count == purposes.count)
    }

    @Test func uniformNumbersFillTheUnitInterval() {
        let stream = source.stream(.other(1))
        let count = 100_000
        var (sum, squares) = (0.0, 0.0)
        for index in 0..<count {
            let number = Double(stream.uniform(at: index))
            #expect(number >= 0 && number < 1)
            sum += number
            squares += number * number
        }
        let mean = sum / Double(count)
        // Five standard errors.
        #expect(abs(mean - 0.5) < 5 * (1 / 12.0 / Double(count)).squareRoot())
        #expect(abs(squares / Double(count) - 1 / 3.0) < 0.005)
    }

    @Test func normalNumbersHaveTheMomentsOfTheNormalDistribution() {
        let stream = source.stream(.other(2))
        let numbers = (0..<100_000).map { stream.normal(at: $0) }
        let count = Double(numbers.count)
        let moments = (1...4).map { power in
            numbers.reduce(0) { sum, x in sum + (1...power).reduce(1) { product, _ in product * x } } / count
        }
        #expect(numbers.allSatisfy { $0.isFinite })
        #expect(abs(moments[0]) < 5 / count.squareRoot())
        #expect(abs(moments[1] - 1) < 5 * 2.0.squareRoot() / count.squareRoot())
        #expect(abs(moments[2]) < 5 * 15.0.squareRoot() / count.squareRoot())
        #expect(abs(moments[3] - 3) < 5 * 96.0.squareRoot() / count.squareRoot())
    }

    @Test(arguments: [0, 1, 2, 3, 10, 1000])
    func permutationHoldsEachNumberOnce(count: Int) {
        var stream = source.stream(.shuffle, step: count)
        #expect(stream.permutation(count).sorted() == Array(0..<count))
    }

    @Test func permutationsFollowTheStepAndAreEquallyLikely() {
        var first = source.stream(.shuffle, step: 0)
        var second = source.stream(.shuffle, step: 1)
        var again = source.stream(.shuffle, step: 0)
        let order = first.permutation(50)
        #expect(order != second.permutation(50))
        #expect(order == again.permutation(50))

        var counts: [[Int]: Int] = [:]
        for step in 0..<24_000 {
            var stream = source.stream(.shuffle, step: step)
            counts[stream.permutation(4), default: 0] += 1
        }
        #expect(counts.count == 24)
        // Chi squared with 23 degrees of freedom: 60 has a probability of 4e-5.
        let chiSquared = counts.values.reduce(0) { $0 + Double(($1 - 1000) * ($1 - 1000)) / 1000 }
        #expect(chiSquared < 60)
    }

    @Test func boundedNumbersStayBelowTheBoundAndReachAll() {
        var stream = source.stream(.other(3))
        for bound: UInt64 in [1, 2, 3, 7, 1 << 33, .max] {
            for _ in 0..<200 { #expect(stream.next(below: bound) < bound) }
        }
        #expect(Set((0..<200).map { _ in stream.next(below: 7) }) == Set(0..<7))
    }

    @Test func sequentialNumbersAreTheBlocksInOrder() {
        var stream = source.stream(.other(4))
        let start = stream
        for index in 0..<9 {
            let low = start.bits(at: 2 * index)
            let high = start.bits(at: 2 * index + 1)
            #expect(stream.next() == UInt64(high) << 32 | UInt64(low))
        }
    }
}
