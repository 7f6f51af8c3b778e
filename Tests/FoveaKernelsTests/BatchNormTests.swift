import CFoveaKernels
import Foundation
import Testing

@Suite struct BatchNormTests {
    /// Sizes of every layout: channels-last, blocks of 8 and 16 channels with and without padding, row-major, with runs of
    /// pixels and channels that fill vectors and pieces and that do not, and enough elements for parts of their own.
    static let norms: [fovea_batch_norm] = [
        (1, 1, 3, 3, 3), (1, 1, 50, 16, 16), (1, 1, 37, 24, 24), (1, 1, 21, 43, 43), (1, 1, 12, 1000, 1000),
        (1, 1, 3000, 64, 64), (2, 3, 7, 8, 20), (3, 1, 9, 16, 13), (2, 2, 16, 16, 32), (5, 4, 1600, 16, 57),
        (3, 5, 7, 1, 5), (2, 3, 49, 1, 3), (1, 2, 64, 1, 2), (7, 3, 9001, 1, 3), (40, 1, 1, 1, 1),
    ].map {
        norm(outer: $0.0, blocks: $0.1, inner: $0.2, lanes: $0.3, channels: $0.4)
    }

    /// Those with images in bfloat16 besides, where this processor has the instructions.
    static let normsOfBothTypes: [fovea_batch_norm] =
        norms
        + (fovea_vectors_have_bfloat16() == 0
            ? []
            : norms.map { norm in
                var norm = norm
                norm.isBFloat16 = 1
                return norm
            })

    /// Dense arrays.
    private static func norm(
        outer: Int, blocks: Int, inner: Int, lanes: Int, channels: Int
    ) -> fovea_batch_norm {
        let dense = fovea_distances(pixel: 0, part: 0)
        return fovea_batch_norm(
            outer: outer, blocks: blocks, inner: inner, lanes: lanes, channels: channels, isBFloat16: 0,
            epsilon: 1e-3, x: dense, y: dense, residual: dense, dy: dense, dx: dense)
    }

    /// Each element's channel, `nil` for padding.
    private static func channels(_ norm: fovea_batch_norm) -> [Int?] {
        (0..<norm.outer * norm.blocks * norm.inner * norm.lanes).map { element in
            let channel =
                element / norm.lanes / norm.inner % norm.blocks * norm.lanes + element % norm.lanes
            return channel < norm.channels ? channel : nil
        }
    }

    /// Images of numbers that their type represents.
    private struct Numbers {
        let norm: fovea_batch_norm
        let channels: [Int?]
        var x, residual, dy: [Float]
        var scale, shift: [Float]

        init(_ norm: fovea_batch_norm, seed: UInt64, offset: Float = 0) {
            self.norm = norm
            let channels = BatchNormTests.channels(norm)
            self.channels = channels
            var random = SplitMix(seed: seed)
            func array() -> [Float] {
                zip(random.floats(channels.count), channels).map { $1 == nil ? 0 : $0 }
            }
            residual = array()
            dy = array()
            // Far from zero, and differently so in each channel.
            x = zip(array(), channels).map { x, c in c.map { x + offset * Float(1 + $0 % 3) } ?? 0 }
            if norm.isBFloat16 != 0 {
                x = x.map(\.roundedToBFloat16)
                residual = residual.map(\.roundedToBFloat16)
                dy = dy.map(\.roundedToBFloat16)
            }
            scale = random.floats(norm.channels).map { $0 + 1.5 }
            shift = random.floats(norm.channels)
        }

        var count: Double { Double(norm.outer * norm.inner) }

        func sums(_ term: (Int, Int) -> Double) -> [Double] {
            var sums = [Double](repeating: 0, count: norm.channels)
            for (i, c) in channels.enumerated() { if let c { sums[c] += term(i, c) } }
            return sums
        }

        func scratch() -> [Double] {
            withUnsafePointer(to: norm) {
                [Double](repeating: .nan, count: fovea_batch_norm_scratch($0) / 8 + 1)
            }
        }

