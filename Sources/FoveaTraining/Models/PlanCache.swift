import Foundation
import FoveaGraph
import FoveaNN

/// The few plans for prediction that a model and its copies share, one for each batch size.
///
/// A plan runs for one thread at a time, so threads that predict with one model take turns.
final class PlanCache: @unchecked Sendable {
    // Guarded by the lock; the least recently used first.
    private var plans: [PredictionPlan] = []
    private let lock = NSLock()
    private let capacity = 4

    /// Runs `body` with a plan for `batchSize` samples that holds `state`.
    func withPlan<Result>(
        for network: Network, batchSize: Int, backend: any Backend, state: ModelState,
        _ body: (PredictionPlan) throws -> Result
    ) throws -> Result {
        lock.lock()
        defer { lock.unlock() }
        let plan: PredictionPlan
        if let index = plans.firstIndex(where: { $0.batchSize == batchSize }) {
            plan = plans.remove(at: index)
        } else {
            if plans.count == capacity { plans.removeFirst() }
            plan = try PredictionPlan(network: network, batchSize: batchSize, backend: backend)
        }
        plans.append(plan)
        plan.load(state)
        return try body(plan)
    }
}
