import FoveaGraph
import FoveaReference
import FoveaTensor
import Testing

/// Updates over several steps against the scalar formulas.
@Suite struct OptimizerTests {
    private let gradients: [Double] = [0.5, -1.25, 2, 0.125, -3]

    /// The weight after each step, and the slots at the end.
    private func run(_ graph: Graph, variables: [Double], step: Bool) throws -> (
        weights: [Double], slots: [Double]
    ) {
        let interpreter = try ReferenceInterpreter<Double>(graph)
        var variables = variables.map { Tensor([$0], shape: [1]) }
        var weights: [Double] = []
        for (index, gradient) in gradients.enumerated() {
            var inputs = [Tensor([gradient], shape: [1]), Tensor([0.25], shape: .scalar)]
            if step { inputs.append(Tensor([Int32(index)], shape: .scalar)) }
            variables = try interpreter.run(inputs: inputs, variables: variables).variables
            weights.append(variables[0].scalars(as: Double.self)[0])
        }
        return (weights, variables.dropFirst().map { $0.scalars(as: Double.self)[0] })
    }

    @Test(arguments: [(0, false), (0.5, false), (0.5, true)] as [(Float, Bool)], [0, 0.125] as [Float])
    func gradientDescent(form: (momentum: Float, nesterov: Bool), decay: Float) throws {
        var graph = Graph()
        let w = try graph.variable("w", [1], initial: .constant(0))
        let v = form.momentum == 0 ? nil : try graph.variable("v", [1], role: .slot, initial: .constant(0))
        let dw = try graph.input("dw", TensorType([1]))
        let rate = try graph.input("rate", TensorType(.scalar))
        let results = try graph.sgd(
            w, gradient: dw, velocity: v, learningRate: rate, momentum: form.momentum,
            usesNesterov: form.nesterov,
            weightDecay: decay)
        try graph.assign(results[0], to: w)
        if let v { try graph.assign(results[1], to: v) }
        let found = try run(graph, variables: v == nil ? [1.5] : [1.5, 0], step: false)

        var (weight, velocity) = (1.5, 0.0)
        let (momentum, decayRate) = (Double(form.momentum), Double(decay))
        for (step, gradient) in gradients.enumerated() {
            let g = gradient + decayRate * weight
            velocity = momentum * velocity + g
            weight -= 0.25 * (form.momentum == 0 ? g : form.nesterov ? g + momentum * velocity : velocity)
            #expect(abs(found.weights[step] - weight) < 1e-14)
        }
        #expect(found.slots == (v == nil ? [] : [velocity]))
    }

    @Test(arguments: [0, 0.125] as [Float])
    func adam(decay: Float) throws {
        var graph = Graph()
        let w = try graph.variable("w", [1], initial: .constant(0))
        let m = try graph.variable("m", [1], role: .slot, initial: .constant(0))
        let v = try graph.variable("v", [1], role: .slot, initial: .constant(0))
        let dw = try graph.input("dw", TensorType([1]))
        let rate = try graph.input("rate", TensorType(.scalar))
        // Powers of two, so that Float and Double agree on them.
        let results = try graph.adam(
            w, gradient: dw, moments: (m, v), step: try graph.stepInput(), learningRate: rate, beta1: 0.75,
            beta2: 0.875,
            epsilon: 0.0078125, weightDecay: decay)
        for (result, variable) in zip(results, [w, m, v]) { try graph.assign(result, to: variable) }
        let found = try run(graph, variables: [1.5, 0, 0], step: true)

        var (weight, first, second) = (1.5, 0.0, 0.0)
        var (power1, power2) = (1.0, 1.0)
        for (step, gradient) in gradients.enumerated() {
            first = 0.75 * first + 0.25 * gradient
            second = 0.875 * second + 0.125 * gradient * gradient
            power1 *= 0.75
            power2 *= 0.875
            let direction = first / (1 - power1) / ((second / (1 - power2)).squareRoot() + 0.0078125)
            weight -= 0.25 * (direction + Double(decay) * weight)
            #expect(abs(found.weights[step] - weight) < 1e-14)
        }
        #expect(abs(found.slots[0] - first) < 1e-14 && abs(found.slots[1] - second) < 1e-14)
    }

    @Test func assignmentsTakeEffectAfterAllNodes() throws {
        var graph = Graph()
        let a = try graph.variable("a", [1], initial: .constant(0))
        let b = try graph.variable("b", [1], initial: .constant(0))
        // A swap: possible only if neither is written before both are read.
        try graph.assign(b, to: a)
        try graph.assign(a, to: b)
        try graph.output("sum", try graph.add(a, try graph.scale(b, by: 10)))
        for precision in [ReferenceBackend.Precision.float, .double] {
            let plan = try ReferenceBackend(precision: precision).compile(graph)
            #expect(plan.variable(0) == Tensor(zeros: [1]))
            plan.setVariable(0, to: Tensor([1] as [Float], shape: [1]))
            plan.setVariable(1, to: Tensor([2] as [Float], shape: [1]))
            try plan.execute()
            #expect(plan.output(0).scalars(as: Float.self) == [21])
            #expect(plan.variable(0).scalars(as: Float.self) == [2])
            #expect(plan.variable(1).scalars(as: Float.self) == [1])
            try plan.execute()
            #expect(plan.output(0).scalars(as: Float.self) == [12])
        }
    }
}
