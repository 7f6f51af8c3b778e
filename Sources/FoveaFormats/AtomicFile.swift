#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A file that is either written whole or not at all.
///
/// The bytes go to a temporary file in the same folder, which is synced, renamed over the target, and made durable by
/// syncing the folder. Whatever fails, the temporary file is removed and what was there before is untouched. An
/// existing file's permissions are kept, a symbolic link stays and its target is replaced. A device or a pipe, such as
/// `/dev/stdout`, is written in place.
public struct AtomicFile: ~Copyable {
    private let path: String
    private let descriptor: CInt
    private var offset = 0

    private init(path: String, descriptor: CInt) {
        self.path = path
        self.descriptor = descriptor
    }

    /// Writes `bytes` as the file at `path`.
    ///
    /// - Throws: `FormatError` of kind `cannotWrite` where the folder is missing or may not be written, and of kind
    ///   `inputOutput` where there is no space left or the device fails; the text names the path and the cause.
    public static func write(_ bytes: [UInt8], to path: String) throws(FormatError) {
        try write(to: path) { (file) throws(FormatError) in try file.append(bytes) }
    }

    /// Writes `text`, in UTF-8, as the file at `path`; throws as the writing of bytes does.
    public static func write(_ text: String, to path: String) throws(FormatError) {
        try write(Array(text.utf8), to: path)
    }

    /// Writes what `body` appends as the file at `path`.
    ///
    /// An error of `body` leaves what was there before.
    public static func write(
        to path: String, _ body: (inout AtomicFile) throws(FormatError) -> Void
    ) throws(FormatError) {
        var status = stat()
        guard stat(path, &status) == 0 else { return try replace(path, mode: nil, body) }
        switch status.st_mode & S_IFMT {
        case S_IFREG:
            guard let resolved = realpath(path, nil) else {
                throw .system(errno, path: path, "resolve the path", writing: true)
            }
            defer { free(resolved) }
            try replace(String(cString: resolved), mode: status.st_mode & 0o7777, body)
        case S_IFDIR:
            throw FormatError(
                .cannotWrite, source: path, received: "this is a directory", expected: "the name of a file")
        default:
            let descriptor = open(path, O_WRONLY | O_CLOEXEC)
            guard descriptor >= 0 else { throw .system(errno, path: path, "open the file", writing: true) }
            defer { close(descriptor) }
            var file = AtomicFile(path: path, descriptor: descriptor)
            try body(&file)
        }
    }

    /// Appends `bytes`.
    public mutating func append(_ bytes: UnsafeRawBufferPointer) throws(FormatError) {
        var done = 0
        while done < bytes.count {
            let result = systemWrite(descriptor, bytes.baseAddress! + done, min(bytes.count - done, 1 << 30))
            if result < 0 {
                if errno == EINTR { continue }
                throw .system(errno, path: path, "write the file", writing: true, offset: offset)
            }
            done += result
            offset += result
        }
    }

    /// Appends `bytes`.
    public mutating func append(_ bytes: [UInt8]) throws(FormatError) {
        let result = bytes.withUnsafeBytes { buffer -> FormatError? in
            do throws(FormatError) { try append(buffer) } catch { return error }
            return nil
        }
        if let result { throw result }
    }

    private static func replace(
        _ path: String, mode: mode_t?, _ body: (inout AtomicFile) throws(FormatError) -> Void
    ) throws(FormatError) {
        let cut = path.utf8.lastIndex(of: UInt8(ascii: "/"))
        let folder = cut.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        let name = cut.map { String(path[path.utf8.index(after: $0)...]) } ?? path
        guard !name.isEmpty else {
            throw FormatError(
                .cannotWrite, source: path,
                received: path.isEmpty ? "the path is empty" : "the path ends in '/'",
                expected: "the name of a file")
        }
        let (temporary, descriptor) = try create(in: folder, for: name, path: path)
        var isRenamed = false
        var isOpen = true
        defer {
            if isOpen { close(descriptor) }
            if !isRenamed { unlink(temporary) }
        }
        var file = AtomicFile(path: path, descriptor: descriptor)
        try body(&file)
        if let mode, fchmod(descriptor, mode) != 0 {
            throw .system(errno, path: path, "set the file's permissions", writing: true)
        }
        guard fsync(descriptor) == 0 else { throw .system(errno, path: path, "sync the file", writing: true) }
        isOpen = false
        guard close(descriptor) == 0 else {
            throw .system(errno, path: path, "close the file", writing: true)
        }
        guard rename(temporary, path) == 0 else {
            throw .system(errno, path: path, "put the file in its place", writing: true)
        }
        isRenamed = true
        try sync(folder, path: path)
    }

    private static func sync(_ folder: String, path: String) throws(FormatError) {
        let descriptor = open(folder, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        // Some file systems cannot sync a folder; the file is then as durable as they make it.
        guard fsync(descriptor) == 0 || errno == EINVAL || errno == ENOTSUP else {
            throw .system(errno, path: path, "sync the folder", writing: true)
        }
    }

    /// Creates a file of a name that nothing in the folder has.
    private static func create(
        in folder: String, for name: String, path: String
    ) throws(FormatError) -> (path: String, descriptor: CInt) {
        // Long names are cut, so that the temporary name stays within the file system's limit.
        let stem = String(name.prefix(40))
        for _ in 0..<100 {
            let mark = String(UInt32.random(in: .min ... .max), radix: 36)
            let temporary = "\(folder)/.\(stem).\(getpid())-\(mark).tmp"
            let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
            if descriptor >= 0 { return (temporary, descriptor) }
            if errno != EEXIST { throw .system(errno, path: path, "create the file", writing: true) }
        }
        throw .system(EEXIST, path: path, "create the file", writing: true)
    }
}

/// `write(2)`, which the methods of the same name hide.
private func systemWrite(_ descriptor: CInt, _ bytes: UnsafeRawPointer, _ count: Int) -> Int {
    write(descriptor, bytes, count)
}
