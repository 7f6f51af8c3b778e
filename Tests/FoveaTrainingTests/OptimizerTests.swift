import FoveaGraph
import FoveaReference
import FoveaTensor
import Testing

import FoveaTraining

/// Updates as graphs against loops written by hand in Double.
@Suite struct OptimizerTests {
    static let start: [Double] = [0.5, -1.25, 2, 0, 1e-3]

    /// The parameter after `steps` steps on the objective `2 · Σ w²`, whose gradient is `4 w`.
    static func run(
        _ optimizer: any Optimizer, steps: Int, rate: Float, precision: ReferenceBackend.Precision
    )
        throws -> (plan: any Plan, weights: [Double])
    {
        var graph = Graph()
        let weight = try graph.variable("w", [start.count], initial: .constant(0))
        let objective = try graph.l2Penalty(weight, strength: 4)
        let gradient = try graph.gradients(of: objective, withRespectTo: [weight])[0]
        let learningRate = try graph.input("learningRate", TensorType(.scalar))
        try optimizer.update(of: weight, gradient: gradient, learningRate: learningRate, in: &graph)
        let plan = try ReferenceBackend(precision: precision).compile(graph)
        plan.setVariable(0, to: Tensor(start.map { Float($0) }, shape: [start.count]))
        try plan.setInput("learningRate", to: Tensor([rate], shape: .scalar))
        for step in 0..<steps {
            if graph.position(ofInput: "step") != nil {
                try plan.setInput("step", to: Tensor([Int32(step)], shape: .scalar))
            }
            try plan.execute()
        }
        return (plan, plan.variable(0).scalars(as: Float.self).map(Double.init))
    }

    static func expectClose(_ found: [Double], _ expected: [Double]) {
        for (found, expected) in zip(found, expected) {
            #expect(abs(found - expected) <= 2e-6 * max(1, abs(expected)), "\(found) and not \(expected)")
        }
    }

    @Test(arguments: [(0.0, false), (0.9, false), (0.9, true)], [0.0, 0.1])
    func gradientDescentIsTheFormula(momentum: (Double, Bool), decay: Double) throws {
        let rate = Double(Float(0.01))
        var weights = Self.start.map { Double(Float($0)) }
        var velocity = [Double](repeating: 0, count: weights.count)
        let (share, nesterov) = (Double(Float(momentum.0)), momentum.1)
        for _ in 0..<10 {
            for index in weights.indices {
                let gradient = 4 * weights[index] + Double(Float(decay)) * weights[index]
                velocity[index] = share * velocity[index] + gradient
                weights[index] -= rate * (nesterov ? gradient + share * velocity[index] : velocity[index])
            }
        }
        let optimizer = SGD(momentum: Float(momentum.0), nesterov: nesterov, weightDecay: Float(decay))
        Self.expectClose(try Self.run(optimizer, steps: 10, rate: 0.01, precision: .double).weights, weights)
    }

    @Test(arguments: [0.0, 0.05])
    func adamIsTheFormula(decay: Double) throws {
        let (beta1, beta2, epsilon, rate) = (
            Double(Float(0.9)), Double(Float(0.999)), Double(Float(1e-8)), Double(Float(0.02))
        )
        var weights = Self.start.map { Double(Float($0)) }
        var first = [Double](repeating: 0, count: weights.count)
        var second = first
        for step in 1...10 {
            for index in weights.indices {
                let gradient = 4 * weights[index]
                first[index] = beta1 * first[index] + (1 - beta1) * gradient
                second[index] = beta2 * second[index] + (1 - beta2) * gradient * gradient
                let (m, v) = (first[index] / (1 - pow(beta1, step)), second[index] / (1 - pow(beta2, step)))
                weights[index] -=
                    rate * (m / (v.squareRoot() + epsilon) + Double(Float(decay)) * weights[index])
            }
        }
        let optimizer: any Optimizer = decay == 0 ? Adam() : AdamW(weightDecay: Float(decay))
        Self.expectClose(try Self.run(optimizer, steps: 10, rate: 0.02, precision: .double).weights, weights)
    }

