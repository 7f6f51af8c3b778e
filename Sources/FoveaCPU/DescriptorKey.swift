import FoveaGraph
import FoveaTensor

/// What makes two primitives the same.
struct DescriptorKey: Hashable {
    var operation: Operation
    var shapes: [Shape]
    var postOperations = PostOperations.none
    /// What is multiplied.
    var dtype = DType.float32
    /// What the result is stored in.
    var result = DType.float32
}
