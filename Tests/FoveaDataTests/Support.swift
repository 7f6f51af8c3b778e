import CZlib
import FoveaTensor
import Foundation
import Testing

/// A folder of one test's own, removed with its content.
final class TemporaryFolder {
    let path: String

    init() throws {
        path =
            FileManager.default.temporaryDirectory.appendingPathComponent("fovea-" + UUID().uuidString).path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func file(_ name: String) -> String { path + "/" + name }

    func write(_ bytes: [UInt8], as name: String) throws {
        let url = URL(fileURLWithPath: file(name))
        try FileManager.default.createDirectory(
            at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(bytes).write(to: url)
    }

    var names: [String] { (try? FileManager.default.contentsOfDirectory(atPath: path).sorted()) ?? [] }
}

func gzip(_ bytes: [UInt8]) -> [UInt8] {
    var stream = z_stream()
    deflateInit2_(
        &stream, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION, CInt(MemoryLayout<z_stream>.size))
    defer { deflateEnd(&stream) }
    var input = bytes
    var output = [UInt8](repeating: 0, count: Int(deflateBound(&stream, UInt(bytes.count))) + 64)
    let count = input.withUnsafeMutableBufferPointer { input in
        output.withUnsafeMutableBufferPointer { output in
            stream.next_in = input.baseAddress
            stream.avail_in = UInt32(input.count)
            stream.next_out = output.baseAddress
            stream.avail_out = UInt32(output.count)
            #expect(deflate(&stream, Z_FINISH) == Z_STREAM_END)
            return output.count - Int(stream.avail_out)
        }
    }
    return Array(output[..<count])
}

/// The bytes of `integer`, least significant first.
func littleEndian(_ integer: UInt64, count: Int = 8) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: integer >> (8 * UInt64($0))) }
}

extension RandomStream {
    /// A copy of `bytes` that was damaged in one of many ways.
    mutating func damage(_ bytes: [UInt8]) -> [UInt8] {
        var bytes = bytes
        func place(_ stream: inout RandomStream) -> Int {
            // Half of the time near the start, where the lengths are.
            let bound = stream.next(below: 2) == 0 ? min(bytes.count, 64) : bytes.count
            return bound == 0 ? 0 : Int(stream.next(below: UInt64(bound)))
        }
        switch next(below: 9) {
        case 0: return Array(bytes.prefix(place(&self)))
        case 1:
            for _ in 0...next(below: 4) {
                let position = place(&self)
                bytes[position] ^= 1 << UInt8(next(below: 8))
            }
        case 2, 3:
            let hostile: [UInt64] = [
                0, .max, 1 << 31, 1 << 63, 1 << 32 - 1, 1 << 62, 0x7FFF_FFFF, 0x7FFF_FFFF_FFFF_FFFF, 1, 255,
                65535,
                UInt64(bytes.count), UInt64(bytes.count) + 1, 100_000_000, 1 << 40,
            ]
            let number = hostile[Int(next(below: UInt64(hostile.count)))]
            var field = littleEndian(number, count: 1 << Int(next(below: 4)))
            if next(below: 2) == 0 { field.reverse() }
            let position = place(&self)
            for (offset, byte) in field.enumerated() where position + offset < bytes.count {
                bytes[position + offset] = byte
            }
        case 4:
            bytes.insert(
                contentsOf: (0...next(below: 8)).map { _ in UInt8(next(below: 256)) }, at: place(&self))
        case 5:
            let start = place(&self)
            bytes.removeSubrange(start..<min(start + 1 + Int(next(below: 9)), bytes.count))
        case 6:
            let start = place(&self)
            let end = min(start + 1 + Int(next(below: 32)), bytes.count)
            bytes.insert(contentsOf: bytes[start..<end], at: place(&self))
        case 7:
            // A digit or a sign: what changes the meaning of a text header and keeps its form.
            let digits = Array("0123456789-,:[]{}\"'()".utf8)
            for _ in 0...next(below: 3) {
                bytes[place(&self)] = digits[Int(next(below: UInt64(digits.count)))]
            }
        default:
            let keep = Int(next(below: 16))
            let count = Int(next(below: 300))
            bytes = Array(bytes.prefix(keep)) + (0..<count).map { _ in UInt8(next(below: 256)) }
        }
        return bytes
    }
}

/// How many damaged copies of `file` the function `read` refused.
///
/// It is given every prefix, each of which it must refuse, and 2,500 copies damaged at random, each of which it must
/// refuse or read to no more than `bound` bytes of memory for each byte of the file.
func fuzz(
    _ file: [UInt8], seed: UInt64, bound: Int = 1100, read: ([UInt8]) throws -> Int
) -> Int {
    var refused = 0
    for count in 0..<file.count {
        do {
            _ = try read(Array(file[..<count]))
            Issue.record("the first \(count) of \(file.count) bytes were read")
        } catch { refused += 1 }
    }
    var stream = RandomSource(seed: seed).stream(.other(1))
    for _ in 0..<2500 {
        let damaged = stream.damage(file)
        do {
            let size = try read(damaged)
            #expect(size <= (damaged.count + 64) * bound)
        } catch {
            refused += 1
            #expect(!"\(error)".isEmpty && !"\(error)".contains("\n"))
        }
    }
    return refused
}
