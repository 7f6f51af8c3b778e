import COneDNN
import FoveaGraph

/// What a primitive does to its result before storing it.
struct PostOperations: Hashable {
    /// What the result is multiplied by.
    var scale: Float?
    /// Adds what the destination held before.
    var sum = false
    var activation: ActivationFunction?

    static let none = PostOperations()
}

/// A primitive chosen by oneDNN for given layouts, not yet generated.
final class PrimitiveDescriptor {
    let handle: dnnl_primitive_desc_t

    /// What makes a descriptor: it gets the handles of the layouts and of the hint, which live until it returns.
    typealias Maker = (
        inout dnnl_primitive_desc_t?, _ layouts: [dnnl_memory_desc_t?], _ hint: dnnl_primitive_desc_t?,
        dnnl_primitive_attr_t
    ) -> dnnl_status_t

    /// The descriptor that `make` makes for `layouts`, with the scratch memory left to the plan.
    init(
        _ name: String, postOperations: PostOperations = .none, layouts: [MemoryDescriptor?],
        hint: PrimitiveDescriptor? = nil, _ make: Maker
    ) throws(PlanError) {
        var attributes: dnnl_primitive_attr_t?
        try check(dnnl_primitive_attr_create(&attributes), "create attributes")
        defer { dnnl_primitive_attr_destroy(attributes) }
        dnnl_primitive_attr_set_scratchpad_mode(attributes, dnnl_scratchpad_mode_user)
        if postOperations != .none {
            var operations: dnnl_post_ops_t?
            try check(dnnl_post_ops_create(&operations), "create post-operations")
            defer { dnnl_post_ops_destroy(operations) }
            if let scale = postOperations.scale {
                let function = Eltwise.scale(by: scale)
                dnnl_post_ops_append_eltwise(operations, function.algorithm, function.alpha, function.beta)
            }
            if postOperations.sum {
                dnnl_post_ops_append_sum(operations, 1, 0, dnnl_data_type_undef)
            }
            if let activation = postOperations.activation {
                let function = activation.eltwise
                dnnl_post_ops_append_eltwise(operations, function.algorithm, function.alpha, function.beta)
            }
            dnnl_primitive_attr_set_post_ops(attributes, operations)
        }
        var handle: dnnl_primitive_desc_t?
        let status = withExtendedLifetime((layouts, hint)) {
            make(&handle, layouts.map { $0?.handle }, hint?.handle, attributes!)
        }
        try check(status, "make a primitive for \(name)")
        self.handle = handle!
    }

    deinit { dnnl_primitive_desc_destroy(handle) }

    /// The name that oneDNN gives the implementation, such as `brgconv:avx512_core`.
    var implementation: String {
        var text: UnsafePointer<CChar>?
        dnnl_primitive_desc_query(handle, dnnl_query_impl_info_str, 0, &text)
        return text.map { String(cString: $0) } ?? "?"
    }

    /// Whether the implementation is one of oneDNN's slow plain loops.
    var isReferenceLoop: Bool { implementation.hasPrefix("ref") }

    /// Whether the implementation unfolds images in row-major order to matrices.
    var isByGemm: Bool { implementation.hasPrefix("x64:gemm") }

    /// Passes over implementations that `isUnwanted`, by name, to the next that oneDNN has.
    ///
    /// - Throws: `PlanError` where none is left.
    func passOver(_ isUnwanted: (String) -> Bool) throws(PlanError) {
        while isUnwanted(implementation) {
            try check(
                dnnl_primitive_desc_next_impl(handle), "find another implementation than \(implementation)")
        }
    }

    /// The layout of the argument numbered `argument`, as the primitive wants it.
    func layout(_ argument: Int32) -> MemoryDescriptor {
        MemoryDescriptor(copying: dnnl_primitive_desc_query_md(handle, dnnl_query_exec_arg_md, argument))
    }

    /// The layout of the workspace that a forward primitive leaves for the backward one, if there is one.
    var workspace: MemoryDescriptor? { optionalLayout(dnnl_query_workspace_md) }

    /// The scratch memory that a run needs, if any.
    var scratchpad: MemoryDescriptor? { optionalLayout(dnnl_query_scratchpad_md) }

    private func optionalLayout(_ query: dnnl_query_t) -> MemoryDescriptor? {
        guard let handle = dnnl_primitive_desc_query_md(handle, query, 0) else { return nil }
        let layout = MemoryDescriptor(copying: handle)
        return layout.byteCount > 0 ? layout : nil
    }
}

/// A primitive with the memory that it works on, ready to run.
final class PrimitiveCall {
    private let primitive: dnnl_primitive_t
    private var memories: [dnnl_memory_t] = []
    private var arguments: [dnnl_exec_arg_t] = []
    private let engine: Engine

    init(
        _ descriptor: PrimitiveDescriptor, engine: Engine,
        arguments: [(number: Int32, layout: MemoryDescriptor, pointer: UnsafeMutableRawPointer)]
    ) throws(PlanError) {
        self.engine = engine
        var primitive: dnnl_primitive_t?
        try check(
            dnnl_primitive_create(&primitive, descriptor.handle), "generate \(descriptor.implementation)")
        self.primitive = primitive!
        for argument in arguments {
            var memory: dnnl_memory_t?
            try check(
                dnnl_memory_create(&memory, argument.layout.handle, engine.handle, argument.pointer),
                "wrap memory")
            memories.append(memory!)
            self.arguments.append(dnnl_exec_arg_t(arg: argument.number, memory: memory!))
        }
    }

    deinit {
        for memory in memories { dnnl_memory_destroy(memory) }
        dnnl_primitive_destroy(primitive)
    }

    func execute() throws(PlanError) {
        let status = arguments.withUnsafeBufferPointer {
            dnnl_primitive_execute(primitive, engine.stream, Int32($0.count), $0.baseAddress)
        }
        try check(status, "execute a primitive")
    }
}

/// A primitive that changes the layout.
func reorderDescriptor(
    from source: MemoryDescriptor, to destination: MemoryDescriptor, engine: Engine
) throws(PlanError) -> PrimitiveDescriptor {
    try PrimitiveDescriptor("reorder", layouts: [source, destination]) { descriptor, m, _, attributes in
        dnnl_reorder_primitive_desc_create(&descriptor, m[0], engine.handle, m[1], engine.handle, attributes)
    }
}
