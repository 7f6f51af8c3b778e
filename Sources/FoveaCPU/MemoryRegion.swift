import FoveaGraph

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Zeroed memory of fixed size from the operating system, which takes it back as a whole.
final class MemoryRegion {
    let start: UnsafeMutableRawPointer
    let byteCount: Int

    init(_ byteCount: Int) throws(PlanError) {
        self.byteCount = max(byteCount, 1)
        guard let start = mmap(nil, self.byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON, -1, 0),
            start != MAP_FAILED
        else { throw PlanError("cannot get \(byteCount) bytes of memory; use a smaller batch") }
        self.start = start
        #if os(Linux)
            // Fewer page faults and misses of the translation buffer on large activations.
            madvise(start, self.byteCount, MADV_HUGEPAGE)
        #endif
    }

    deinit { munmap(start, byteCount) }
}
