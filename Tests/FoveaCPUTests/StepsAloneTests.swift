import FoveaCPU
import FoveaFixtures
import FoveaGraph
import FoveaNN
import FoveaTensor
import FoveaTraining
import FoveaZoo
import Testing

/// Timing each step by itself must leave what a run leaves, though sums, updates and statistics read what they write.
@Suite struct StepsAloneTests {
    private func plan(for graph: Graph) throws -> any MeasuredPlan {
        let plan = try #require(try CPUBackend(threads: 2).compile(graph) as? any MeasuredPlan)
        let source = RandomSource(seed: 0)
        for (position, variable) in graph.variables.enumerated() {
            let stream = source.stream(.initialization(position))
            plan.setVariable(
                position, to: variable.initial.tensor(shape: variable.type.shape, stream: stream))
        }
        try plan.setInput("input", to: Formula.data([2, 3, 32, 32]))
        return plan
    }

    private func expectSame(_ first: any Plan, _ second: any Plan) {
        for (position, output) in first.graph.outputs.enumerated() {
            #expect(first.output(position) == second.output(position), "\(output.name)")
        }
        for (position, variable) in first.graph.variables.enumerated() {
            #expect(first.variable(position) == second.variable(position), "\(variable.key)")
        }
    }

    @Test func trainingChangesAsInOneRun() throws {
        let network = try Zoo.network(named: "resnet_tiny", classes: 10, input: [3, 32, 32])
        let graph = try TrainingGraph.make(network: network, batchSize: 2, optimizer: Adam()).graph
        let plans = [try plan(for: graph), try plan(for: graph)]
        for plan in plans {
            try plan.setInput("labels", to: Formula.labels(2, classes: 10))
            try plan.setInput("learningRate", to: Tensor([Float(0.1)], shape: .scalar))
            try plan.setInput("step", to: Tensor([Int32(0)], shape: .scalar))
        }
        for _ in 0..<2 {
            try plans[0].execute()
            try plans[1].executeStepsAlone()
        }
        expectSame(plans[0], plans[1])
        #expect(plans[0].stepProfiles.allSatisfy { $0.secondsAlone == nil })
        #expect(
            plans[1].stepProfiles.allSatisfy { $0.secondsAlone.map { $0 > 0 } == true && $0.byteCount > 0 })
    }

    @Test func predictionIsThatOfOneRun() throws {
        let network = try Zoo.network(named: "resnet_tiny", classes: 10, input: [3, 32, 32])
        let graph = try network.predictionGraph(batchSize: 2)
        let plans = [try plan(for: graph), try plan(for: graph)]
        try plans[0].execute()
        try plans[1].executeStepsAlone()
        expectSame(plans[0], plans[1])
    }
}
