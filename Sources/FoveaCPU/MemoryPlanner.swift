/// Places buffers that live for a part of the steps into one arena, so that two share memory only if they never live
/// at the same time.
///
/// Some have their place already; the others come largest first, each at the lowest offset that is free for its whole life.
struct MemoryPlanner {
    struct Request {
        var byteCount: Int
        /// The first and the last step at which the content is needed.
        var life: ClosedRange<Int>
    }

    /// Offsets are multiples of this: a cache line, and the widest vector.
    static let alignment = 64

    /// The offset of each request, in bytes.
    private(set) var offsets: [Int]
    /// The size of the arena in bytes.
    private(set) var byteCount = 0

    /// - Parameter fixed: buffers whose offsets are given, sharing memory with each other at no time.
    init(_ requests: [Request], fixed: [(offset: Int, request: Request)] = []) {
        offsets = Array(repeating: 0, count: requests.count)
        let bySize = requests.indices.sorted {
            (requests[$0].byteCount, requests[$1].life.lowerBound)
                > (requests[$1].byteCount, requests[$0].life.lowerBound)
        }
        // Sorted by offset.
        var placed = fixed.map { (offset: $0, end: $0 + Self.aligned($1.byteCount), life: $1.life) }
        placed.sort { $0.offset < $1.offset }
        byteCount = placed.map(\.end).max() ?? 0
        for index in bySize {
            let request = requests[index]
            let size = Self.aligned(request.byteCount)
            var offset = 0
            for block in placed where block.life.overlaps(request.life) {
                if offset + size <= block.offset { break }
                offset = max(offset, block.end)
            }
            offsets[index] = offset
            byteCount = max(byteCount, offset + size)
            let position = placed.firstIndex { $0.offset > offset } ?? placed.endIndex
            placed.insert((offset, offset + size, request.life), at: position)
        }
    }

    static func aligned(_ byteCount: Int) -> Int {
        (byteCount + alignment - 1) / alignment * alignment
    }
}
