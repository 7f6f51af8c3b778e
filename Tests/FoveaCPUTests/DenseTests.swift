import CFoveaKernels
import FoveaCPU
import FoveaGraph
import FoveaReference
import FoveaTensor
import Testing

/// Dense products of small batches with many trained weights.
@Suite struct DenseTests {
    /// Sizes that are and are not whole tiles, blocks and vectors; fewer units than threads.
    @Test(arguments: [1, 2, 8, 15, 16, 17, 33, 128], [(1, 3), (384, 14), (391, 451), (770, 85)])
    func forwardIsTheProductInDouble(batch: Int, size: (inputs: Int, units: Int)) {
        let (inputs, units) = size
        let random = RandomSource(seed: 1).stream(.other(batch))
        let x = (0..<batch * inputs).map { random.uniform(at: $0) - 0.5 }
        let weight = (0..<units * inputs).map { random.uniform(at: x.count + $0) - 0.5 }
        let bias = (0..<units).map { Float($0) }
        let shape = fovea_dense(batch: batch, inputs: inputs, units: units)
        for bias in [nil, bias] {
            let results = [Int32(1), 2, 3].map { threads in
                // NaN shows what is read before it is written.
                var scratch = [Float](
                    repeating: .nan, count: fovea_dense_scratch(threads) / MemoryLayout<Float>.size)
                return [Float](unsafeUninitializedCapacity: batch * units) { y, count in
                    withUnsafePointer(to: shape) {
                        fovea_dense_forward(
                            $0, threads, x, weight, bias, y.baseAddress!, &scratch)
                    }
                    count = batch * units
                }
            }
            #expect(results[1] == results[0] && results[2] == results[0])
            for (place, found) in results[0].enumerated() {
                let (sample, unit) = (place / units, place % units)
                var expected = Double(bias?[unit] ?? 0)
                for k in 0..<inputs {
                    expected += Double(x[sample * inputs + k]) * Double(weight[unit * inputs + k])
                }
                #expect(abs(Double(found) - expected) <= 2e-5 + 1e-7 * abs(expected))
            }
        }
    }

    @Test(
        arguments: [(4, false), (8, true), (45, true), (128, true), (129, false)],
        [ActivationFunction.relu, .tanh])
    func trainingAgreesWithTheReference(batch: (size: Int, isOwn: Bool), function: ActivationFunction) throws
    {
        var graph = Graph()
        let x = try graph.input("x", TensorType([batch.size, 1030]))
        let weight = try graph.variable("weight", [1025, 1030], initial: .constant(0))
        let bias = try graph.variable("bias", [1025], initial: .constant(0))
        let y = try graph.activation(function, try graph.dense(x, weight: weight, bias: bias))
        try graph.output("y", y)
        let factors = try graph.input("factors", TensorType(graph.shape(of: y)))
        let objective = try graph.reduceSum(try graph.multiply(y, factors), to: .scalar)
        let gradients = try graph.gradients(of: objective, withRespectTo: [x, weight, bias])
        try graph.output("dx", gradients[0])
        let rate = try graph.input("rate", TensorType(.scalar))
        graph.phase = .update
        for (variable, gradient) in zip([weight, bias], gradients.dropFirst()) {
            let changed = try graph.sgd(
                variable, gradient: gradient, velocity: nil, learningRate: rate, momentum: 0,
                usesNesterov: false,
                weightDecay: 0)
            try graph.assign(changed[0], to: variable)
        }

        let (plan, found) = try runOnRandomInputs(graph, on: CPUBackend(threads: 2), setsVariables: true)
        let rows = plan.explain().split(separator: "\n").filter {
            $0.contains(" dense ") || $0.contains(" dense+")
        }
        #expect(rows.count == 1 && rows[0].contains(" fovea ") == batch.isOwn)
        let (reference, expected) = try runOnRandomInputs(
            graph, on: ReferenceBackend(precision: .double), setsVariables: true)
        func variables(_ plan: any Plan) -> [[Double]] {
            graph.variables.indices.map {
                plan.variable($0).converted(to: .float64).scalars(as: Double.self)
            }
        }
        for (found, expected) in zip(found + variables(plan), expected + variables(reference)) {
            let largest = expected.map { abs($0) }.max()!
            let error = zip(found, expected).map { abs($0 - $1) }.max()!
            // Rounding is by the largest product, which is 12, whatever the function makes of it.
            #expect(error <= 1e-6 * max(largest, 12))
            #expect(largest > 0.1)
        }
    }
}