        /// An image as it lies in memory.
        func stored(_ image: [Float]) -> [UInt8] {
            norm.isBFloat16 != 0
                ? image.map { UInt16($0.bitPattern >> 16) }.withUnsafeBytes(Array.init)
                : image.withUnsafeBytes(Array.init)
        }

        func image(_ bytes: [UInt8]) -> [Float] {
            bytes.withUnsafeBytes { bytes in
                norm.isBFloat16 != 0
                    ? bytes.bindMemory(to: UInt16.self).map { Float(bitPattern: UInt32($0) << 16) }
                    : Array(bytes.bindMemory(to: Float.self))
            }
        }

        /// Memory for an image, full of what is no number.
        func emptyImage() -> [UInt8] { stored(x.map { _ in .nan }) }

        func forward(relu: Bool, adds: Bool) -> (y: [Float], mean: [Float], variance: [Float]) {
            var y = emptyImage()
            var (mean, variance) = (shift, shift)
            var scratch = scratch()
            withUnsafePointer(to: norm) { norm in
                stored(residual).withUnsafeBufferPointer {
                    fovea_batch_norm_forward(
                        norm, stored(x), scale, shift, adds ? $0.baseAddress : nil, relu ? 1 : 0, &y, &mean,
                        &variance, &scratch)
                }
            }
            return (image(y), mean, variance)
        }

        func backward(
            _ pass: fovea_pass, mean: [Float], variance: [Float], output: [Float],
            addsToGradient: Bool = false
        ) -> (dx: [Float], dscale: [Float], dshift: [Float], passed: [Float]) {
            var (dx, passed) = (emptyImage(), emptyImage())
            var (dscale, dshift) = (shift, shift)
            var scratch = scratch()
            withUnsafePointer(to: norm) { norm in
                stored(residual).withUnsafeBufferPointer {
                    fovea_batch_norm_backward(
                        norm, pass, stored(x), scale, shift, mean, variance, stored(output), stored(dy),
                        addsToGradient ? $0.baseAddress : nil, &passed, nil, &dx, &dscale, &dshift, &scratch)
                }
            }
            return (image(dx), dscale, dshift, image(passed))
        }
    }

    private static func onThreads<Result>(_ count: Int32, _ body: () -> Result) -> Result {
        fovea_set_threads(count)
        defer { fovea_set_threads(1) }
        return body()
    }

