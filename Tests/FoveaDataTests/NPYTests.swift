import FoveaFormats
import FoveaTensor
import Testing

@Suite struct NPYTests {
    func file(_ header: String, _ elements: [UInt8], version: UInt8 = 1) -> [UInt8] {
        let text = Array((header + "\n").utf8)
        let length = littleEndian(UInt64(text.count), count: version == 1 ? 2 : 4)
        return [0x93] + Array("NUMPY".utf8) + [version, 0] + length + text + elements
    }

    @Test(arguments: DType.allCases) func roundTrip(dtype: DType) throws {
        for shape: Shape in [[], [0], [1], [5], [2, 3], [3, 0, 2], [2, 1, 3, 4]] {
            let values = (0..<shape.count).map { Float($0 * 3 % 7) }
            let tensor = Tensor(values, shape: shape).converted(to: dtype)
            let read = try NPY.read(NPY.data(for: tensor))
            #expect(read == (dtype == .bfloat16 ? tensor.converted(to: .float32) : tensor))
            #expect(NPY.data(for: tensor).count % 64 == tensor.byteCount * (dtype == .bfloat16 ? 2 : 1) % 64)
        }
    }

    @Test func versionsOrdersAndEndianness() throws {
        let little = littleEndian(1, count: 4) + littleEndian(2, count: 4) + littleEndian(3, count: 4)
        let four = littleEndian(4, count: 4)
        let header = "{'descr': '<i4', 'fortran_order': False, 'shape': (2, 2), }"
        for version: UInt8 in 1...3 {
            let tensor = try NPY.read(file(header, little + four, version: version))
            #expect(tensor == Tensor([1, 2, 3, 4] as [Int32], shape: [2, 2]))
        }
        let fortran = try NPY.read(
            file("{\"shape\": (2, 2), 'fortran_order': True, 'descr': '<i4'}", little + four))
        #expect(fortran == Tensor([1, 3, 2, 4] as [Int32], shape: [2, 2]))
        let big = try NPY.read(
            file("{'descr': '>i8', 'fortran_order': False, 'shape': (1L,)}", littleEndian(9).reversed()))
        #expect(big == Tensor([9] as [Int32], shape: [1]))
        let half = try NPY.read(
            file("{'descr': '<f2', 'fortran_order': False, 'shape': (3,)}", [0, 0x3C, 1, 0, 0, 0xFC]))
        #expect(half == Tensor([1, 0x1p-24, -.infinity] as [Float], shape: [3]))
    }

    @Test func fortranOrderOfThreeAxes() throws {
        // x[i, j, k] = 100 i + 10 j + k, the first index fastest.
        let shape: Shape = [2, 3, 4]
        var elements: [UInt8] = []
        for k in 0..<4 { for j in 0..<3 { for i in 0..<2 { elements.append(UInt8(100 * i + 10 * j + k)) } } }
        let tensor = try NPY.read(
            file("{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3, 4)}", elements))
        let expected = (0..<24).map { index -> UInt8 in
            let (i, j, k) = (index / 12, index / 4 % 3, index % 4)
            return UInt8(100 * i + 10 * j + k)
        }
        #expect(tensor == Tensor(expected, shape: shape))
    }

    @Test(arguments: [
        ("{'descr': '<i8', 'fortran_order': False, 'shape': (1,)}", "the integer 2147483648"),
        ("{'descr': '<c8', 'fortran_order': False, 'shape': (1,)}", "elements of type '<c8'"),
        ("{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (1,)}", "elements of type '[...]'"),
        ("{'descr': '<f8', 'fortran_order': False, 'shape': (2,)}", "8 bytes of elements; expected 16"),
        ("{'descr': '<f8', 'fortran_order': False}", "a header with the keys"),
        ("{'descr': '<f8', 'descr': '<f8', 'shape': (1,)}", "twice"),
        ("{'descr': '<f8', 'fortran_order': False, 'shape': (1,)} x", "expected nothing more"),
        ("{'descr': '<f8', 'fortran_order': 0, 'shape': (1,)}", "expected True or False"),
        ("{'descr': '<f8', 'fortran_order': False, 'shape': (-1,)}", "'-'; expected a whole number"),
        ("{'descr': '<f8', 'fortran_order': False, 'shape': (9223372036854775808,)}", "63 bits"),
        ("{'descr': '<f8', 'fortran_order': False, 'shape': (0, 4611686018427387904, 4)}", "63 bits"),
        ("__import__('os')", "'_'; expected '{'"),
    ])
    func badHeaders(header: String, message: String) {
        let error = #expect(throws: FormatError.self) {
            try NPY.read(file(header, littleEndian(1 << 31)), name: "x.npy")
        }
        #expect(error?.kind == .badData)
        #expect(error?.description.hasPrefix("x.npy: byte ") == true)
        #expect(error?.description.contains(message) == true, "\(error?.description ?? "")")
    }

    @Test func fuzzing() {
        let tensor = Tensor((0..<24).map { Float($0) }, shape: [2, 3, 4])
        #expect(fuzz(NPY.data(for: tensor), seed: 1, bound: 4) { try NPY.read($0).byteCount } > 1500)
        let labels = file(
            "{'descr': '<i8', 'fortran_order': True, 'shape': (2, 2)}", (0..<4).flatMap { littleEndian($0) })
        #expect(fuzz(labels, seed: 2, bound: 4) { try NPY.read($0).byteCount } > 1500)
    }
}
