#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Bytes with random access: a file, or memory that stands for one.
///
/// A file is read, never mapped: a mapped file that another process cuts short kills the reader.
package struct ByteSource: Sendable {
    private enum Storage: Sendable {
        case memory([UInt8])
        case file(OpenFile)
    }

    /// The path, or the name given to the bytes.
    package let name: String
    /// The number of bytes.
    package let count: Int
    private let storage: Storage

    /// The bytes in memory, called `name` in errors.
    package init(_ bytes: [UInt8], name: String) {
        self.name = name
        count = bytes.count
        storage = .memory(bytes)
    }

    /// The regular file at `path`, kept open as long as this value lives.
    package init(contentsOf path: String) throws(FormatError) {
        let file = try OpenFile(path: path)
        name = path
        count = file.count
        storage = .file(file)
    }

    /// Fills `destination` with the bytes from `offset` on.
    package func read(into destination: UnsafeMutableRawBufferPointer, at offset: Int) throws(FormatError) {
        guard offset >= 0, destination.count <= count, offset <= count - destination.count else {
            throw cutShort(expected: "\(destination.count) bytes from byte \(offset) on")
        }
        switch storage {
        case .memory(let bytes):
            bytes.withUnsafeBytes { source in
                destination.copyMemory(
                    from: UnsafeRawBufferPointer(rebasing: source[offset..<offset + destination.count]))
            }
        case .file(let file):
            try file.read(into: destination, at: offset)
        }
    }

    /// The bytes of `range`.
    package func bytes(in range: Range<Int>) throws(FormatError) -> [UInt8] {
        guard range.lowerBound >= 0, range.upperBound <= count else {
            throw cutShort(expected: "\(range.count) bytes from byte \(range.lowerBound) on")
        }
        if case .memory(let bytes) = storage, range == 0..<count { return bytes }
        var failure: FormatError?
        let bytes = [UInt8](unsafeUninitializedCapacity: range.count) { buffer, filled in
            do throws(FormatError) {
                let target = UnsafeMutableRawBufferPointer(start: buffer.baseAddress, count: range.count)
                if range.count > 0 { try read(into: target, at: range.lowerBound) }
                filled = range.count
            } catch { failure = error }
        }
        if let failure { throw failure }
        return bytes
    }

    /// The error that the bytes end before what `expected` says.
    package func cutShort(expected: String) -> FormatError {
        FormatError(
            source: name, offset: count, received: "the file ends here", expected: expected,
            remedy: "the file is damaged or cut short: fetch or write it again")
    }
}

/// A whole file as bytes.
public enum FileContents {
    /// Reads the regular file at `path`.
    ///
    /// - Throws: `FormatError` where the file is missing, is a directory, may not be read, or is larger than `limit`
    ///   bytes.
    public static func read(_ path: String, limit: Int = 1 << 34) throws(FormatError) -> [UInt8] {
        let source = try ByteSource(contentsOf: path)
        guard source.count <= limit else {
            throw FormatError(
                source: path, received: "the file holds \(source.count) bytes", expected: "at most \(limit)")
        }
        return try source.bytes(in: 0..<source.count)
    }
}

/// A file descriptor that closes itself.
private final class OpenFile: Sendable {
    private let descriptor: CInt
    private let path: String
    let count: Int

    init(path: String) throws(FormatError) {
        // Not blocking, so that a pipe nobody writes to is refused below rather than waited for.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            throw .system(errno, path: path, "open the file", writing: false)
        }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            let code = errno
            close(descriptor)
            throw .system(code, path: path, "examine the file", writing: false)
        }
        guard status.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            let isFolder = status.st_mode & S_IFMT == S_IFDIR
            throw FormatError(
                .missingInput, source: path,
                received: isFolder ? "this is a directory" : "this is not a regular file",
                expected: "a file")
        }
        self.descriptor = descriptor
        self.path = path
        count = Int(status.st_size)
    }

    deinit { close(descriptor) }

    func read(into destination: UnsafeMutableRawBufferPointer, at offset: Int) throws(FormatError) {
        var done = 0
        while done < destination.count {
            let length = min(destination.count - done, 1 << 30)
            let result = pread(descriptor, destination.baseAddress! + done, length, off_t(offset + done))
            if result < 0 {
                if errno == EINTR { continue }
                throw .system(errno, path: path, "read the file", writing: false, offset: offset + done)
            }
            guard result > 0 else {
                throw FormatError(
                    source: path, offset: offset + done,
                    received: "the file ends here while it is being read",
                    expected: "\(destination.count - done) more bytes",
                    remedy: "let no other program write it meanwhile")
            }
            done += result
        }
    }
}
