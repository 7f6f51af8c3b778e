import FoveaData
import FoveaFormats
import FoveaTensor
import Testing

@Suite struct IDXTests {
    @Test(arguments: [DType.uint8, .int32, .float32, .float64]) func roundTrip(dtype: DType) throws {
        for shape: Shape in [[0], [7], [3, 2], [2, 3, 4]] {
            let tensor = Tensor((0..<shape.count).map { Float($0) }, shape: shape).converted(to: dtype)
            #expect(try IDX.read(IDX.data(for: tensor)) == tensor)
            #expect(try IDX.read(gzip(IDX.data(for: tensor))) == tensor)
        }
    }

    @Test func knownBytes() throws {
        let bytes: [UInt8] = [0, 0, 0x0B, 2, 0, 0, 0, 1, 0, 0, 0, 2, 0xFF, 0xFE, 0x01, 0x00]
        #expect(try IDX.read(bytes) == Tensor([-2, 256] as [Int32], shape: [1, 2]))
        let signed: [UInt8] = [0, 0, 0x09, 1, 0, 0, 0, 1, 0x80]
        #expect(try IDX.read(signed) == Tensor([-128] as [Int32], shape: [1]))
    }

    @Test func damagedCompression() throws {
        let file = gzip(IDX.data(for: Tensor((0..<200).map { UInt8($0) }, shape: [200])))
        func message(_ bytes: [UInt8]) -> String {
            #expect(throws: FormatError.self) { try IDX.read(bytes) }?.description ?? ""
        }
        #expect(message(Array(file.dropLast())).contains("ends within its compressed content"))
        #expect(message(file + [0]).contains("1 bytes follow"))
        var wrong = file
        wrong[file.count - 6] ^= 1
        #expect(message(wrong).contains("incorrect data check"))
        wrong = file
        wrong[file.count - 1] ^= 1
        #expect(message(wrong).contains("incorrect length check"))
    }

    @Test func contentThatIsNotWhatTheHeaderSays() {
        func message(_ bytes: [UInt8]) -> String {
            #expect(throws: FormatError.self) { try IDX.read(bytes) }?.description ?? ""
        }
        let header: [UInt8] = [0, 0, 8, 1, 0, 0, 0, 4]
        #expect(message(gzip(header + [1, 2, 3])).contains("expected 1 more bytes"))
        #expect(message(gzip(header + [1, 2, 3, 4, 5])).contains("goes on"))
        #expect(message(header + [1, 2, 3, 4, 5]).contains("expected 4"))
        // 16 TB announced in a few bytes: refused before memory is taken.
        let bomb: [UInt8] = [0, 0, 8, 2, 0, 0x40, 0, 0, 0, 0x40, 0, 0]
        #expect(message(gzip(bomb)).contains("no more than gzip can hold"))
        #expect(message([0, 0, 8, 4] + [UInt8](repeating: 0xFF, count: 16)).contains("63 bits"))
        #expect(message([0, 0, 7, 1, 0, 0, 0, 0]).contains("not an IDX file"))
    }

    @Test func fuzzing() {
        let plain = IDX.data(for: Tensor((0..<60).map { UInt8($0 * 4) }, shape: [5, 3, 4]))
        #expect(fuzz(plain, seed: 4, bound: 4) { try IDX.read($0).byteCount } > 1000)
        // The damage to the content behind an intact compression, and to the compression itself.
        var stream = RandomSource(seed: 5).stream(.other(2))
        for _ in 0..<500 {
            if let tensor = try? IDX.read(gzip(stream.damage(plain))) { #expect(tensor.byteCount < 4000) }
        }
        #expect(fuzz(gzip(plain), seed: 6) { try IDX.read($0).byteCount } > 2000)
    }
}
