/// Random numbers as a pure function of (seed, purpose, step, index).
///
/// There is no state to share or to advance, so any number of any step can be made again, in any order and on any
/// thread. The generator is Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3",
/// section 3.3), keyed by the seed, with the counter made of purpose, step and index.
public struct RandomSource: Hashable, Sendable {
    /// What the numbers are for; two purposes never share a number.
    public enum Purpose: Hashable, Sendable {
        /// Initial values of the variable at the given position in the graph.
        case initialization(Int)
        /// The order of the samples; the step is the epoch.
        case shuffle
        /// The division of a data set into parts.
        case split
        /// The units dropped by the given dropout operation of the graph; the step is the training step.
        case dropout(Int)
        /// The augmentation of samples.
        case augmentation
        /// Anything else; the number tells one use from another.
        case other(Int)

        package var code: UInt32 {
            let (kind, number): (UInt32, Int) =
                switch self {
                case .initialization(let number): (0, number)
                case .shuffle: (1, 0)
                case .split: (2, 0)
                case .dropout(let number): (3, number)
                case .augmentation: (4, 0)
                case .other(let number): (5, number)
                }
            return kind << 24 | UInt32(truncatingIfNeeded: number) & 0xFF_FFFF
        }
    }

    /// The seed that decides everything.
    public let seed: UInt64

    /// The source of all random numbers under `seed`.
    public init(seed: UInt64) {
        self.seed = seed
    }

    /// The numbers for `purpose` at `step`, an endless sequence with random access.
    public func stream(_ purpose: Purpose, step: Int = 0) -> RandomStream {
        RandomStream(seed: seed, purpose: purpose.code, step: UInt32(truncatingIfNeeded: step))
    }
}

/// An endless sequence of random numbers with random access, read by index or one after the other.
public struct RandomStream: Sendable {
    private let key: SIMD2<UInt32>
    private let purpose: UInt32
    private let step: UInt32
    private var position: UInt64 = 0

    package init(seed: UInt64, purpose: UInt32, step: UInt32) {
        key = SIMD2(UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed >> 32))
        self.purpose = purpose
        self.step = step
    }

    /// The 32 random bits at `index`.
    public func bits(at index: Int) -> UInt32 {
        block(UInt64(index) >> 2)[index & 3]
    }

    /// The number at `index`, uniform in `[0, 1)` with 24 bits.
    public func uniform(at index: Int) -> Float {
        Float(bits(at: index) >> 8) * 0x1p-24
    }

    /// The number at `index`, from the standard normal distribution (Box and Muller 1958, in Double).
    public func normal(at index: Int) -> Double {
        let block = block(UInt64(index) >> 1)
        let half = index & 1
        // In (0, 1], so that the logarithm is finite.
        let radius = (Double(block[2 * half]) + 1) * 0x1p-32
        let angle = Double(block[2 * half + 1]) * 0x1p-32
        return (-2 * log(radius)).squareRoot() * cos(2 * .pi * angle)
    }

    /// The permutation of `0 ..< count` that the next numbers decide (Fisher and Yates).
    public mutating func permutation(_ count: Int) -> [Int] {
        var order = Array(0..<count)
        shuffle(&order)
        return order
    }

    /// Puts `elements` in a random order (Fisher and Yates), one that no release of the standard library can change.
    public mutating func shuffle<Element>(_ elements: inout [Element]) {
        for last in elements.indices.reversed().dropLast() {
            elements.swapAt(last, Int(next(below: UInt64(last + 1))))
        }
    }

    /// The next number, uniform in `0 ..< bound` without bias (Lemire 2019).
    public mutating func next(below bound: UInt64) -> UInt64 {
        precondition(bound > 0)
        var product = next().multipliedFullWidth(by: bound)
        if product.low < bound {
            let threshold = (0 &- bound) % bound
            while product.low < threshold { product = next().multipliedFullWidth(by: bound) }
        }
        return product.high
    }

    /// The four 32-bit numbers of Philox4x32-10 for the counter (index, step, purpose), low words first.
    package func block(_ index: UInt64) -> SIMD4<UInt32> {
        var counter = SIMD4(
            UInt32(truncatingIfNeeded: index), UInt32(truncatingIfNeeded: index >> 32), step, purpose)
        var key = key
        for _ in 0..<10 {
            let first = counter[0].multipliedFullWidth(by: 0xD251_1F53)
            let second = counter[2].multipliedFullWidth(by: 0xCD9E_8D57)
            counter = SIMD4(
                second.high ^ counter[1] ^ key[0], second.low, first.high ^ counter[3] ^ key[1], first.low)
            key = key &+ SIMD2(0x9E37_79B9, 0xBB67_AE85)
        }
        return counter
    }
}

extension RandomStream: RandomNumberGenerator {
    /// The next 64 random bits.
    public mutating func next() -> UInt64 {
        let block = block(position >> 1)
        let half = Int(position & 1)
        position += 1
        return UInt64(block[2 * half + 1]) << 32 | UInt64(block[2 * half])
    }
}

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif
