import CFoveaKernels
import Testing

@Suite struct UnfoldTests {
    /// Taps beyond every edge, and more than there are pixels.
    static let problems = [
        problem(size: (5, 6), taps: (3, 3), steps: (2, 2), padding: (1, 1)),
        problem(size: (7, 9), taps: (3, 2), steps: (1, 3), padding: (0, 1)),
        problem(size: (2, 1), taps: (5, 5), steps: (2, 2), padding: (2, 2)),
        problem(size: (8, 8), taps: (1, 1), steps: (2, 3), padding: (0, 0)),
        problem(size: (1, 2), taps: (1, 7), steps: (1, 1), padding: (0, 5)),
    ]

    private static func problem(
        size: (Int, Int), taps: (Int, Int), steps: (Int, Int), padding: (Int, Int)
    ) -> fovea_unfolding {
        fovea_unfolding(
            channels: 5, height: size.0, width: size.1,
            outputHeight: (size.0 + 2 * padding.0 - taps.0) / steps.0 + 1,
            outputWidth: (size.1 + 2 * padding.1 - taps.1) / steps.1 + 1, tapRows: taps.0, tapColumns: taps.1,
            rowStep: steps.0, columnStep: steps.1, top: padding.0, left: padding.1)
    }

    @Test(arguments: problems, [1, 3])
    func putsPixelsUnderTapsSideBySide(problem p: fovea_unfolding, threads: Int) {
        fovea_set_threads(Int32(threads))
        let count = 3
        var random = SplitMix(seed: 2)
        let x = random.floats(count * p.height * p.width * p.channels)
        var expected: [Float] = []
        for image in 0..<count {
            for i in 0..<p.outputHeight {
                for j in 0..<p.outputWidth {
                    for r in 0..<p.tapRows {
                        for c in 0..<p.tapColumns {
                            let (row, column) = (p.rowStep * i + r - p.top, p.columnStep * j + c - p.left)
                            let isInside = 0..<p.height ~= row && 0..<p.width ~= column
                            let start = ((image * p.height + row) * p.width + column) * p.channels
                            expected +=
                                isInside
                                ? Array(x[start..<start + p.channels]) : .init(repeating: 0, count: 5)
                        }
                    }
                }
            }
        }
        let (rows, rowCount) = (count * p.outputHeight, expected.count / count / p.outputHeight)
        for first in [0, 1, rows - 1] {
            var unfolded = [Float](repeating: .nan, count: (rows - first) * rowCount)
            withUnsafePointer(to: p) { fovea_unfold($0, x, first, rows, &unfolded) }
            #expect(unfolded == Array(expected[(first * rowCount)...]))
        }
    }

    @Test(arguments: [1, 3])
    func addsToTheFewPixels(threads: Int) {
        fovea_set_threads(Int32(threads))
        let p = Self.problem(size: (37, 41), taps: (1, 1), steps: (2, 3), padding: (0, 0))
        var random = SplitMix(seed: 3)
        let before = random.floats(2 * p.height * p.width * p.channels)
        let few = random.floats(2 * p.outputHeight * p.outputWidth * p.channels)
        var after = before
        withUnsafePointer(to: p) { fovea_add_strided($0, 2, 0, few, &after) }
        for (element, after) in after.enumerated() {
            let (pixel, channel) = (element / p.channels, element % p.channels)
            let (column, row, image) = (
                pixel % p.width, pixel / p.width % p.height, pixel / p.width / p.height
            )
            var expected = before[element]
            if row % 2 == 0, column % 3 == 0 {
                let place = (image * p.outputHeight + row / 2) * p.outputWidth + column / 3
                expected += few[place * p.channels + channel]
            }
            #expect(after == expected)
        }
    }

    @Test func addsBFloat16AndRoundsToNearest() {
        let p = Self.problem(size: (7, 9), taps: (1, 1), steps: (2, 2), padding: (0, 0))
        var random = SplitMix(seed: 5)
        func numbers(_ count: Int) -> [UInt16] {
            random.floats(count).map { UInt16($0.bitPattern >> 16) }
        }
        func widened(_ number: UInt16) -> Float { Float(bitPattern: UInt32(number) << 16) }
        let before = numbers(p.height * p.width * p.channels)
        let few = numbers(p.outputHeight * p.outputWidth * p.channels)
        var after = before
        withUnsafePointer(to: p) { fovea_add_strided($0, 1, 1, few, &after) }
        for (element, after) in after.enumerated() {
            let (pixel, channel) = (element / p.channels, element % p.channels)
            let (column, row) = (pixel % p.width, pixel / p.width)
            guard row % 2 == 0, column % 2 == 0 else {
                #expect(after == before[element])
                continue
            }
            let place = (row / 2 * p.outputWidth + column / 2) * p.channels + channel
            // Sums of two such numbers of about one size are exact in float32.
            let sum = widened(before[element]) + widened(few[place])
            guard after & 0x7fff != 0 else {
                #expect(sum == 0)
                continue
            }
            let neighbors = [after - 1, after + 1].map { abs(widened($0) - sum) }
            let error = abs(widened(after) - sum)
            #expect(neighbors.allSatisfy { error < $0 || error == $0 && after % 2 == 0 })
        }
    }
}
