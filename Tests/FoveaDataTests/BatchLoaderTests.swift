import FoveaData
import FoveaTensor
import Foundation
import Testing

@Suite struct BatchLoaderTests {
    struct Copy: Equatable {
        var indices: [Int]
        var samples: [Float]
        var labels: [Int32]
        var values: [Float]
        var position: BatchPosition
        var next: BatchPosition
    }

    static func dataset(count: Int = 53, bytes: Bool = true, classes: Bool = true) throws -> Dataset {
        let shape: Shape = [count, 2, 3, 4]
        let samples =
            bytes
            ? Tensor((0..<shape.count).map { UInt8($0 * 37 % 256) }, shape: shape)
            : Tensor((0..<shape.count).map { Float($0 * 37 % 256) }, shape: shape)
        let targets: Dataset.Targets =
            classes
            ? .classes(labels: (0..<count).map { Int32($0 % 3) }, names: ["a", "b", "c"])
            : .values(Tensor((0..<2 * count).map { Float($0) / 4 }, shape: [count, 2]))
        return try Dataset(name: "made", samples: samples, targets: targets)
    }

    static func take(_ count: Int, from loader: BatchLoader, pausing: Bool = false) -> [Copy] {
        (0..<count).map { index in
            if pausing, index % 3 == 0 { Thread.sleep(forTimeInterval: 0.002) }
            return loader.next { batch in
                Copy(
                    indices: Array(batch.indices), samples: Array(batch.samples), labels: Array(batch.labels),
                    values: Array(batch.values), position: batch.position, next: batch.nextPosition)
            }
        }
    }

    @Test(arguments: [BatchOrder.Remainder.shorter, .dropped], [true, false])
    func eachSampleOnceAnEpoch(remainder: BatchOrder.Remainder, classes: Bool) throws {
        let dataset = try Self.dataset(bytes: classes, classes: classes)
        let chosen = Array(stride(from: 1, to: 53, by: 2))
        let order = try BatchOrder(
            indices: chosen, batchSize: 4, order: .shuffled(seed: 9), remainder: remainder)
        let preprocessing = try Preprocessing(mean: [0.3, 0.4], deviation: [0.5, 0.25], padding: 1)
        let loader = try BatchLoader(dataset, order: order, preprocessing: preprocessing)
        #expect(loader.sampleShape == [2, 5, 6])
        #expect(loader.batchesPerEpoch == (remainder == .shorter ? 7 : 6))
        var epochs: [[Int]] = []
        for epoch in 0..<3 {
            let batches = Self.take(loader.batchesPerEpoch, from: loader)
            epochs.append(batches.flatMap(\.indices))
            #expect(batches.map(\.position) == batches.indices.map { BatchPosition(epoch: epoch, batch: $0) })
            #expect(batches.last?.next == BatchPosition(epoch: epoch + 1))
            for batch in batches {
                let (samples, targets) = try dataset.batch(batch.indices, preprocessing: preprocessing)
                #expect(samples.scalars(as: Float.self) == batch.samples)
                if classes {
                    #expect(targets.scalars(as: Int32.self) == batch.labels && batch.values.isEmpty)
                } else {
                    #expect(targets.scalars(as: Float.self) == batch.values && batch.labels.isEmpty)
                }
            }
        }
        for epoch in epochs {
            #expect(Set(epoch).count == epoch.count && Set(epoch).isSubset(of: chosen))
            #expect(epoch.count == (remainder == .shorter ? 26 : 24))
        }
        #expect(Set(epochs).count == 3)
    }

    @Test func resumesAnywhereAndIgnoresTiming() throws {
        let dataset = try Self.dataset()
        let order = try BatchOrder(indices: Array(0..<53), batchSize: 8, order: .shuffled(seed: 4))
        let all = Self.take(21, from: try BatchLoader(dataset, order: order, preprocessing: .bytes))
        let slow = Self.take(
            21, from: try BatchLoader(dataset, order: order, preprocessing: .bytes), pausing: true)
        #expect(all == slow)
        for start in 0..<20 {
            let position = all[start].next
            let loader = try BatchLoader(dataset, order: order, preprocessing: .bytes, from: position)
            #expect(Self.take(20 - start, from: loader) == Array(all[(start + 1)...]))
        }
    }

    @Test func sequentialOrder() throws {
        let order = try BatchOrder(indices: [5, 3, 9], batchSize: 2, order: .sequential)
        let loader = try BatchLoader(Self.dataset(), order: order, preprocessing: .identity)
        #expect(Self.take(4, from: loader).map(\.indices) == [[5, 3], [9], [5, 3], [9]])
    }

    @Test func endsAtAnyTime() throws {
        let dataset = try Self.dataset()
        let order = try BatchOrder(indices: Array(0..<53), batchSize: 8, order: .shuffled(seed: 4))
        for count in 0..<200 {
            let loader = try BatchLoader(dataset, order: order, preprocessing: .bytes)
            _ = Self.take(count % 4, from: loader)
        }
    }

    @Test func anErrorOfTheUserGivesTheBatchBack() throws {
        struct Stop: Error {}
        let order = try BatchOrder(indices: Array(0..<9), batchSize: 3, order: .sequential)
        let loader = try BatchLoader(Self.dataset(), order: order, preprocessing: .bytes)
        for _ in 0..<5 {
            #expect(throws: Stop.self) { try loader.next { (_: Batch) throws(Stop) -> Void in throw Stop() } }
        }
        #expect(Self.take(1, from: loader)[0].position == BatchPosition(epoch: 1, batch: 2))
    }

    @Test func errors() throws {
        let dataset = try Self.dataset()
        for (indices, size) in [([0], 0), ([], 1), ([0, 1], -3)] {
            #expect(throws: DataError.self) {
                try BatchOrder(indices: indices, batchSize: size, order: .sequential)
            }
        }
        #expect(throws: DataError.self) {
            try BatchOrder(indices: [0], batchSize: 2, order: .sequential, remainder: .dropped)
        }
        let outside = try BatchOrder(indices: [0, 53], batchSize: 2, order: .sequential)
        #expect(throws: DataError.self) { try BatchLoader(dataset, order: outside, preprocessing: .bytes) }
        let order = try BatchOrder(indices: [0, 1], batchSize: 2, order: .sequential)
        #expect(throws: DataError.self) {
            try BatchLoader(
                dataset, order: order, preprocessing: .bytes, from: BatchPosition(epoch: 0, batch: 1))
        }
        let three = try Preprocessing(mean: [0, 0, 0], deviation: [1, 1, 1])
        #expect(throws: DataError.self) { try BatchLoader(dataset, order: order, preprocessing: three) }
    }
}
