import FoveaData
import FoveaImages
import FoveaTensor
import Testing

import FoveaTraining

@Suite struct DataSourceTests {
    @Test(arguments: [[1, 9, 5], [3, 9, 5], [1, 6, 6], [1, 3, 12]]) func scalesEachImageAsAPictureIs(
        shape: [Int]
    ) throws {
        let data = Samples.stripes(7)
        let scaled = try data.scaled(to: Shape(shape))
        #expect(scaled.sampleShape.dimensions == shape)
        #expect(scaled.labels == data.labels)
        let (old, new) = (data.samples.scalars(as: UInt8.self), scaled.samples.scalars(as: UInt8.self))
        let size = Shape(shape).count
        for index in 0..<7 {
            let image = try Image(
                height: 6, width: 6, channels: 1, pixels: Array(old[index * 36..<index * 36 + 36]))
            let expected = try image.converted(toChannels: shape[0]).resized(
                toHeight: shape[1], width: shape[2])
            #expect(expected.tensor.scalars(as: UInt8.self) == Array(new[index * size..<(index + 1) * size]))
        }
    }

    @Test func refusesWhatIsNoImage() throws {
        #expect(throws: (any Error).self) { try Samples.stripes(3).scaled(to: [2, 4, 4]) }
        #expect(throws: (any Error).self) { try Samples.stripes(3).scaled(to: [1, 70_000, 4]) }
    }

    @Test func aLimitTakesEachClassAlike() throws {
        let data = Samples.stripes(90)
        let part = try data.limited(to: 30, seed: 1)
        #expect(part.count == 30)
        let counts = Dictionary(grouping: try #require(part.labels)) { $0 }.mapValues(\.count)
        #expect(counts == [0: 10, 1: 10, 2: 10])
        #expect(try data.limited(to: 30, seed: 1).labels == part.labels)
        #expect(
            try data.limited(to: 30, seed: 2).samples.scalars(as: UInt8.self)
                != part.samples.scalars(as: UInt8.self))
        #expect(try data.limited(to: 1000, seed: 1).count == 90)
        #expect(throws: DataError.self) { try data.limited(to: 0, seed: 1) }
        #expect(throws: DataError.self) { try data.limited(to: 2, seed: 1) }
        #expect(try Samples.plane(20).limited(to: 5, seed: 0).count == 5)
    }
}
