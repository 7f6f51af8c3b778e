import CZlib
import FoveaFormats

/// A gzip member (RFC 1952) being decompressed piece by piece, each into memory whose size the caller chose.
///
/// So a small file that would expand to terabytes never gets more memory than its content was checked to need.
struct Inflater: ~Copyable {
    /// No deflate stream expands more than this (RFC 1951: 258 bytes for 2 bits, roughly).
    static let maximumRatio = 1032

    private var stream: UnsafeMutablePointer<z_stream>
    private var rest: UnsafeRawBufferPointer
    private var hasEnded = false
    private let name: String
    private let inputCount: Int

    /// Whether `bytes` begin as gzip does.
    static func recognizes(_ bytes: [UInt8]) -> Bool { bytes.starts(with: [0x1F, 0x8B]) }

    /// A decompressor of `bytes`, which must outlive it; `name` is the file's in errors.
    init(_ bytes: UnsafeRawBufferPointer, name: String) throws(FormatError) {
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        rest = bytes
        inputCount = bytes.count
        self.name = name
        // 15 bits of window, and 16 for the gzip wrapper with its checksum.
        guard inflateInit2_(stream, 15 + 16, ZLIB_VERSION, CInt(MemoryLayout<z_stream>.size)) == Z_OK else {
            throw FormatError(.inputOutput, source: name, received: "zlib \(ZLIB_VERSION) does not start")
        }
    }

    deinit {
        inflateEnd(stream)
        stream.deallocate()
    }

    /// Fills `destination` with the next bytes of the content.
    mutating func read(into destination: UnsafeMutableRawBufferPointer) throws(FormatError) {
        let produced = try advance(into: destination)
        guard produced == destination.count else {
            throw FormatError(
                source: name, offset: position, received: "the compressed content ends",
                expected: "\(destination.count - produced) more bytes",
                remedy: "fetch or write the file again")
        }
    }

    /// Checks that the content ends here, that its checksum and length are right, and that nothing follows.
    mutating func finish() throws(FormatError) {
        var excess: UInt8 = 0
        let produced = try withUnsafeMutableBytes(of: &excess) { (byte) throws(FormatError) in
            try advance(into: byte)
        }
        guard produced == 0 else {
            throw FormatError(
                source: name, offset: position, received: "the compressed content goes on",
                expected: "no more than its header announces", remedy: "fetch or write the file again")
        }
        guard position == inputCount else {
            throw FormatError(
                source: name, offset: position,
                received: "\(inputCount - position) bytes follow the compressed content",
                expected: "the end of the file", remedy: "fetch or write the file again")
        }
    }

    private var position: Int { inputCount - rest.count - Int(stream.pointee.avail_in) }

    /// Decompresses until `destination` is full or the content ends, and gives the number of bytes written.
    private mutating func advance(into destination: UnsafeMutableRawBufferPointer) throws(FormatError) -> Int
    {
        var done = 0
        while done < destination.count, !hasEnded {
            if stream.pointee.avail_in == 0, !rest.isEmpty {
                let piece = min(rest.count, 1 << 30)
                // zlib does not write through this pointer.
                stream.pointee.next_in = UnsafeMutablePointer(
                    mutating: rest.baseAddress!.assumingMemoryBound(to: UInt8.self))
                stream.pointee.avail_in = UInt32(piece)
                rest = UnsafeRawBufferPointer(rebasing: rest[piece...])
            }
            let room = min(destination.count - done, 1 << 30)
            stream.pointee.next_out = destination.baseAddress!.assumingMemoryBound(to: UInt8.self) + done
            stream.pointee.avail_out = UInt32(room)
            let status = inflate(stream, Z_NO_FLUSH)
            done += room - Int(stream.pointee.avail_out)
            switch status {
            case Z_OK: continue
            case Z_STREAM_END: hasEnded = true
            case Z_BUF_ERROR where rest.isEmpty && stream.pointee.avail_in == 0:
                throw FormatError(
                    source: name, offset: inputCount, received: "the file ends within its compressed content",
                    remedy: "the file is cut short: fetch or write it again")
            default:
                let reason = stream.pointee.msg.map { String(cString: $0) } ?? "zlib's status \(status)"
                throw FormatError(
                    source: name, offset: position, received: "the compressed content is damaged (\(reason))",
                    remedy: "fetch or write the file again")
            }
        }
        return done
    }
}
