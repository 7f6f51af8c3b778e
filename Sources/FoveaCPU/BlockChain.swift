import CFoveaKernels

/// Steps that run one after the other on a block of the batch before they do so on the next: what one leaves is still in the
/// cache when the next reads it, and threads meet at the end of the chain alone
/// (`Documentation/Decisions/0020-blocks-of-the-batch.md`).
final class BlockChain {
    /// The closures of the steps, in their order, for each block.
    let bodies: [[() -> Void]]
    /// The threads for which the steps have scratch memory.
    private let threads = fovea_threads()

    /// - Parameter steps: for each step, its closure for each block.
    init(_ steps: [[() -> Void]]) {
        bodies = steps[0].indices.map { block in steps.map { $0[block] } }
    }

    func run() {
        fovea_for_blocks(
            bodies.count, threads,
            { context, begin, end in
                let chain = Unmanaged<BlockChain>.fromOpaque(context!).takeUnretainedValue()
                for block in begin..<end {
                    for body in chain.bodies[block] { body() }
                }
            }, Unmanaged.passUnretained(self).toOpaque())
    }
}

extension BlockChain {
    /// The positions of the longest runs of two steps and more on the same number of blocks, of more than one.
    static func chains(of steps: [Step]) -> [Range<Int>] {
        var chains: [Range<Int>] = []
        var start = 0
        for end in steps.indices.dropFirst() + [steps.count]
        where end == steps.count || steps[end].blocks != steps[start].blocks {
            if end - start > 1, steps[start].blocks > 1 { chains.append(start..<end) }
            start = end
        }
        return chains
    }

    /// The steps in an order that gives the same results, with those on blocks together: others go before a chain where they need
    /// nothing of it, and otherwise behind it until one of its steps needs them.
    static func ordered(_ steps: [Step]) -> [Step] {
        var ordered: [Step] = []
        var chain = StepSet()
        var postponed = StepSet()
        func close() {
            ordered += chain.steps + postponed.steps
            (chain, postponed) = (StepSet(), StepSet())
        }
        for step in steps {
            if step.blocks > 1 {
                if postponed.conflicts(with: step)
                    || chain.steps.first.map({ $0.blocks != step.blocks }) ?? false
                {
                    close()
                }
                chain.append(step)
            } else if chain.conflicts(with: step) || postponed.conflicts(with: step) {
                postponed.append(step)
            } else {
                ordered.append(step)
            }
        }
        close()
        return ordered
    }
}
