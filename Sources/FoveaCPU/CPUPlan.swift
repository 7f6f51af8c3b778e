import CFoveaKernels
import COneDNN
import FoveaGraph
import FoveaTensor

/// A graph compiled to oneDNN primitives and kernels on fixed memory: nothing is allocated or created in a run.
final class CPUPlan: MeasuredPlan {
    let graph: Graph
    private let engine: Engine
    private let regions: [MemoryRegion]
    private let pointers: [UnsafeMutableRawPointer]
    private let inputs: [BufferID]
    private let outputs: [Form]
    private let homes: [Form]
    /// Steps that follow from unassigned variables alone, run again after one of these was set.
    private let preparation: [Runner]
    private let runners: [Runner]
    /// The runners as they run, those of a chain of blocks and those of a group together.
    private let schedule: [Scheduled]
    private let isAssigned: [Bool]
    private var isPrepared = false
    /// Whether each step is timed.
    var isProfiling = false
    /// How the memory is divided, in bytes.
    let memory: MemoryUse
    var plannedByteCount: Int { memory.total }

    init(_ compiler: Compiler) throws(PlanError) {
        graph = compiler.graph
        engine = compiler.engine
        inputs = compiler.inputBuffers
        outputs = compiler.outputForms
        homes = compiler.homes.map { $0! }
        isAssigned = compiler.isAssigned

        let isStatic = compiler.steps.map { step in
            !step.writes.isEmpty && step.writes.allSatisfy { compiler.buffers[$0.index].isStatic }
        }
        let layout = MemoryLayoutPlan(
            buffers: compiler.buffers, flatArenas: compiler.flatArenas,
            gradientArenas: compiler.gradientArenas,
            preparation: zip(compiler.steps, isStatic).filter(\.1).map(\.0),
            steps: zip(compiler.steps, isStatic).filter { !$0.1 }.map(\.0))
        let scratchByteCount = compiler.steps.map { $0.scratchpad?.byteCount ?? 0 }.max() ?? 0

        let arena = try MemoryRegion(layout.arenaByteCount)
        let persistent = try MemoryRegion(layout.persistentByteCount)
        let scratch = try MemoryRegion(scratchByteCount)
        var flats: [MemoryRegion] = []
        for (index, byteCount) in compiler.flatArenas.enumerated() {
            flats.append(try MemoryRegion(compiler.gradientArenas.contains(index) ? 0 : byteCount))
        }
        regions = [arena, persistent, scratch] + flats
        pointers = compiler.buffers.indices.map { index in
            switch layout.places[index] {
            case .arena(let offset): arena.start + offset
            case .persistent(let offset): persistent.start + offset
            case .flat(let arena, let offset): flats[arena].start + offset
            }
        }
        memory = MemoryUse(
            activations: layout.arenaByteCount,
            variables: flats.reduce(layout.persistentByteCount) { $0 + $1.byteCount },
            scratch: scratchByteCount)

        let areas = zip(pointers, compiler.buffers).map {
            UnsafeMutableRawBufferPointer(start: $0, count: $1.byteCount)
        }
        var preparation: [Runner] = []
        var runners: [Runner] = []
        for (step, isStatic) in zip(compiler.steps, isStatic) {
            let runner = try Runner(step, engine: engine, areas: areas, scratch: scratch.start)
            if isStatic { preparation.append(runner) } else { runners.append(runner) }
        }
        self.preparation = preparation
        self.runners = runners
        schedule = Self.schedule(runners)
    }

    func withInput<Result>(
        _ position: Int, _ body: (UnsafeMutableRawBufferPointer) throws -> Result
    ) rethrows -> Result {
        let byteCount = graph.type(of: graph.inputs[position].value).byteCount
        return try body(
            UnsafeMutableRawBufferPointer(start: pointers[inputs[position].index], count: byteCount))
    }

    func withOutput<Result>(
        _ position: Int, _ body: (UnsafeRawBufferPointer) throws -> Result
    ) rethrows -> Result {
        let byteCount = graph.type(of: graph.outputs[position].value).byteCount
        return try body(
            UnsafeRawBufferPointer(start: pointers[outputs[position].buffer.index], count: byteCount))
    }

