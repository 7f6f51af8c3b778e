import FoveaGraph

/// One call of a primitive or a kernel, before addresses are known.
struct Step {
    /// What a step runs.
    enum Body {
        case primitive(PrimitiveDescriptor, arguments: [Argument])
        /// A closure made from the addresses of `reads` and then `writes`, and whose work it is.
        case kernel(([UnsafeMutableRawPointer]) -> () -> Void, implementation: String)
        /// Closures made from these addresses that may run at the same time, also with those of neighbouring steps.
        case parts(([UnsafeMutableRawPointer]) -> [() -> Void], implementation: String)
    }

    /// An argument of a primitive.
    struct Argument {
        var number: Int32
        var form: Form
    }

    /// The name of the operation and what was fused into it, after ``recomputed`` where it was done before.
    var name: String
    /// The path of the layer.
    var path: String
    var body: Body
    var reads: [BufferID]
    var writes: [BufferID]
    var flops: Int
    /// The bytes of the arguments, each once whether read or written.
    var byteCount: Int
    /// The blocks of the batch that the step's kernel works on, each by itself: the arguments that `isSliced` are as many slices of
    /// the same size.
    var blocks = 1
    /// Whether each of `reads` and then `writes` is cut into the blocks.
    var isSliced: [Bool] = []
    /// An output that may take the memory of an input which nobody needs later.
    var inPlace: (output: BufferID, input: BufferID)?
    /// The layouts, for `explain`.
    var layouts: String

    /// What the name of a step begins with that computes a forgotten value once more.
    static let recomputed = "recomputed "

    /// The name of the implementation, for `explain`.
    var implementation: String {
        switch body {
        case .primitive(let descriptor, _): descriptor.implementation
        case .kernel(_, let implementation), .parts(_, let implementation): implementation
        }
    }
}
