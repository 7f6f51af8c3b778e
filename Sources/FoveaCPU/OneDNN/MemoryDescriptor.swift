import COneDNN
import FoveaGraph
import FoveaTensor

/// How a tensor lies in memory: extents, element type, and the order or blocking of the elements.
final class MemoryDescriptor: @unchecked Sendable, Equatable {
    let handle: dnnl_memory_desc_t
    let dimensions: [Int]
    /// The type of the elements.
    let dtype: DType
    /// The size in bytes, with the padding of blocked layouts; of a part, what it would be alone.
    let byteCount: Int

    private init(owning handle: dnnl_memory_desc_t, byteCount: Int? = nil) {
        self.handle = handle
        var rank: Int32 = 0
        dnnl_memory_desc_query(handle, dnnl_query_ndims_s32, &rank)
        var extents: UnsafePointer<dnnl_dim_t>?
        dnnl_memory_desc_query(handle, dnnl_query_dims, &extents)
        dimensions = (0..<Int(rank)).map { Int(extents![$0]) }
        self.byteCount = byteCount ?? dnnl_memory_desc_get_size(handle)
        var type = dnnl_f32
        dnnl_memory_desc_query(handle, dnnl_query_data_type, &type)
        dtype =
            switch type {
            case dnnl_bf16: .bfloat16
            case dnnl_u8: .uint8
            default: .float32
            }
    }

    deinit { dnnl_memory_desc_destroy(handle) }

    /// A copy of a descriptor that somebody else owns.
    convenience init(copying other: const_dnnl_memory_desc_t) {
        var handle: dnnl_memory_desc_t?
        dnnl_memory_desc_clone(&handle, other)
        self.init(owning: handle!)
    }

    /// Dense elements at the given distances.
    convenience init(_ dimensions: [Int], strides: [Int], _ dtype: DType = .float32) {
        var handle: dnnl_memory_desc_t?
        let status = dnnl_memory_desc_create_with_strides(
            &handle, Int32(dimensions.count), dimensions.map(Int64.init), dtype.oneDNN,
            strides.map(Int64.init))
        precondition(status == dnnl_success, "no memory descriptor of \(dimensions)")
        self.init(owning: handle!)
    }

    /// Dense elements in row-major order, a scalar being a vector of one element.
    static func plain(_ dimensions: [Int], _ dtype: DType = .float32) -> MemoryDescriptor {
        let dimensions = dimensions.isEmpty ? [1] : dimensions
        return MemoryDescriptor(dimensions, strides: Shape(dimensions).strides, dtype)
    }

    /// Dense images `[N, C, H, W]` with the channels of a pixel side by side.
    static func channelsLast(_ dimensions: [Int], _ dtype: DType = .float32) -> MemoryDescriptor {
        let (c, h, w) = (dimensions[1], dimensions[2], dimensions[3])
        return MemoryDescriptor(dimensions, strides: [h * w * c, 1, w * c, c], dtype)
    }

    /// The samples of a block of the batch where the samples lie side by side: a line of the cache holds a number of each.
    private static let batchBlock = 16

    /// Dense images `[N, C, H, W]` with the samples side by side of a block of 16, `[N / 16, C, H, W, 16]`, or, where blocks do not
    /// come out even, of the whole batch, `[C, H, W, N]`.
    static func batchInnermost(_ dimensions: [Int], _ dtype: DType = .float32) -> MemoryDescriptor {
        let (n, h, w) = (dimensions[0], dimensions[2], dimensions[3])
        if n % batchBlock == 0 { return tagged(dimensions, dnnl_Abcd16a, dtype) }
        return MemoryDescriptor(dimensions, strides: [1, h * w * n, w * n, n], dtype)
    }

    /// A matrix with the elements of a column side by side.
    static func columns(_ dimensions: [Int]) -> MemoryDescriptor {
        MemoryDescriptor(dimensions, strides: [1, dimensions[0]])
    }

    /// Dense images `[N, C, H, W]` with 8 or 16 channels of a pixel side by side, padded to whole blocks.
    static func blocked(_ dimensions: [Int], channels: Int, _ dtype: DType = .float32) -> MemoryDescriptor {
        tagged(dimensions, channels == 16 ? dnnl_aBcd16b : dnnl_aBcd8b, dtype)
    }