    @Test func withoutMomentumNothingIsRemembered() throws {
        let plain = try Self.run(SGD(), steps: 5, rate: 0.01, precision: .float)
        #expect(plain.plan.graph.variables(.slot).isEmpty)
        // A momentum so small that its products vanish takes the other path to the same bits.
        let tiny = try Self.run(SGD(momentum: .leastNormalMagnitude), steps: 5, rate: 0.01, precision: .float)
        #expect(tiny.plan.graph.variables(.slot).map(\.key) == ["optimizer.momentum.w"])
        #expect(plain.weights == tiny.weights)
    }

    @Test func settingsWithoutMeaningAreRefused() {
        #expect(errorText { try SGD(momentum: 1).validate() }.contains("[0, 1)"))
        #expect(errorText { try SGD(nesterov: true).validate() }.contains("momentum"))
        #expect(errorText { try Adam(beta2: .nan).validate() }.contains("beta2"))
        #expect(errorText { try AdamW(epsilon: 0).validate() }.contains("epsilon"))
        #expect(errorText { try AdamW(weightDecay: -1).validate() }.contains("weight decay"))
    }

    @Test func configurationsReadBack() throws {
        var configuration = TrainingConfiguration()
        for optimizer in [SGD(momentum: 0.5, nesterov: true), Adam(beta1: 0.8), AdamW()] as [any Optimizer] {
            for rate in [
                LearningRate.constant(0.1), .step(0.1, every: 3), .cosine(0.1, warmupEpochs: 2, final: 1e-4),
                .oneCycle(0.1),
            ] {
                configuration.optimizer = OptimizerChoice(optimizer)
                configuration.learningRate = rate
                #expect(
                    try JSON.value(TrainingConfiguration.self, from: JSON.text(configuration))
                        == configuration)
            }
        }
        let short = try JSON.value(OptimizerChoice.self, from: #"{"name": "adamw", "weightDecay": 0.5}"#)
        #expect(short == OptimizerChoice(AdamW(weightDecay: 0.5)))
        #expect(
            errorText { _ = try JSON.value(OptimizerChoice.self, from: #"{"name": "adagrad"}"#) }.contains(
                "sgd, adam"))
    }

    private func pow(_ base: Double, _ exponent: Int) -> Double {
        (0..<exponent).reduce(1) { product, _ in product * base }
    }
}

@Suite struct LearningRateTests {
    let span = LearningRate.Span(steps: 10, stepsPerEpoch: 2)

    @Test func constantAndStep() {
        #expect((0..<10).allSatisfy { LearningRate.constant(0.3).rate(at: $0, of: span) == 0.3 })
        let rates = (0..<10).map { LearningRate.step(1, every: 2, factor: 0.5).rate(at: $0, of: span) }
        #expect(rates == [1, 1, 1, 1, 0.5, 0.5, 0.5, 0.5, 0.25, 0.25])
    }

    @Test func cosineRisesAndFalls() {
        let rates = (0...10).map {
            LearningRate.cosine(1, warmupEpochs: 1, final: 0.2).rate(at: $0, of: span)
        }
        #expect(rates[0] == 0.5 && rates[1] == 1 && rates[2] == 1)
        #expect(abs(rates[6] - 0.6) < 1e-6)
        #expect(rates[10] == 0.2)
        #expect(zip(rates[2...], rates[3...]).allSatisfy { $0 >= $1 })
    }

    /// torch.optim.lr_scheduler.OneCycleLR(max_lr=1, total_steps=10): its defaults, worked out from its
    /// formula.
    @Test func oneCycleIsPyTorchs() {
        let rates = (0..<10).map { LearningRate.oneCycle(1).rate(at: $0, of: span) }
        #expect(abs(rates[0] - 0.04) < 1e-7 && abs(rates[1] - 0.52) < 1e-6 && abs(rates[2] - 1) < 1e-6)
        #expect(abs(rates[9] - 4e-6) < 1e-9)
        #expect(abs(rates[5] - 0.611_262) < 1e-5)
    }
}
