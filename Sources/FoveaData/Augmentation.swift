import CFoveaKernels
import FoveaTensor

/// Random changes of training images that leave their classes as they are, made anew in each epoch as a batch is gathered.
///
/// Written as the changes in the order in which they are made: `flip, shift 2`. What a sample gets is a function of seed,
/// epoch and the sample's index alone (Philox), so it depends neither on the batch size nor on threads, and a resumed run
/// sees the same images.
public struct Augmentation: Hashable, Sendable {
    /// One change of an image.
    public enum Change: Hashable, Sendable {
        /// Left and right exchanged, with the given probability.
        case flip(probability: Double)
        /// Moved by a whole number of pixels, uniform in `-pixels ... pixels`, down and across apart.
        ///
        /// What the image moved away from has the value of the border, that of `x = 0`. The same as a random crop after
        /// padding by `pixels` (He et al. 2015, section 4.2).
        case shift(pixels: Int)
    }

    /// The largest number of changes.
    public static let maximumCount = 8

    /// `flip, shift 2`: what photographs of 28x28 to 32x32 pixels usually get.
    public static let flipAndShift = Augmentation(unchecked: [.flip(probability: 0.5), .shift(pixels: 2)])

    /// The changes, the first made first.
    public let changes: [Change]

    private init(unchecked changes: [Change]) {
        self.changes = changes
    }

    /// The given changes.
    ///
    /// - Throws: `DataError` where a probability is not in 0 ... 1, a shift not in 0 ... 4,096 pixels, or there are more
    ///   than ``maximumCount`` changes.
    public init(_ changes: [Change]) throws(DataError) {
        guard changes.count <= Self.maximumCount else {
            throw DataError("augmentation: \(changes.count) changes; expected \(Self.maximumCount) at most")
        }
        for change in changes {
            switch change {
            case .flip(let probability):
                guard probability >= 0, probability <= 1 else {
                    throw DataError("augmentation: a flip with probability \(probability); expected 0 to 1")
                }
            case .shift(let pixels):
                guard 0...4096 ~= pixels else {
                    throw DataError("augmentation: a shift by \(pixels) pixels; expected 0 to 4096")
                }
            }
        }
        self.changes = changes
    }

    /// The changes that `text` lists, such as `flip, shift 2`: `flip [PROBABILITY]` (one half unless given) and
    /// `shift PIXELS`.
    ///
    /// - Throws: `DataError` where a word is not one of these or has no meaning.
    public init(_ text: String) throws(DataError) {
        var changes: [Change] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let words = part.split(separator: " ")
            switch (words.first, words.count) {
            case ("flip", 1):
                changes.append(.flip(probability: 0.5))
            case ("flip", 2):
                changes.append(.flip(probability: try Self.number(words[1], of: "flip", "0.5")))
            case ("shift", 2):
                changes.append(.shift(pixels: try Self.number(words[1], of: "shift", "2")))
            default:
                let part = words.joined(separator: " ")
                throw DataError(
                    "augmentation: '\(part)' in '\(text)'; expected 'flip', 'flip PROBABILITY' or "
                        + "'shift PIXELS', with commas between")
            }
        }
        try self.init(changes)
    }

    private static func number<Number: LosslessStringConvertible>(
        _ text: Substring, of word: String, _ example: String
    ) throws(DataError) -> Number {
        guard let number = Number(String(text)) else {
            throw DataError("augmentation: '\(text)' after '\(word)'; expected a number such as \(example)")
        }
        return number
    }

    /// How the samples at `indices` are laid down in `epoch` under `seed`.
    func placements(
        of indices: UnsafeBufferPointer<Int>, epoch: Int, seed: UInt64,
        into placements: UnsafeMutableBufferPointer<fovea_placement>
    ) {
        let stream = RandomSource(seed: seed).stream(.augmentation, step: epoch)
        for (place, index) in indices.enumerated() {
            var placement = fovea_placement(down: 0, right: 0, mirrored: 0)
            for (position, change) in changes.enumerated() {
                // Four numbers of 32 bits for each change of each sample.
                let block = stream.block(UInt64(index * Self.maximumCount + position))
                switch change {
                case .flip(let probability):
                    guard Double(block[0]) * 0x1p-32 < probability else { continue }
                    placement.mirrored ^= 1
                    placement.right = -placement.right
                case .shift(let pixels):
                    placement.down += Self.offset(block[0], upTo: pixels)
                    placement.right += Self.offset(block[1], upTo: pixels)
                }
            }
            placements[place] = placement
        }
    }

    /// A number in `-pixels ... pixels` from 32 random bits; the bias is below 2⁻¹⁹.
    private static func offset(_ bits: UInt32, upTo pixels: Int) -> Int32 {
        let width = UInt64(2 * pixels + 1)
        return Int32(truncatingIfNeeded: Int((UInt64(bits) * width) >> 32) - pixels)
    }
}

extension Augmentation: CustomStringConvertible {
    /// The changes as ``init(_:)-(String)`` reads them.
    public var description: String {
        changes.map { change in
            switch change {
            case .flip(let probability): probability == 0.5 ? "flip" : "flip \(probability)"
            case .shift(let pixels): "shift \(pixels)"
            }
        }.joined(separator: ", ")
    }
}

extension Augmentation: Codable {
    /// Reads the text of the changes.
    public init(from decoder: any Decoder) throws {
        try self.init(decoder.singleValueContainer().decode(String.self))
    }

    /// Writes the text of the changes.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
