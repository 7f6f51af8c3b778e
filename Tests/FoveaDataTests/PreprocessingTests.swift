import FoveaData
import FoveaTensor
import Foundation
import Testing

@Suite struct PreprocessingTests {
    /// The formula, one element at a time in Double.
    func expected(_ tensor: Tensor, _ preprocessing: Preprocessing) -> [Double] {
        let values = tensor.converted(to: .float64).scalars(as: Double.self)
        let shape = tensor.shape.rank == 4 ? tensor.shape.dimensions : tensor.shape.dimensions + [1, 1]
        let pad = preprocessing.padding
        var result: [Double] = []
        for n in 0..<shape[0] {
            for c in 0..<shape[1] {
                let rule = preprocessing.mean.count == 1 ? 0 : c
                for y in -pad..<shape[2] + pad {
                    for x in -pad..<shape[3] + pad {
                        let isInside = (0..<shape[2]).contains(y) && (0..<shape[3]).contains(x)
                        let raw = isInside ? values[((n * shape[1] + c) * shape[2] + y) * shape[3] + x] : 0
                        let scaled = raw * preprocessing.scale - preprocessing.mean[rule]
                        result.append(scaled / preprocessing.deviation[rule])
                    }
                }
            }
        }
        return result
    }

    @Test(arguments: [DType.uint8, .float32], [1, 3]) func formula(dtype: DType, rules: Int) throws {
        let mean = Array([0.25, 0.5, 0.75][..<rules])
        let deviation = Array([0.5, 0.3, 0.1][..<rules])
        for (shape, paddings) in [
            ([2, 3, 5, 4], [0, 1, 2]), ([4, 3], [0]), ([0, 3], [0]), ([1, 3, 1, 1], [3]),
        ] {
            for padding in paddings {
                let count = Shape(shape).count
                let samples = Tensor((0..<count).map { Float($0 * 29 % 256) }, shape: Shape(shape)).converted(
                    to: dtype)
                let preprocessing = try Preprocessing(mean: mean, deviation: deviation, padding: padding)
                let result = try preprocessing.apply(to: samples)
                let reference = expected(samples, preprocessing)
                #expect(result.count == reference.count)
                for (found, exact) in zip(result.scalars(as: Float.self), reference) {
                    if dtype == .uint8 {
                        #expect(found == Float(exact))
                    } else {
                        // Three roundings of numbers as large as the product and the term.
                        #expect(abs(Double(found) - exact) <= 3 * 0x1p-24 * 2 * (1 / 0.1))
                    }
                }
            }
        }
    }

    @Test(arguments: [DType.uint8, .float32]) func standardizing(dtype: DType) throws {
        let shape: Shape = [40, 3, 4, 4]
        let numbers = (0..<shape.count).map { index -> Float in
            let channel = index / 16 % 3
            return channel == 2 ? 77 : Float((index * 97 + channel * 50) % 251)
        }
        let samples = Tensor(numbers, shape: shape).converted(to: dtype)
        let dataset = try Dataset(
            name: "made", samples: samples,
            targets: .classes(labels: [Int32](repeating: 0, count: 40), names: ["a"]))
        let chosen = Array(stride(from: 0, to: 40, by: 3))
        let preprocessing = try Preprocessing.standardizing(dataset, at: chosen)
        let (batch, _) = try dataset.batch(chosen, preprocessing: preprocessing)
        let values = batch.scalars(as: Float.self).map { Double($0) }
        for channel in 0..<3 {
            let own = values.indices.filter { $0 / 16 % 3 == channel }.map { values[$0] }
            let mean = own.reduce(0, +) / Double(own.count)
            let variance = own.reduce(0) { $0 + $1 * $1 } / Double(own.count) - mean * mean
            #expect(abs(mean) < 1e-6)
            #expect(abs(variance - (channel == 2 ? 0 : 1)) < 1e-5)
        }
    }

    @Test func coding() throws {
        let preprocessing = try Preprocessing(mean: [0.1, 0.2, 0.3], deviation: [0.5, 0.6, 0.7], padding: 2)
        let data = try JSONEncoder().encode(preprocessing)
        #expect(try JSONDecoder().decode(Preprocessing.self, from: data) == preprocessing)
        for bad in [
            #"{"scale":1,"mean":[0],"deviation":[0]}"#, #"{"scale":1,"mean":[],"deviation":[]}"#,
            #"{"scale":1,"mean":[0],"deviation":[1],"padding":-1}"#,
            #"{"scale":1,"mean":[0,1],"deviation":[1]}"#,
        ] {
            #expect(throws: DataError.self) {
                try JSONDecoder().decode(Preprocessing.self, from: Data(bad.utf8))
            }
        }
    }
}