    /// Weights `[O, I, H, W]` in blocks of 8 or 16 filters: `[O / filters, H, W, I, filters]`.
    static func blockedWeights(_ dimensions: [Int], filters: Int) -> MemoryDescriptor {
        tagged(dimensions, filters == 16 ? dnnl_Acdb16a : dnnl_Acdb8a, .float32)
    }

    /// Weights `[O, I, H, W]` in bfloat16, panels of 64 filters with pairs of channels side by side:
    /// `[O / 64, H, W, I / 2, 64, 2]`, padded.
    static func panels(_ dimensions: [Int]) -> MemoryDescriptor {
        tagged(dimensions, dnnl_AcdB64a2b, .bfloat16)
    }

    /// The same with filters and channels exchanged.
    static func transposedPanels(_ dimensions: [Int]) -> MemoryDescriptor {
        tagged(dimensions, dnnl_BcdA64b2a, .bfloat16)
    }

    /// The same memory with the first two axes exchanged.
    var withFirstAxesExchanged: MemoryDescriptor {
        var handle: dnnl_memory_desc_t?
        let axes = [1, 0] + (2..<Int32(dimensions.count))
        let status = dnnl_memory_desc_permute_axes(&handle, self.handle, axes)
        precondition(status == dnnl_success, "no exchanged axes of \(dimensions)")
        return MemoryDescriptor(owning: handle!)
    }

    /// Elements in whatever order a primitive likes best.
    static func any(_ dimensions: [Int], _ dtype: DType = .float32) -> MemoryDescriptor {
        tagged(dimensions, dnnl_format_tag_any, dtype)
    }

    /// Elements of another type in the same order, or in row-major order where that has blocks without a name here.
    func storing(_ dtype: DType) -> MemoryDescriptor {
        dtype == self.dtype ? self : sameOrder(dimensions, dtype) ?? .plain(dimensions, dtype)
    }

    /// How the part of extents `dimensions` that begins at `offsets` lies in the memory of the whole, and how it lies in
    /// memory of its own in the same order; `nil` where the order has none or the part cuts a block.
    ///
    /// Parts of a part are made with the layout `order` that the whole part has alone.
    func part(
        _ dimensions: [Int], at offsets: [Int], order: MemoryDescriptor? = nil
    ) -> (part: MemoryDescriptor, alone: MemoryDescriptor)? {
        var handle: dnnl_memory_desc_t?
        guard let alone = (order ?? self).sameOrder(dimensions, dtype),
            dnnl_memory_desc_create_submemory(
                &handle, self.handle, dimensions.map(Int64.init), offsets.map(Int64.init)) == dnnl_success
        else { return nil }
        return (MemoryDescriptor(owning: handle!, byteCount: alone.byteCount), alone)
    }

    /// The layout of other extents with the axes in the same order and in blocks of the same size.
    func sameOrder(_ extents: [Int], _ dtype: DType) -> MemoryDescriptor? {
        if isPlain { return .plain(extents, dtype) }
        guard dimensions.count == 4 else { return nil }
        if self == .channelsLast(dimensions, self.dtype) { return .channelsLast(extents, dtype) }
        if isBatchInnermost { return .batchInnermost(extents, dtype) }
        for (tag, _) in Self.channelBlocks where self == .tagged(dimensions, tag, self.dtype) {
            return .tagged(extents, tag, dtype)
        }
        return nil
    }

    private static let channelBlocks = [(dnnl_aBcd8b, 8), (dnnl_aBcd16b, 16)]

    /// The number of channels in a block of an image whose blocks hold the pixels of a few channels of a sample.
    var channelBlock: Int? {
        guard dimensions.count == 4, !isPlain else { return nil }
        return Self.channelBlocks.first { self == .tagged(dimensions, $0.0, dtype) }?.1
    }

    private static func tagged(
        _ dimensions: [Int], _ tag: dnnl_format_tag_t, _ dtype: DType
    ) -> MemoryDescriptor {
        var handle: dnnl_memory_desc_t?
        let status = dnnl_memory_desc_create_with_tag(
            &handle, Int32(dimensions.count), dimensions.map(Int64.init), dtype.oneDNN, tag)
        precondition(status == dnnl_success, "no memory descriptor of \(dimensions)")
        return MemoryDescriptor(owning: handle!)
    }

    /// Whether the elements are in row-major order without gaps.
    var isPlain: Bool { self == .plain(dimensions, dtype) }

