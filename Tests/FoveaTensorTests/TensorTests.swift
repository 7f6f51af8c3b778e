import FoveaTensor
import Testing

@Suite struct TensorTests {
    @Test func shapesKnowTheirCountAndStrides() {
        #expect(Shape.scalar.count == 1)
        #expect(Shape.scalar.strides == [])
        #expect(Shape([2, 3, 4]).count == 24)
        #expect(Shape([2, 3, 4]).strides == [12, 4, 1])
        #expect(Shape([2, 0, 4]).count == 0)
        #expect(Shape([16, 3, 224, 224]).description == "[16, 3, 224, 224]")
    }

    @Test func zerosAreZeros() {
        #expect(Tensor(zeros: [3, 2]).scalars(as: Float.self) == [0, 0, 0, 0, 0, 0])
        #expect(Tensor(zeros: [0]).count == 0)
        #expect(Tensor(zeros: .scalar, dtype: .int32).scalars(as: Int32.self) == [0])
    }

    @Test func copiesAreIndependent() {
        let original = Tensor([1, 2, 3, 4] as [Float], shape: [2, 2])
        var copy = original
        #expect(copy == original)
        copy.withUnsafeMutableScalars(of: Float.self) { $0[0] = 9 }
        #expect(original.scalars(as: Float.self) == [1, 2, 3, 4])
        #expect(copy.scalars(as: Float.self) == [9, 2, 3, 4])
        #expect(copy != original)
        // A second write is to the same memory: nothing shares it now.
        let address = copy.withUnsafeBytes { $0.baseAddress }
        copy.withUnsafeMutableScalars(of: Float.self) { $0[1] = 8 }
        #expect(copy.withUnsafeBytes { $0.baseAddress } == address)
    }

    @Test func reshapingSharesNumbersButNotWrites() {
        let original = Tensor([1, 2, 3, 4, 5, 6] as [Int32], shape: [2, 3])
        var reshaped = original.reshaped(to: [3, 2])
        #expect(reshaped.shape == [3, 2])
        #expect(reshaped.scalars(as: Int32.self) == [1, 2, 3, 4, 5, 6])
        reshaped.withUnsafeMutableScalars(of: Int32.self) { $0[5] = 0 }
        #expect(original.scalars(as: Int32.self).last == 6)
    }

    @Test func equalityIsOfShapeTypeAndBits() {
        let a = Tensor([0, 1] as [Float], shape: [2])
        #expect(a == Tensor([0, 1] as [Float], shape: [2]))
        #expect(a != Tensor([0, 1] as [Float], shape: [1, 2]))
        #expect(a != Tensor([0, 1] as [Double], shape: [2]))
        #expect(a != Tensor([-0.0, 1] as [Float], shape: [2]))
        #expect(Tensor([Float.nan], shape: [1]) == Tensor([Float.nan], shape: [1]))
    }

    @Test func memoryIsAligned() {
        for count in [1, 3, 1000] {
            let address = Tensor(zeros: [count]).withUnsafeBytes { Int(bitPattern: $0.baseAddress!) }
            #expect(address % 64 == 0)
        }
    }
}

@Suite struct ConversionTests {
    @Test func everyTypeGoesThroughEveryOther() {
        let numbers: [Double] = [0, 1, 2, 100, 255]
        for first in DType.allCases {
            let tensor = Tensor(numbers, shape: [5]).converted(to: first)
            #expect(tensor.dtype == first)
            #expect(tensor.byteCount == 5 * first.size)
            for second in DType.allCases {
                let back = tensor.converted(to: second).converted(to: .float64)
                #expect(back.scalars(as: Double.self) == numbers, "\(first) to \(second)")
            }
        }
    }

    @Test func integersAreRoundedTowardZeroAndClamped() {
        let reals = Tensor([-1.9, 1.9, 300, -5, 3e9, -3e9, .infinity, .nan] as [Double], shape: [8])
        #expect(reals.converted(to: .uint8).scalars(as: UInt8.self) == [0, 1, 255, 0, 255, 0, 255, 0])
        #expect(
            reals.converted(to: .int32).scalars(as: Int32.self)
                == [-1, 1, 300, -5, .max, .min, .max, 0])
    }

    @Test func floatsAreRoundedToNearest() {
        let halfway = 1 + 0x1p-24
        let numbers = [halfway, halfway.nextUp, 1e300, 1e-300]
        #expect(
            Tensor(numbers, shape: [4]).converted(to: .float32).scalars(as: Float.self)
                == [1, Float(1).nextUp, .infinity, 0])
    }

    @Test func bfloat16RoundsToNearestEven() {
        let cases: [(Float, UInt16)] = [
            (1, 0x3F80), (-2, 0xC000), (0, 0), (-0.0, 0x8000), (.infinity, 0x7F80), (-.infinity, 0xFF80),
            // Half-way between two neighbours: to the even one, down and up.
            (Float(bitPattern: 0x3F80_8000), 0x3F80), (Float(bitPattern: 0x3F81_8000), 0x3F82),
            // Just off half-way.
            (Float(bitPattern: 0x3F80_8001), 0x3F81), (Float(bitPattern: 0x3F81_7FFF), 0x3F81),
            // Carries into the exponent, and to infinity.
            (Float(bitPattern: 0x3FFF_FFFF), 0x4000), (.greatestFiniteMagnitude, 0x7F80),
        ]
        for (number, pattern) in cases { #expect(number.bfloat16BitPattern == pattern, "\(number)") }
        #expect(Float(bitPattern: UInt32(Float.nan.bfloat16BitPattern) << 16).isNaN)
        // A NaN whose payload lies in the low bits only must not become infinity.
        #expect(Float(bitPattern: UInt32(Float(bitPattern: 0x7F80_0001).bfloat16BitPattern) << 16).isNaN)
    }

    @Test func bfloat16IsNearestOfAllForRandomNumbers() {
        let stream = RandomSource(seed: 1).stream(.other(0))
        for index in 0..<2000 {
            let number = Float(stream.normal(at: index))
            let rounded = Float(bitPattern: UInt32(number.bfloat16BitPattern) << 16)
            for neighbour in [UInt32(number.bfloat16BitPattern) &- 1, UInt32(number.bfloat16BitPattern) &+ 1]
            {
                let other = Float(bitPattern: neighbour << 16)
                #expect(abs(rounded - number) <= abs(other - number))
            }
        }
    }
}
