import COneDNN
import FoveaGraph

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A step with its memory, ready to run.
final class Runner {
    let step: Step
    /// The bytes that the step reads and writes.
    let byteCount: Int
    private(set) var nanoseconds: UInt64 = 0
    private(set) var runCount = 0
    private let body: Body

    private enum Body {
        case primitive(PrimitiveCall)
        case kernel(() -> Void)
    }

    init(
        _ step: Step, engine: Engine, pointers: [UnsafeMutableRawPointer], scratch: UnsafeMutableRawPointer
    ) throws(PlanError) {
        self.step = step
        switch step.body {
        case .primitive(let descriptor, let arguments):
            var arguments = arguments.map {
                (number: $0.number, layout: $0.form.layout, pointer: pointers[$0.form.buffer.index])
            }
            byteCount = arguments.reduce(0) { $0 + $1.layout.byteCount }
            if let scratchpad = step.scratchpad {
                arguments.append((DNNL_ARG_SCRATCHPAD, scratchpad, scratch))
            }
            body = .primitive(try PrimitiveCall(descriptor, engine: engine, arguments: arguments))
        case .kernel(let makeBody, _):
            byteCount = 0
            body = .kernel(makeBody((step.reads + step.writes).map { pointers[$0.index] }))
        }
    }

    func run() throws(PlanError) {
        switch body {
        case .primitive(let call): try call.execute()
        case .kernel(let body): body()
        }
    }

    func runTimed() throws(PlanError) {
        let start = clock_gettime_nsec()
        try run()
        nanoseconds += clock_gettime_nsec() - start
        runCount += 1
    }
}

extension Step {
    var scratchpad: MemoryDescriptor? {
        if case .primitive(let descriptor, _) = body { descriptor.scratchpad } else { nil }
    }
}

private func clock_gettime_nsec() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}
