import COneDNN
import FoveaGraph

/// oneDNN's handle of the processor, with the stream that its primitives run in.
final class Engine: @unchecked Sendable {
    let handle: dnnl_engine_t
    let stream: dnnl_stream_t

    init() throws(PlanError) {
        var engine: dnnl_engine_t?
        try check(dnnl_engine_create(&engine, dnnl_cpu, 0), "create the engine")
        handle = engine!
        var stream: dnnl_stream_t?
        try check(
            dnnl_stream_create(&stream, handle, dnnl_stream_default_flags.rawValue), "create the stream")
        self.stream = stream!
    }

    deinit {
        dnnl_stream_destroy(stream)
        dnnl_engine_destroy(handle)
    }

    /// Whether the processor has 512-bit vectors that oneDNN uses.
    var hasAVX512: Bool { Self.uses(dnnl_cpu_isa_avx512_core) }

    /// Whether the processor multiplies bfloat16 numbers: AVX-512 BF16, which AMX processors have as well.
    static var hasBFloat16: Bool { Self.uses(dnnl_cpu_isa_avx512_core_bf16) }

    /// Whether the processor has AMX, which multiplies matrices of bfloat16 numbers many times faster than vectors do.
    static var hasAMX: Bool { Self.uses(dnnl_cpu_isa_avx512_core_amx) }

    /// Whether oneDNN uses `instructions` here.
    private static func uses(_ instructions: dnnl_cpu_isa_t) -> Bool {
        // The instruction sets are bit masks, each including those it extends.
        dnnl_get_effective_cpu_isa().rawValue & instructions.rawValue == instructions.rawValue
    }
}

/// Throws where a call of oneDNN failed.
func check(_ status: dnnl_status_t, _ action: @autoclosure () -> String) throws(PlanError) {
    guard status != dnnl_success else { return }
    let reason =
        switch status {
        case dnnl_out_of_memory: "out of memory"
        case dnnl_invalid_arguments: "invalid arguments"
        case dnnl_unimplemented: "not implemented"
        case dnnl_runtime_error: "run-time error"
        default: "status \(status.rawValue)"
        }
    throw PlanError("oneDNN cannot \(action()): \(reason)")
}
