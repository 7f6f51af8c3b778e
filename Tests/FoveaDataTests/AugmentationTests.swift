import FoveaData
import FoveaTensor
import Testing

@Suite struct AugmentationTests {
    static let shape: Shape = [40, 2, 3, 4]

    /// No two pixels of a sample are alike, and none is 0.
    static func dataset(_ dtype: DType) throws -> Dataset {
        let numbers = (0..<shape.count).map { (index: Int) -> Float in
            let (sample, pixel) = index.quotientAndRemainder(dividingBy: 24)
            return Float(pixel * 10 + 1 + sample % 5)
        }
        return try Dataset(
            name: "made", samples: Tensor(numbers, shape: shape).converted(to: dtype),
            targets: .classes(labels: Array(repeating: 0, count: shape[0]), names: ["a"]))
    }

    /// Sample `index` mirrored and then moved, with a border of `padding`, one pixel at a time.
    static func moved(_ index: Int, _ data: Dataset, mirrored: Bool, down: Int, right: Int, padding: Int)
        -> [Float]
    {
        let values = data.samples.converted(to: .float32).scalars(as: Float.self)
        var result: [Float] = []
        for c in 0..<2 {
            for y in -padding..<3 + padding {
                for x in -padding..<4 + padding {
                    let (row, column) = (y - down, x - right)
                    let isInside =
                        (0..<3).contains(y) && (0..<4).contains(x) && (0..<3).contains(row)
                        && (0..<4).contains(column)
                    let from = mirrored ? 3 - column : column
                    result.append(isInside ? values[((index * 2 + c) * 3 + row) * 4 + from] : 0)
                }
            }
        }
        return result
    }

    /// The samples of `epochs`, each with its index.
    static func images(
        _ data: Dataset, _ augmentation: Augmentation, batch: Int = 7, epochs: Int = 1, seed: UInt64 = 3,
        padding: Int = 0, shuffled: Bool = true
    ) throws -> [[Int: [Float]]] {
        let order = try BatchOrder(
            indices: Array(0..<data.count), batchSize: batch,
            order: shuffled ? .shuffled(seed: 1) : .sequential)
        let loader = try BatchLoader(
            data, order: order, preprocessing: try Preprocessing(scale: 1, padding: padding),
            augmentation: augmentation, seed: seed)
        return (0..<epochs).map { _ in
            var images: [Int: [Float]] = [:]
            for _ in 0..<loader.batchesPerEpoch {
                loader.next { batch in
                    let size = batch.samples.count / batch.count
                    for (place, index) in batch.indices.enumerated() {
                        images[index] = Array(batch.samples[place * size..<(place + 1) * size])
                    }
                }
            }
            return images
        }
    }

    @Test(arguments: [DType.uint8, .float32], [0, 2])
    func everyImageIsOneOfThoseAskedFor(dtype: DType, padding: Int) throws {
        let data = try Self.dataset(dtype)
        let epochs = try Self.images(data, Augmentation("flip, shift 1"), epochs: 20, padding: padding)
        var seen: [String: Int] = [:]
        for images in epochs {
            #expect(images.count == data.count)
            for (index, image) in images {
                var name: String?
                for mirrored in [false, true] {
                    for down in -1...1 {
                        for right in -1...1
                        where image
                            == Self.moved(
                                index, data, mirrored: mirrored, down: down, right: right, padding: padding)
                        {
                            name = "\(mirrored) \(down) \(right)"
                        }
                    }
                }
                seen[try #require(name), default: 0] += 1
            }
        }
        // 800 images in 18 kinds of equal chance: 44 each, give or take 6.5.
        #expect(seen.count == 18)
        #expect(seen.values.allSatisfy { 18...75 ~= $0 })
    }

    @Test func changesAreMadeInTheirOrder() throws {
        let data = try Self.dataset(.uint8)
        let first = try Self.images(data, Augmentation("flip 1, shift 4"))[0]
        let last = try Self.images(data, Augmentation("shift 4, flip 1"))[0]
        let mirrored = try Self.images(data, Augmentation([.flip(probability: 1), .shift(pixels: 0)]))[0]
        for index in 0..<data.count {
            #expect(
                mirrored[index]
                    == Self.moved(index, data, mirrored: true, down: 0, right: 0, padding: 0))
        }
        #expect(first != last)
        // Shifts beyond the image leave the border alone.
        for image in try Self.images(data, Augmentation("shift 4096"))[0].values
        where !image.allSatisfy({ $0 == 0 }) {
            #expect(image.contains(0))
        }
        let still = try Self.images(data, Augmentation("flip 0, shift 0"))[0]
        for index in 0..<data.count {
            #expect(
                still[index] == Self.moved(index, data, mirrored: false, down: 0, right: 0, padding: 0))
        }
    }

    @Test func dependsOnSeedEpochAndSampleAlone() throws {
        let data = try Self.dataset(.uint8)
        let augmentation = try Augmentation("flip, shift 2")
        let images = try Self.images(data, augmentation, epochs: 3)
        #expect(try Self.images(data, augmentation, batch: 1, epochs: 3) == images)
        #expect(try Self.images(data, augmentation, batch: 40, epochs: 3, shuffled: false) == images)
        #expect(try Self.images(data, augmentation, epochs: 3, seed: 4) != images)
        #expect(images[0] != images[1] && images[1] != images[2])
    }

    @Test func text() throws {
        for text in ["flip", "flip, shift 2", "shift 4, flip 0.25, shift 1"] {
            #expect(try Augmentation(text).description == text)
        }
        #expect(try Augmentation(" flip 0.5 ,shift  3").description == "flip, shift 3")
        for text in [
            "", "flop", "flip 2", "flip x", "flip 0.5 1", "shift", "shift -1", "shift 1.5", "shift 9999",
            "flip,",
            "flip shift 2", "flip nan", Array(repeating: "flip", count: 9).joined(separator: ","),
        ] {
            #expect(throws: DataError.self, "\(text)") { try Augmentation(text) }
        }
        let error = #expect(throws: DataError.self) { try Augmentation("flip, turn 3") }
        #expect(error?.message.contains("'turn 3'") == true)
    }

    @Test func vectorsAreRefused() throws {
        let data = try Dataset(
            name: "table", samples: Tensor([Float](repeating: 1, count: 6), shape: [3, 2]),
            targets: .classes(labels: [0, 0, 0], names: ["a"]))
        let order = try BatchOrder(indices: [0, 1, 2], batchSize: 2, order: .sequential)
        #expect(throws: DataError.self) {
            try BatchLoader(
                data, order: order, preprocessing: .identity, augmentation: try Augmentation("flip"))
        }
    }
}
