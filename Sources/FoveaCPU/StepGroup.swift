import CFoveaKernels

/// Steps that need nothing of each other and are cut into parts: these run on all threads, and the threads
/// meet at the end of the group alone (`Documentation/Decisions/0020-blocks-of-the-batch.md`).
final class StepGroup {
    /// The parts of all steps.
    let bodies: [() -> Void]
    /// The threads for which the steps have scratch memory.
    private let threads = fovea_threads()

    init(_ bodies: [() -> Void]) { self.bodies = bodies }

    func run() {
        fovea_for_parts(
            bodies.count, threads,
            { context, begin, end in
                let group = Unmanaged<StepGroup>.fromOpaque(context!).takeUnretainedValue()
                for part in begin..<end { group.bodies[part]() }
            }, Unmanaged.passUnretained(self).toOpaque())
    }
}

extension StepGroup {
    /// The positions of the longest runs of two steps and more that are cut into parts and none of which needs another.
    static func groups(of steps: [Step]) -> [Range<Int>] {
        var groups: [Range<Int>] = []
        var start = 0
        var group = StepSet()
        for (position, step) in steps.enumerated() {
            if !step.isInParts || group.conflicts(with: step) {
                if position - start > 1 { groups.append(start..<position) }
                (start, group) = (position, StepSet())
            }
            if step.isInParts { group.append(step) } else { start = position + 1 }
        }
        if steps.count - start > 1 { groups.append(start..<steps.count) }
        return groups
    }
}

extension Step {
    fileprivate var isInParts: Bool {
        if case .parts = body { true } else { false }
    }
}

/// Steps and what they read and write.
struct StepSet {
    private(set) var steps: [Step] = []
    private var reads: Set<BufferID> = []
    private var writes: Set<BufferID> = []

    mutating func append(_ step: Step) {
        steps.append(step)
        reads.formUnion(step.reads)
        writes.formUnion(step.writes)
    }

    /// Whether `step` and these have to stay in their order.
    func conflicts(with step: Step) -> Bool {
        !writes.isDisjoint(with: step.reads) || !writes.isDisjoint(with: step.writes)
            || !reads.isDisjoint(with: step.writes)
    }
}
