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
    var byteCount: Int { step.byteCount }
    private(set) var nanoseconds: UInt64 = 0
    private(set) var runCount = 0
    /// The median time of the step repeated by itself.
    private(set) var nanosecondsAlone: UInt64?
    private let body: Body
    /// The memory that the step writes.
    private let written: [UnsafeMutableRawBufferPointer]

    private enum Body {
        case primitive(PrimitiveCall)
        case kernel(() -> Void)
        case blocks(BlockChain)
        case parts(StepGroup)
    }

    /// The kernel's closure for each block of the batch, where there are several.
    var blockBodies: [() -> Void]? {
        if case .blocks(let chain) = body { chain.bodies.map { $0[0] } } else { nil }
    }

    /// The closures of a step that is cut into parts.
    var parts: [() -> Void]? {
        if case .parts(let group) = body { group.bodies } else { nil }
    }

    init(
        _ step: Step, engine: Engine, areas: [UnsafeMutableRawBufferPointer], scratch: UnsafeMutableRawPointer
    ) throws(PlanError) {
        self.step = step
        written = Set(step.writes).map { areas[$0.index] }
        switch step.body {
        case .primitive(let descriptor, let arguments):
            var arguments = arguments.map {
                (number: $0.number, layout: $0.form.layout, pointer: areas[$0.form.buffer.index].baseAddress!)
            }
            if let scratchpad = step.scratchpad {
                arguments.append((DNNL_ARG_SCRATCHPAD, scratchpad, scratch))
            }
            body = .primitive(try PrimitiveCall(descriptor, engine: engine, arguments: arguments))
        case .kernel(let makeBody, _):
            let arguments = (step.reads + step.writes).map { areas[$0.index] }
            let bodies = (0..<step.blocks).map { block in
                makeBody(
                    zip(arguments, step.isSliced).map { area, isSliced in
                        area.baseAddress! + (isSliced ? area.count / step.blocks * block : 0)
                    })
            }
            body = bodies.count == 1 ? .kernel(bodies[0]) : .blocks(BlockChain([bodies]))
        case .parts(let makeParts, _):
            body = .parts(
                StepGroup(makeParts((step.reads + step.writes).map { areas[$0.index].baseAddress! })))
        }
    }

    func run() throws(PlanError) {
        switch body {
        case .primitive(let call): try call.execute()
        case .kernel(let body): body()
        case .blocks(let chain): chain.run()
        case .parts(let group): group.run()
        }
    }

    func runTimed() throws(PlanError) {
        let start = clock_gettime_nsec()
        try run()
        nanoseconds += clock_gettime_nsec() - start
        runCount += 1
    }

    /// Runs the step some times and leaves what one run leaves.
    func runAlone() throws(PlanError) {
        // A sum into its operand, an update and running statistics read what they write.
        let saved = written.map { Array($0) }
        try run()
        var times: [UInt64] = []
        let start = clock_gettime_nsec()
        while times.count < 5 || times.count < 100 && clock_gettime_nsec() - start < 10_000_000 {
            for (area, content) in zip(written, saved) { area.copyBytes(from: content) }
            let begin = clock_gettime_nsec()
            try run()
            times.append(clock_gettime_nsec() - begin)
        }
        times.sort()
        nanosecondsAlone = times[times.count / 2]
    }

    var profile: StepProfile {
        StepProfile(
            operation: step.name, path: step.path, implementation: step.implementation, byteCount: byteCount,
            flops: step.flops, seconds: runCount == 0 ? nil : Double(nanoseconds) / Double(runCount) / 1e9,
            secondsAlone: nanosecondsAlone.map { Double($0) / 1e9 })
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
