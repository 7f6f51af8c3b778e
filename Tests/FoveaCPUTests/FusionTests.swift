import FoveaCPU
import FoveaGraph
import FoveaNN
import FoveaTraining
import FoveaZoo
import Testing

/// What the compiler computes in one step, as `explain` names it.
@Suite struct FusionTests {
    private func operations(_ graph: Graph) throws -> [String: Int] {
        let plan = try CPUBackend(activationLayout: .channelsLast).compile(graph)
        var counts: [String: Int] = [:]
        // The columns are two spaces apart.
        for line in plan.explain().split(separator: "\n") {
            let words = line.split(separator: " ")
            if words.count > 1 { counts[String(words[1]), default: 0] += 1 }
        }
        return counts
    }

    @Test("A residual block in training ends in one step each way")
    func residualBlock() throws {
        let network = try Zoo.network(named: "resnet_tiny")
        var forward = try network.trainingForward(batchSize: 2, usesDropout: false)
        let nodes = forward.graph.nodes
        let blocks = nodes.count { if case .add = $0.operation { true } else { false } }
        let rectifiers = nodes.count {
            if case .activation(let activation) = $0.operation { activation.function == .relu } else { false }
        }
        let parameters = forward.graph.variables(.parameter).compactMap {
            forward.graph.value(ofVariable: $0.key)
        }
        for gradient in try forward.graph.gradients(
            of: forward.objective, withRespectTo: parameters)
        { try forward.graph.output("gradient \(forward.graph.outputs.count)", gradient) }
        let counts = try operations(forward.graph)
        #expect(blocks > 0)
        #expect(counts["batchNorm+add+relu"] == blocks)
        #expect(counts["batchNorm+relu"] == rectifiers - blocks)
        // What a block reads has two gradients. In a stage's first block one may have few pixels, which are added in place.
        let sums = counts["sum+batchNormGradient+relu"] ?? 0
        #expect(sums + (counts["add"] ?? 0) == blocks)
        #expect(counts["batchNormGradient+relu"] == rectifiers - sums)
        #expect(counts["gradient"] == nil && counts["relu"] == nil && counts["add+relu"] == nil)
    }

    @Test("Gradients are put in the order of their weights as they come")
    func gradientOrder() throws {
        let graph = try TrainingGraph.make(
            network: try Zoo.network(named: "resnet_tiny_bottleneck"), batchSize: 2,
            optimizer: SGD(momentum: 0.9)
        ).graph
        let plan = try CPUBackend(activationLayout: .channelsLast).compile(graph)
        let steps = try #require(plan as? any MeasuredPlan).stepProfiles
        let last = try #require(steps.lastIndex { $0.operation == "convolutionParameterGradient" })
        #expect(steps.contains { $0.operation == "reorder" && $0.path.hasSuffix("conv1") })
        #expect(steps[last...].count { $0.operation == "reorder" } <= 1)
    }

    @Test("A normalization before a convolution takes in its ReLU in prediction")
    func preactivation() throws {
        let counts = try operations(
            try Zoo.network(named: "densenet_tiny").predictionGraph(batchSize: 2))
        #expect((counts["batchNormInference+relu"] ?? 0) > 0)
        #expect((counts["convolution+batchNorm+relu"] ?? 0) > 0)
        #expect(counts["relu"] == nil && counts["batchNormInference"] == nil)
    }
}
