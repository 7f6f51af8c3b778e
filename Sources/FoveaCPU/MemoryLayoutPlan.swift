/// Where each buffer of a plan lies.
struct MemoryLayoutPlan {
    /// A place in one of the plan's regions.
    enum Place {
        case arena(Int)
        case persistent(Int)
        case flat(arena: Int, offset: Int)
    }

    private(set) var places: [Place] = []
    private(set) var arenaByteCount = 0
    private(set) var persistentByteCount = 0

    /// The places in the arena of those flat arenas whose content is not kept between runs.
    private var starts: [Int: Int] = [:]

    /// - Parameters:
    ///   - flatArenas: the sizes of the flat arenas in bytes.
    ///   - gradientArenas: those that hold gradients. The memory of each of these is free for others until it is computed.
    ///   - preparation: the steps that run once before the others, in order; what only they read shares the arena.
    ///   - steps: those that run every time, in order.
    init(
        buffers: [Buffer], flatArenas: [Int], gradientArenas: Set<Int>, preparation: [Step], steps: [Step]
    ) {
        var buffers = buffers
        let first = preparation.count
        let steps = preparation + steps
        var life = [ClosedRange<Int>?](repeating: nil, count: buffers.count)
        for (position, step) in steps.enumerated() {
            for buffer in step.reads + step.writes {
                let start = life[buffer.index]?.lowerBound ?? position
                life[buffer.index] = start...position
            }
        }
        for (index, buffer) in buffers.enumerated() where buffer.isOutput {
            life[index] = (life[index]?.lowerBound ?? 0)...max(steps.count, life[index]?.upperBound ?? 0)
        }

        for step in preparation {
            for buffer in step.writes where life[buffer.index].map({ $0.upperBound < first }) ?? false {
                buffers[buffer.index].place = .arena
            }
        }

        let owner = Self.shareInPlace(buffers: buffers, steps: steps, life: &life)
        // What one step of a chain frees another must not take: they run on one block before the next. Nor in a group, whose
        // steps run at the same time.
        let ownSteps = Array(steps[first...])
        for run in BlockChain.chains(of: ownSteps) + StepGroup.groups(of: ownSteps) {
            let time = first + run.lowerBound...first + run.upperBound - 1
            for index in life.indices where life[index].map(time.overlaps) ?? false {
                let own = life[index]!
                life[index] = min(own.lowerBound, time.lowerBound)...max(own.upperBound, time.upperBound)
            }
        }
        let arenaOwners = buffers.indices.filter {
            buffers[$0].place == .arena && owner[$0] == $0 && life[$0] != nil
        }
        for arena in gradientArenas.sorted() {
            starts[arena] = arenaByteCount
            arenaByteCount += flatArenas[arena]
        }
        func request(_ index: Int) -> MemoryPlanner.Request {
            MemoryPlanner.Request(byteCount: buffers[index].byteCount, life: life[index]!)
        }
        let gradients = buffers.indices.compactMap { index -> (Int, MemoryPlanner.Request)? in
            guard case .flat(let arena, let offset) = buffers[index].place, let start = starts[arena] else {
                return nil
            }
            return (start + offset, request(index))
        }
        let planner = MemoryPlanner(arenaOwners.map(request), fixed: gradients)
        arenaByteCount = max(arenaByteCount, planner.byteCount)
        var offsets = [Int](repeating: 0, count: buffers.count)
        for (index, offset) in zip(arenaOwners, planner.offsets) { offsets[index] = offset }

        for (index, buffer) in buffers.enumerated() {
            switch buffer.place {
            case .arena: places.append(.arena(offsets[owner[index]]))
            case .persistent:
                places.append(.persistent(persistentByteCount))
                persistentByteCount += MemoryPlanner.aligned(buffer.byteCount)
            case .flat(let arena, let offset):
                let start = starts[arena]
                places.append(start.map { .arena($0 + offset) } ?? .flat(arena: arena, offset: offset))
            }
        }
    }

    /// Gives outputs the memory of inputs that die in the step, where the step allows it: the buffer whose memory each
    /// one has.
    private static func shareInPlace(
        buffers: [Buffer], steps: [Step], life: inout [ClosedRange<Int>?]
    ) -> [Int] {
        var owner = Array(buffers.indices)
        for (position, step) in steps.enumerated() {
            guard let (output, input) = step.inPlace.map({ ($0.output.index, $0.input.index) }),
                buffers[output].place == .arena, buffers[input].place == .arena,
                buffers[output].byteCount == buffers[input].byteCount, owner[output] == output
            else { continue }
            let shared = owner[input]
            guard let inputLife = life[shared], inputLife.upperBound == position,
                let outputLife = life[output],
                outputLife.lowerBound == position
            else { continue }
            owner[output] = shared
            life[shared] = inputLife.lowerBound...outputLife.upperBound
        }
        return owner
    }
}