    /// Whether this is an image with the samples of a batch side by side.
    var isBatchInnermost: Bool {
        dimensions.count == 4 && !isPlain && self == .batchInnermost(dimensions, dtype)
    }

    /// The blocks that an image with the samples side by side is in.
    var batchBlocks: Int { dimensions[0] % Self.batchBlock == 0 ? dimensions[0] / Self.batchBlock : 1 }

    /// Whether this is a matrix of float32 with the elements of a column side by side, and not a row or column.
    var isColumns: Bool { dimensions.count == 2 && !isPlain && self == .columns(dimensions) }

    /// The matrices, one for each block of the batch, whose transposition brings plain float32 samples to `other`, which has those of
    /// a block side by side, or back; or the one that does so with columns.
    func transposedMatrix(in other: MemoryDescriptor) -> (blocks: Int, rows: Int, columns: Int)? {
        guard dtype == .float32, other.dtype == .float32, dimensions == other.dimensions else { return nil }
        func isSideBySide(_ layout: MemoryDescriptor) -> Bool { layout.isBatchInnermost || layout.isColumns }
        let blocks = isColumns || other.isColumns ? 1 : batchBlocks
        let (batch, size) = (dimensions[0] / blocks, dimensions.dropFirst().reduce(1, *))
        if isPlain && isSideBySide(other) { return (blocks, batch, size) }
        if isSideBySide(self) && other.isPlain { return (blocks, size, batch) }
        return nil
    }

    /// How far in the memory the first element lies, in elements: not at the start for a part.
    var offset: Int {
        var offset: dnnl_dim_t = 0
        dnnl_memory_desc_query(handle, dnnl_query_submemory_offset_s64, &offset)
        return Int(offset)
    }

    /// How far apart elements, or blocks, lie along each axis.
    var strides: [Int] {
        var strides: UnsafePointer<dnnl_dim_t>?
        dnnl_memory_desc_query(handle, dnnl_query_strides, &strides)
        return dimensions.indices.map { Int(strides![$0]) }
    }

    /// Whether there are no gaps: the bytes are those of the elements alone.
    var isGapless: Bool { byteCount == dimensions.reduce(dtype.size, *) }

    /// The number of elements, with the padding of blocked layouts.
    var storedCount: Int { byteCount / dtype.size }

    static func == (left: MemoryDescriptor, right: MemoryDescriptor) -> Bool {
        left === right || dnnl_memory_desc_equal(left.handle, right.handle) != 0
    }
}

extension MemoryDescriptor: CustomStringConvertible {
    /// The layout as letters of axes, outer to inner, blocks at the end: `abcd`, `acdb`, `aBcd8b`; with the type where it is
    /// not float32: `acdb:bf16`.
    var description: String {
        var strides: UnsafePointer<dnnl_dim_t>?
        var blockCount: Int32 = 0
        var blocks: UnsafePointer<dnnl_dim_t>?
        var blockAxes: UnsafePointer<dnnl_dim_t>?
        guard dnnl_memory_desc_query(handle, dnnl_query_strides, &strides) == dnnl_success, let strides else {
            return "any"
        }
        dnnl_memory_desc_query(handle, dnnl_query_inner_nblks_s32, &blockCount)
        dnnl_memory_desc_query(handle, dnnl_query_inner_blks, &blocks)
        dnnl_memory_desc_query(handle, dnnl_query_inner_idxs, &blockAxes)
        func letter(_ axis: Int, upper: Bool) -> String {
            String(UnicodeScalar(UInt8((upper ? 65 : 97) + axis)))
        }
        let inner = (0..<Int(blockCount)).map { (axis: Int(blockAxes![$0]), size: Int(blocks![$0])) }
        let outer = dimensions.indices.sorted {
            (strides[$0], dimensions[$0]) > (strides[$1], dimensions[$1])
        }
        return outer.map { axis in letter(axis, upper: inner.contains { $0.axis == axis }) }.joined()
            + inner.map { "\($0.size)" + letter($0.axis, upper: false) }.joined()
            + (dtype == .bfloat16 ? ":bf16" : "")
    }
}

extension DType {
    /// oneDNN's name of a type that activations and weights are stored in.
    fileprivate var oneDNN: dnnl_data_type_t { self == .bfloat16 ? dnnl_bf16 : dnnl_f32 }
}