    @Test(arguments: normsOfBothTypes) func normalizes(norm: fovea_batch_norm) {
        for (relu, adds) in [(false, false), (true, false), (false, true), (true, true)] {
            let given = Numbers(norm, seed: 1)
            let result = Self.onThreads(1) { given.forward(relu: relu, adds: adds) }
            let mean = given.sums { i, _ in Double(given.x[i]) }.map { $0 / given.count }
            let variance = given.sums { i, c in pow(Double(given.x[i]) - mean[c], 2) }.map {
                $0 / given.count
            }
            let y = given.channels.enumerated().map { i, c -> Double in
                guard let c else { return 0 }
                let factor = Double(given.scale[c]) / (variance[c] + Double(norm.epsilon)).squareRoot()
                let sum =
                    (Double(given.x[i]) - mean[c]) * factor + Double(given.shift[c])
                    + (adds ? Double(given.residual[i]) : 0)
                return relu ? max(sum, 0) : sum
            }
            #expect(largestDifference(result.mean, mean) < 2e-7)
            #expect(largestDifference(result.variance, variance) < 2e-7)
            #expect(largestDifference(result.y, y, norm) < 4e-6)
            for (value, channel) in zip(result.y, given.channels) where channel == nil { #expect(value == 0) }
        }
    }

    @Test(arguments: normsOfBothTypes) func givesGradients(norm: fovea_batch_norm) {
        let given = Numbers(norm, seed: 2)
        for pass in [FOVEA_PASS_ALL, FOVEA_PASS_NORMALIZED, FOVEA_PASS_OUTPUT] {
            let forward = given.forward(relu: pass != FOVEA_PASS_ALL, adds: pass == FOVEA_PASS_OUTPUT)
            let result = given.backward(
                pass, mean: forward.mean, variance: forward.variance, output: forward.y)
            let mean = forward.mean.map(Double.init)
            let inverse = forward.variance.map { 1 / (Double($0) + Double(norm.epsilon)).squareRoot() }
            let dy = given.dy.indices.map {
                pass == FOVEA_PASS_ALL || forward.y[$0] > 0 ? Double(given.dy[$0]) : 0
            }
            let dshift = given.sums { i, _ in dy[i] }
            let dscale = given.sums { i, c in dy[i] * (Double(given.x[i]) - mean[c]) * inverse[c] }
            let dx = given.channels.enumerated().map { i, c -> Double in
                guard let c else { return 0 }
                let normalized = (Double(given.x[i]) - mean[c]) * inverse[c]
                return Double(given.scale[c]) * inverse[c]
                    * (dy[i] - dshift[c] / given.count - normalized * dscale[c] / given.count)
            }
            let unit = 1e-6 * given.count.squareRoot()
            #expect(largestDifference(result.dshift, dshift) < unit)
            #expect(largestDifference(result.dscale, dscale) < unit)
            #expect(largestDifference(result.dx, dx, norm) < 4e-6 * max(1, inverse.max()!))
            for (value, channel) in zip(result.dx, given.channels) where channel == nil {
                #expect(value == 0)
            }
            if pass == FOVEA_PASS_OUTPUT { #expect(result.passed.map(Double.init) == dy) }
        }
    }

    /// The channels' means are a thousand times their deviations and more: sums of squares without a first guess of the
    /// mean would keep one digit of the variance.
    @Test(arguments: norms) func keepsTheDigitsOfValuesFarFromZero(norm: fovea_batch_norm) {
        let given = Numbers(norm, seed: 3, offset: 600)
        let result = given.forward(relu: false, adds: false)
        let mean = given.sums { i, _ in Double(given.x[i]) }.map { $0 / given.count }
        let variance = given.sums { i, c in pow(Double(given.x[i]) - mean[c], 2) }.map { $0 / given.count }
        for c in 0..<norm.channels {
            #expect(abs(Double(result.variance[c]) / variance[c] - 1) < 1e-4)
            #expect(abs(Double(result.mean[c]) / mean[c] - 1) < 1e-7)
        }
    }

    /// Gradients of shifts that all but cancel are sums of many numbers of the opposite sign.
    @Test func keepsTheDigitsOfSumsThatCancel() {
        let norm = Self.norm(outer: 1, blocks: 1, inner: 20_000, lanes: 16, channels: 16)
        var given = Numbers(norm, seed: 4)
        // Products, since numbers of one grid all less the same number round in one direction.
        given.dy = zip(given.dy, given.residual).map { $0 * (1 + $1) }
        let sums = given.sums { i, _ in Double(given.dy[i]) }
        for (i, c) in given.channels.enumerated() { given.dy[i] -= Float(sums[c!] / given.count) }
        let forward = given.forward(relu: false, adds: false)
        let result = given.backward(
            FOVEA_PASS_ALL, mean: forward.mean, variance: forward.variance, output: forward.y)
        #expect(largestDifference(result.dshift, given.sums { i, _ in Double(given.dy[i]) }) < 3e-5)
    }

    @Test(arguments: normsOfBothTypes) func bitsDoNotDependOnTheThreads(norm: fovea_batch_norm) {
        let given = Numbers(norm, seed: 5)
        let results = [Int32(1), 2, 3].map { count in
            Self.onThreads(count) {
                let forward = given.forward(relu: true, adds: true)
                let backward = given.backward(
                    FOVEA_PASS_OUTPUT, mean: forward.mean, variance: forward.variance, output: forward.y)
                return [forward.y, forward.variance, backward.dx, backward.dscale, backward.dshift]
            }
        }
        #expect(results[0] == results[1] && results[0] == results[2])
    }

    /// What the ReLU lets pass is the same whether it is known from the output or computed anew, for values so close to the
    /// kink that any other rounding would show.
    @Test(arguments: normsOfBothTypes) func computesTheKinkAnewToTheBit(norm: fovea_batch_norm) {
        var given = Numbers(norm, seed: 6)
        given.shift = given.shift.map { _ in 0 }
        let first = given.forward(relu: false, adds: false)
        for (i, c) in given.channels.enumerated() where i % 3 == 0 {
            if let c { given.x[i] = first.mean[c] }
        }
        let forward = given.forward(relu: true, adds: false)
        let anew = given.backward(
            FOVEA_PASS_NORMALIZED, mean: forward.mean, variance: forward.variance, output: [])
        let known = given.backward(
            FOVEA_PASS_OUTPUT, mean: forward.mean, variance: forward.variance, output: forward.y)
        #expect(anew.dx == known.dx && anew.dscale == known.dscale && anew.dshift == known.dshift)
    }

    @Test(arguments: norms) func addsToTheGradientFirst(norm: fovea_batch_norm) {
        var given = Numbers(norm, seed: 8)
        let forward = given.forward(relu: true, adds: true)
        func backward(addsToGradient: Bool) -> (
            dx: [Float], dscale: [Float], dshift: [Float], passed: [Float]
        ) {
            given.backward(
                FOVEA_PASS_OUTPUT, mean: forward.mean, variance: forward.variance, output: forward.y,
                addsToGradient: addsToGradient)
        }
        let together = backward(addsToGradient: true)
        given.dy = zip(given.dy, given.residual).map { $0 + $1 }
        let apart = backward(addsToGradient: false)
        #expect(together == apart)
    }

    @Test(arguments: norms) func worksInPlace(norm: fovea_batch_norm) {
        var given = Numbers(norm, seed: 7)
        let apart = given.forward(relu: true, adds: true)
        let expected = given.backward(
            FOVEA_PASS_NORMALIZED, mean: apart.mean, variance: apart.variance, output: [])
        var (dscale, dshift, scratch) = (given.shift, given.shift, given.scratch())
        let (x, scale, shift) = (given.x, given.scale, given.shift)
        withUnsafePointer(to: norm) { norm in
            given.dy.withUnsafeMutableBufferPointer {
                fovea_batch_norm_backward(
                    norm, FOVEA_PASS_NORMALIZED, x, scale, shift, apart.mean, apart.variance, nil,
                    $0.baseAddress, nil, nil, nil, $0.baseAddress, &dscale, &dshift, &scratch)
            }
            given.x.withUnsafeMutableBufferPointer { x in
                given.residual.withUnsafeBufferPointer {
                    fovea_batch_norm_apply(
                        norm, x.baseAddress, scale, shift, apart.mean, apart.variance, $0.baseAddress, 1, 0,
                        x.baseAddress, &scratch)
                }
            }
        }
        #expect(given.dy == expected.dx)
        #expect(given.x == apart.y)
    }

    /// Aligned for the widest vector or not, `y` gets the same bits past the cache, and nothing is written behind it.
    @Test(arguments: norms, [0, 4]) func writesPastTheCache(norm: fovea_batch_norm, misalignment: Int) {
        let given = Numbers(norm, seed: 9)
        for (relu, adds) in [(false, false), (true, false), (false, true), (true, true)] {
            let expected = given.forward(relu: relu, adds: adds)
            let (count, scratch) = (expected.y.count, given.scratch())
            let memory = UnsafeMutableRawPointer.allocate(
                byteCount: misalignment + 4 * (count + 1), alignment: 64)
            defer { memory.deallocate() }
            let y = (memory + misalignment).bindMemory(to: Float.self, capacity: count + 1)
            y.initialize(repeating: 7, count: count + 1)
            withUnsafePointer(to: norm) { norm in
                var scratch = scratch
                given.residual.withUnsafeBufferPointer {
                    fovea_batch_norm_apply(
                        norm, given.x, given.scale, given.shift, expected.mean, expected.variance,
                        adds ? $0.baseAddress : nil, relu ? 1 : 0, 1, y, &scratch)
                }
            }
            #expect(Array(UnsafeBufferPointer(start: y, count: count)) == expected.y && y[count] == 7)
        }
    }

    /// Arrays with other channels between theirs give the same to the bit, and the others stay as they are.
    @Test(arguments: norms) func worksAmongOtherChannels(norm: fovea_batch_norm) {
        let given = Numbers(norm, seed: 8)
        var apart = norm
        func distances(_ extra: Int) -> fovea_distances {
            let isOne = norm.blocks == 1
            return fovea_distances(
                pixel: isOne ? norm.lanes + extra : norm.lanes,
                part: norm.blocks * norm.inner * (norm.lanes + (isOne ? extra : 0)) + 64 * extra)
        }
        (apart.x, apart.y, apart.residual) = (distances(1), distances(3), distances(16))
        (apart.dy, apart.dx) = (distances(5), distances(2))
        func spread(_ array: [Float], _ distances: fovea_distances) -> [Float] {
            var result = [Float](repeating: 77, count: norm.outer * distances.part + 64)
            for (place, number) in zip(places(distances), array) { result[place] = number }
            return result
        }
        func places(_ distances: fovea_distances) -> [Int] {
            (0..<norm.outer * norm.blocks * norm.inner * norm.lanes).map { i in
                let (lane, pixel) = (i % norm.lanes, i / norm.lanes % norm.inner)
                let block = i / norm.lanes / norm.inner % norm.blocks
                let part = i / norm.lanes / norm.inner / norm.blocks
                return part * distances.part + block * norm.inner * norm.lanes + pixel * distances.pixel
                    + lane
            }
        }
        let expected = given.forward(relu: true, adds: true)
        var (mean, variance, scratch) = (given.shift, given.shift, given.scratch())
        let nothing = given.x.map { _ in Float.nan }
        var y = spread(nothing, apart.y)
        withUnsafePointer(to: apart) {
            fovea_batch_norm_forward(
                $0, spread(given.x, apart.x), given.scale, given.shift,
                spread(given.residual, apart.residual),
                1, &y, &mean, &variance, &scratch)
        }
        #expect(y == spread(expected.y, apart.y))
        #expect(mean == expected.mean && variance == expected.variance)

        for pass in [FOVEA_PASS_ALL, FOVEA_PASS_NORMALIZED, FOVEA_PASS_OUTPUT] {
            let known = given.forward(relu: pass != FOVEA_PASS_ALL, adds: pass == FOVEA_PASS_OUTPUT)
            let gradient = given.backward(pass, mean: known.mean, variance: known.variance, output: known.y)
            // Added to what lies where the gradient goes.
            apart.residual = apart.dx
            var (dx, passed) = (spread(given.residual, apart.dx), nothing)
            var (dscale, dshift) = (given.shift, given.shift)
            withUnsafePointer(to: apart) { norm in
                dx.withUnsafeMutableBufferPointer {
                    fovea_batch_norm_backward(
                        norm, pass, spread(given.x, apart.x), given.scale, given.shift, known.mean,
                        known.variance, spread(known.y, apart.y), spread(given.dy, apart.dy), nil, &passed,
                        $0.baseAddress, $0.baseAddress, &dscale, &dshift, &scratch)
                }
            }
            let sums = zip(gradient.dx, given.residual).map { $0 + $1 }
            let differences = zip(dx, spread(sums, apart.dx)).map { abs($0 - $1) }
            #expect(differences.allSatisfy { $0 <= 1e-5 })
            #expect(dscale == gradient.dscale && dshift == gradient.dshift)
            if pass == FOVEA_PASS_OUTPUT { #expect(passed == gradient.passed) }
        }
    }

    /// The largest difference, of images beyond that of the rounding to their type.
    private func largestDifference(
        _ floats: [Float], _ doubles: [Double], _ norm: fovea_batch_norm? = nil
    ) -> Double {
        let unit = norm?.isBFloat16 == 1 ? 0x1p-8 : 0
        return zip(floats, doubles).reduce(0) { largest, pair in
            let difference = abs(Double(pair.0) - pair.1) - unit * abs(pair.1)
            return difference.isNaN ? .infinity : max(largest, difference)
        }
    }
}

extension Float {
    /// The nearest number toward zero that bfloat16 has.
    fileprivate var roundedToBFloat16: Float { Float(bitPattern: bitPattern & 0xFFFF_0000) }
}
