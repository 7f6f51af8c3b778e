import FoveaTensor

/// A file of named tensors with a dictionary of texts beside them.
///
/// Opening a file reads and checks its header only; each tensor is read, straight into its own memory, when asked for.
/// A tensor stores `F16` and `BF16` as `float32`, `BOOL` as `uint8`, and all integers but `U8` as `int32`, range-checked.
///
/// The checks are the reference implementation's: a header of at most 100 MB, no key twice, and tensors that fill the
/// rest of the file without hole or overlap, each as long as its shape says.
///
/// Source: github.com/huggingface/safetensors, "Format". Unknown keys in a tensor's entry are refused here.
public struct SafeTensors: Sendable {
    /// What the header says of one tensor.
    public struct Entry: Hashable, Sendable {
        /// The key.
        public let name: String
        /// The extents.
        public let shape: Shape
        /// The element type as the file writes it, such as `F32`.
        public let fileType: String
        let type: ElementType
        let offset: Int

        /// The type that the tensor will have once read.
        public var dtype: DType { type.dtype }
    }

    /// The tensors, in the order of their places in the file.
    public let entries: [Entry]
    /// The texts under `__metadata__`.
    public let metadata: [String: String]
    private let source: ByteSource
    private let positions: [String: Int]

    /// Opens the file at `path`.
    ///
    /// - Throws: `FormatError` where the file is missing or not of this format.
    public init(contentsOf path: String) throws(FormatError) {
        try self.init(ByteSource(contentsOf: path))
    }

    /// Opens a file that lies in memory, called `name` in errors; throws as ``init(contentsOf:)``.
    public init(_ bytes: [UInt8], name: String = "safetensors data") throws(FormatError) {
        try self.init(ByteSource(bytes, name: name))
    }

    private init(_ source: ByteSource) throws(FormatError) {
        let header = try SafeTensorsHeader(source)
        entries = header.entries
        metadata = header.metadata
        self.source = source
        // The header has no key twice.
        positions = Dictionary(uniqueKeysWithValues: header.entries.enumerated().map { ($1.name, $0) })
    }

    /// What the header says of the tensor called `name`; `nil` where there is none.
    public func entry(named name: String) -> Entry? { positions[name].map { entries[$0] } }

    /// Reads the tensor called `name`; `nil` where there is none.
    ///
    /// - Throws: `FormatError` where the file changed meanwhile, cannot be read, or holds an integer beyond 32 bits.
    public func tensor(named name: String) throws(FormatError) -> Tensor? {
        guard let position = positions[name] else { return nil }
        return try tensor(entries[position])
    }

    /// Reads every tensor, in the order of the file; throws as ``tensor(named:)``.
    public func tensors() throws(FormatError) -> [(name: String, tensor: Tensor)] {
        var result: [(name: String, tensor: Tensor)] = []
        result.reserveCapacity(entries.count)
        for entry in entries { result.append((entry.name, try tensor(entry))) }
        return result
    }

    private func tensor(_ entry: Entry) throws(FormatError) -> Tensor {
        do throws(FormatError) {
            return try source.tensor(shape: entry.shape, type: entry.type, at: entry.offset)
        } catch {
            var error = error
            error.received = "tensor '\(entry.name)': \(error.received)"
            throw error
        }
    }
}

extension SafeTensors {
    /// The file that holds `tensors` and `metadata`.
    ///
    /// The same arguments give the same bytes: tensors stay in the given order, save that wider elements come before
    /// narrower ones so that each is aligned; the keys of `metadata` are sorted; blanks bring the header to a multiple
    /// of 8 bytes.
    ///
    /// - Throws: `FormatError` of kind `badData` where a name is used twice, is empty or is `__metadata__`.
    public static func data(
        for tensors: [(name: String, tensor: Tensor)], metadata: [String: String] = [:]
    ) throws(FormatError) -> [UInt8] {
        let ordered = aligned(tensors)
        var bytes = try SafeTensorsHeader.data(for: ordered, metadata: metadata, source: "safetensors data")
        bytes.reserveCapacity(bytes.count + ordered.reduce(0) { $0 + $1.tensor.byteCount })
        for (_, tensor) in ordered { tensor.withUnsafeBytes { bytes.append(contentsOf: $0) } }
        return bytes
    }

    /// Writes `tensors` and `metadata` as the file at `path`, whole or not at all; see ``data(for:metadata:)``.
    public static func write(
        _ tensors: [(name: String, tensor: Tensor)], metadata: [String: String] = [:], to path: String
    ) throws(FormatError) {
        let ordered = aligned(tensors)
        let header = try SafeTensorsHeader.data(for: ordered, metadata: metadata, source: path)
        try AtomicFile.write(to: path) { (file) throws(FormatError) in
            try file.append(header)
            for (_, tensor) in ordered {
                try tensor.withUnsafeBytes { (bytes) throws(FormatError) in try file.append(bytes) }
            }
        }
    }

    private static func aligned(_ tensors: [(name: String, tensor: Tensor)]) -> [(
        name: String, tensor: Tensor
    )] {
        [8, 4, 2, 1].flatMap { size in tensors.filter { $0.tensor.dtype.size == size } }
    }
}
