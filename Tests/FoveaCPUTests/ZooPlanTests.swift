import FoveaCPU
import FoveaGraph
import FoveaZoo
import Testing

/// The plans of every architecture as they are used, made and not run.
@Suite struct ZooPlanTests {
    /// The steps of the plan of `graph` for which oneDNN has no more than a plain loop, a hundred times slower than its others.
    private func plainLoops(_ graph: Graph) throws -> [String] {
        let plan = try #require(try CPUBackend().compile(graph) as? any MeasuredPlan)
        return plan.stepProfiles.filter { $0.implementation.hasPrefix("ref") && $0.flops > 0 }
            .map { "\($0.operation) of \($0.path)" }
    }

    /// All but the narrow ones, whose channels fill no vector.
    @Test(arguments: Zoo.entries.map(\.card.name).filter { !$0.contains("tiny") })
    func noStepIsAPlainLoop(name: String) throws {
        let network = try Zoo.network(named: name)
        for batchSize in [1, 16] {
            #expect(try plainLoops(network.predictionGraph(batchSize: batchSize)) == [])
        }
        var forward = try network.trainingForward(batchSize: 8)
        let parameters = forward.graph.variables(.parameter).compactMap {
            forward.graph.value(ofVariable: $0.key)
        }
        for (index, gradient) in try forward.graph.gradients(
            of: forward.objective, withRespectTo: parameters
        ).enumerated() {
            try forward.graph.output("gradient.\(index)", gradient)
        }
        #expect(try plainLoops(forward.graph) == [])
    }
}