    func execute() throws {
        try prepare()
        if isProfiling {
            for runner in runners { try runner.runTimed() }
        } else {
            for scheduled in schedule {
                switch scheduled {
                case .step(let runner): try runner.run()
                case .chain(let chain): chain.run()
                case .group(let group): group.run()
                }
            }
        }
    }

    private enum Scheduled {
        case step(Runner)
        case chain(BlockChain)
        case group(StepGroup)
    }

    private static func schedule(_ runners: [Runner]) -> [Scheduled] {
        let steps = runners.map(\.step)
        let together =
            BlockChain.chains(of: steps).map {
                ($0, Scheduled.chain(BlockChain(runners[$0].map { $0.blockBodies! })))
            }
            + StepGroup.groups(of: steps).map {
                ($0, Scheduled.group(StepGroup(runners[$0].flatMap { $0.parts! })))
            }
        var schedule: [Scheduled] = []
        var next = 0
        for (positions, scheduled) in together.sorted(by: { $0.0.lowerBound < $1.0.lowerBound }) {
            schedule += runners[next..<positions.lowerBound].map { .step($0) }
            schedule.append(scheduled)
            next = positions.upperBound
        }
        return schedule + runners[next...].map { .step($0) }
    }

    private func prepare() throws {
        guard !isPrepared else { return }
        for runner in preparation { try runner.run() }
        isPrepared = true
    }

    func executeStepsAlone() throws {
        try prepare()
        for runner in runners { try runner.runAlone() }
    }

    var stepProfiles: [StepProfile] { runners.map(\.profile) }

    func variable(_ position: Int) -> Tensor {
        let home = homes[position]
        let shape = graph.variables[position].type.shape
        return Tensor(shape: shape, dtype: .float32) { bytes in
            reorder(
                from: home.layout, at: pointers[home.buffer.index], to: .plain(home.layout.dimensions),
                at: bytes.baseAddress!)
        }
    }

    func setVariable(_ position: Int, to tensor: Tensor) {
        let variable = graph.variables[position]
        precondition(
            tensor.shape == variable.type.shape && tensor.dtype == variable.type.dtype,
            "variable '\(variable.key)' is \(variable.type), not \(tensor.dtype)\(tensor.shape)")
        let home = homes[position]
        tensor.withUnsafeBytes { bytes in
            reorder(
                from: .plain(home.layout.dimensions),
                at: UnsafeMutableRawPointer(mutating: bytes.baseAddress!),
                to: home.layout, at: pointers[home.buffer.index])
        }
        if !isAssigned[position] { isPrepared = false }
    }

    private func reorder(
        from source: MemoryDescriptor, at from: UnsafeMutableRawPointer, to destination: MemoryDescriptor,
        at to: UnsafeMutableRawPointer
    ) {
        if source == destination { return to.copyMemory(from: from, byteCount: source.byteCount) }
        do {
            let descriptor = try reorderDescriptor(from: source, to: destination, engine: engine)
            var arguments = [(DNNL_ARG_FROM, source, from), (DNNL_ARG_TO, destination, to)]
            let scratchpad = descriptor.scratchpad
            let scratch = UnsafeMutableRawPointer.allocate(
                byteCount: max(scratchpad?.byteCount ?? 0, 1), alignment: MemoryPlanner.alignment)
            defer { scratch.deallocate() }
            if let scratchpad { arguments.append((DNNL_ARG_SCRATCHPAD, scratchpad, scratch)) }
            try PrimitiveCall(
                descriptor, engine: engine,
                arguments: arguments.map { (number: $0.0, layout: $0.1, pointer: $0.2) }
            ).execute()
        } catch {
            // oneDNN reorders float32 between any two dense layouts of the same extents.
            preconditionFailure("\(error)")
        }
    }

    func explain() -> String {
        Explanation(preparation: preparation, runners: runners, memory: memory).text
    }
}

/// How the memory of a plan is divided, in bytes.
public struct MemoryUse: Hashable, Sendable {
    /// Values of a run, shared by liveness.
    public var activations: Int
    /// Weights, gradients, slots, packed copies, inputs.
    public var variables: Int
    /// What primitives need while they run.
    public var scratch: Int

    /// All of it.
    public var total: Int { activations + variables + scratch }
}
