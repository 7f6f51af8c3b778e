/// A piece of memory of a plan, by its number.
struct BufferID: Hashable {
    let index: Int
}

/// What is known of a piece of memory before it has an address.
struct Buffer {
    /// Where the memory comes from.
    enum Place: Hashable {
        /// The arena of activations, shared with others by liveness.
        case arena
        /// Memory of its own, kept between runs.
        case persistent
        /// Part of a flat arena of weights, gradients or slots, at an offset in bytes.
        case flat(arena: Int, offset: Int)
    }

    var byteCount: Int
    var place: Place
    /// Whether the content follows from unassigned variables and constants alone, so that it is computed once.
    var isStatic: Bool
    /// Whether the content is still wanted after the last step.
    var isOutput = false
    /// Whether values of their own lie in parts of it, so that it must not be written over with other content.
    var holdsParts = false
}

/// A value of the graph as it lies in a buffer.
///
/// The layout may have more axes than the value: a vector made by flattening an image keeps the image's.
struct Form: Equatable {
    var layout: MemoryDescriptor
    var buffer: BufferID
}
