import Foundation
import FoveaGraph
import FoveaReference
import FoveaTensor
import FoveaTestSupport
import Testing

/// The reference against the formulas of `FoveaGraph/Operations` written down once more, index by index, for
/// random cases.
@Suite struct FormulaTests {
    /// An image or a weight with four indices; zero outside.
    private struct Indexed {
        let shape: Shape
        let numbers: [Double]

        init(_ tensor: Tensor) {
            shape = tensor.shape
            numbers = tensor.converted(to: .float64).scalars()
        }

        subscript(n: Int, c: Int, i: Int, j: Int) -> Double {
            guard 0..<shape[2] ~= i, 0..<shape[3] ~= j else { return 0 }
            return numbers[((n * shape[1] + c) * shape[2] + i) * shape[3] + j]
        }
    }

    private func outputs(of given: OperationCase) throws -> [String: Tensor] {
        let results = try ReferenceInterpreter<Double>(given.graph).run(
            inputs: given.inputs, variables: given.variables)
        return Dictionary(uniqueKeysWithValues: zip(given.graph.outputs.map(\.name), results.outputs))
    }

    private func expectClose(_ found: Tensor, _ expected: [Double], _ given: OperationCase) {
        let numbers: [Double] = found.scalars()
        #expect(numbers.count == expected.count)
        for (a, b) in zip(numbers, expected) where !(abs(a - b) <= 1e-12 * max(1, abs(b))) {
            Issue.record("\(a) is not \(b) in \(given)")
            return
        }
    }

    /// Calls `body` with every index into `shape`.
    private func map(_ shape: Shape, _ body: (Int, Int, Int, Int) -> Double) -> [Double] {
        var result: [Double] = []
        for n in 0..<shape[0] {
            for c in 0..<shape[1] {
                for i in 0..<shape[2] { for j in 0..<shape[3] { result.append(body(n, c, i, j)) } }
            }
        }
        return result
    }

    @Test func convolution() throws {
        for index in 0..<100 {
            let given = try OperationCase.make(.convolution, index: index)
            guard case .convolution(let rule) = given.graph.nodes[0].operation else {
                Issue.record("not the operation of the family")
                continue
            }
            let (x, w) = (Indexed(given.inputs[0]), Indexed(given.variables[0]))
            let bias: [Double]? =
                given.variables.count == 2 ? given.variables[1].converted(to: .float64).scalars() : nil
            let y = try outputs(of: given)["y0"]!
            let filtersPerGroup = w.shape[0] / rule.groups
            let expected = map(y.shape) { n, k, i, j in
                var sum = bias?[k] ?? 0
                for c in 0..<w.shape[1] {
                    for u in 0..<w.shape[2] {
                        for v in 0..<w.shape[3] {
                            sum +=
                                w[k, c, u, v]
                                * x[
                                    n, k / filtersPerGroup * w.shape[1] + c,
                                    i * rule.stride.height + u * rule.dilation.height - rule.padding.top,
                                    j * rule.stride.width + v * rule.dilation.width - rule.padding.left]
                        }
                    }
                }
                return sum
            }
            expectClose(y, expected, given)
        }
    }

    @Test func pool() throws {
        for index in 0..<100 {
            let given = try OperationCase.make(.pool, index: index)
            guard case .pool(let rule) = given.graph.nodes[0].operation else {
                Issue.record("not the operation of the family")
                continue
            }
            let (x, window) = (Indexed(given.inputs[0]), rule.poolWindow)
            let y = try outputs(of: given)["y0"]!
            let expected = map(y.shape) { n, c, i, j in
                var seen: [Double] = []
                for u in 0..<window.kernel.height {
                    for v in 0..<window.kernel.width {
                        let row = i * window.stride.height + u * window.dilation.height - window.padding.top
                        let column = j * window.stride.width + v * window.dilation.width - window.padding.left
                        if 0..<x.shape[2] ~= row, 0..<x.shape[3] ~= column {
                            seen.append(x[n, c, row, column])
                        }
                    }
                }
                switch rule.reduction {
                case .maximum: return seen.max()!
                case .average(countsPadding: true): return seen.reduce(0, +) / Double(window.tapCount)
                case .average(countsPadding: false): return seen.reduce(0, +) / Double(seen.count)
                }
            }
            expectClose(y, expected, given)
        }
    }

    @Test func dense() throws {
        for index in 0..<50 {
            let given = try OperationCase.make(.dense, index: index)
            let (x, w) = (given.inputs[0].shape, given.variables[0].shape)
            let xs: [Double] = given.inputs[0].converted(to: .float64).scalars()
            let ws: [Double] = given.variables[0].converted(to: .float64).scalars()
            let bias: [Double]? =
                given.variables.count == 2 ? given.variables[1].converted(to: .float64).scalars() : nil
            var expected: [Double] = []
            for n in 0..<x[0] {
                for k in 0..<w[0] {
                    expected.append(
                        (0..<x[1]).reduce(bias?[k] ?? 0) { $0 + xs[n * x[1] + $1] * ws[k * x[1] + $1] })
                }
            }
            expectClose(try outputs(of: given)["y0"]!, expected, given)
        }
    }

    @Test func batchNormInference() throws {
        for index in 0..<50 {
            let given = try OperationCase.make(.batchNormInference, index: index)
            guard case .batchNormInference(let rule) = given.graph.nodes[0].operation else {
                Issue.record("not the operation of the family")
                continue
            }
            let x = given.inputs[0]
            let xs: [Double] = x.converted(to: .float64).scalars()
            let parameters: [[Double]] = given.variables.map { $0.converted(to: .float64).scalars() }
            let plane = x.shape.dimensions.dropFirst(2).reduce(1, *)
            let expected = xs.enumerated().map { index, element in
                let c = index / plane % x.shape[1]
                let deviation = (parameters[3][c] + Double(rule.epsilon)).squareRoot()
                return parameters[0][c] * (element - parameters[2][c]) / deviation + parameters[1][c]
            }
            expectClose(try outputs(of: given)["y0"]!, expected, given)
        }
    }

    @Test func batchNormNormalizesAndFollowsTheStatistics() throws {
        var graph = Graph()
        let x = try graph.input("x", TensorType([2, 1, 1, 2]))
        let scale = try graph.variable("scale", [1], initial: .constant(1))
        let shift = try graph.variable("shift", [1], initial: .constant(0))
        let mean = try graph.variable("mean", [1], role: .statistic, initial: .constant(0))
        let variance = try graph.variable("variance", [1], role: .statistic, initial: .constant(1))
        let y = try graph.batchNorm(
            x, scale: scale, shift: shift, runningMean: mean, runningVariance: variance, epsilon: 0,
            momentum: 0.25)
        try graph.output("y", y)
        let results = try ReferenceInterpreter<Double>(graph).run(
            inputs: [Tensor([1, 3, 5, 7] as [Double], shape: [2, 1, 1, 2])],
            variables: [[2], [10], [8], [1]].map { Tensor($0 as [Double], shape: [1]) })
        // Mean 4, variance 5, and 20 / 3 when divided by one less.
        let root = 5.0.squareRoot()
        let expected = [-3, -1, 1, 3].map { 2 * $0 / root + 10 }
        for (a, b) in zip(results.outputs[0].scalars(as: Double.self), expected) {
            #expect(abs(a - b) < 1e-14)
        }
        #expect(results.variables[2].scalars(as: Double.self) == [0.75 * 8 + 0.25 * 4])
        #expect(abs(results.variables[3].scalars(as: Double.self)[0] - (0.75 * 1 + 0.25 * 20 / 3)) < 1e-14)
        // The parameters are left alone.
        #expect(results.variables[0].scalars(as: Double.self) == [2])
    }

    @Test func broadcastingRepeatsAxesOfExtentOneAndMissingAxes() throws {
        var graph = Graph()
        let a = try graph.input("a", TensorType([2, 1]))
        let b = try graph.input("b", TensorType([3]))
        try graph.output("sum", try graph.add(a, b))
        try graph.output("product", try graph.multiply(b, a))
        try graph.output("columns", try graph.reduceSum(try graph.add(a, b), to: [3]))
        try graph.output("rows", try graph.reduceSum(try graph.add(a, b), to: [2, 1]))
        let results = try ReferenceInterpreter<Float>(graph).run(inputs: [
            Tensor([10, 20] as [Float], shape: [2, 1]), Tensor([1, 2, 3] as [Float], shape: [3]),
        ])
        let numbers = results.outputs.map { $0.scalars(as: Float.self) }
        #expect(numbers[0] == [11, 12, 13, 21, 22, 23])
        #expect(numbers[1] == [10, 20, 30, 20, 40, 60])
        #expect(numbers[2] == [32, 34, 36])
        #expect(numbers[3] == [36, 66])
    }

    @Test func joiningAndCuttingKeepTheOrder() throws {
        var graph = Graph()
        let a = try graph.input("a", TensorType([2, 1, 2]))
        let b = try graph.input("b", TensorType([2, 2, 2]))
        let joined = try graph.concatenate([a, b, a], axis: 1)
        try graph.output("joined", joined)
        try graph.output("middle", try graph.slice(joined, axis: 1, start: 1, count: 2))
        try graph.output("last", try graph.slice(joined, axis: 2, start: 1, count: 1))
        let results = try ReferenceInterpreter<Float>(graph).run(inputs: [
            Tensor([1, 2, 3, 4] as [Float], shape: [2, 1, 2]),
            Tensor([5, 6, 7, 8, 9, 10, 11, 12] as [Float], shape: [2, 2, 2]),
        ])
        let numbers = results.outputs.map { $0.scalars(as: Float.self) }
        #expect(numbers[0] == [1, 2, 5, 6, 7, 8, 1, 2, 3, 4, 9, 10, 11, 12, 3, 4])
        #expect(numbers[1] == [5, 6, 7, 8, 9, 10, 11, 12])
        #expect(numbers[2] == [2, 6, 8, 2, 4, 10, 12, 4])
    }

    @Test func dropoutKeepsWhatTheRandomNumbersSay() throws {
        var graph = Graph()
        let x = try graph.input("x", TensorType([40, 50]))
        try graph.output("first", try graph.dropout(x, rate: 0.25))
        try graph.output("second", try graph.dropout(x, rate: 0.25))
        #expect(graph.inputs.map(\.name) == ["x", "seed", "step"])
        let ones = Tensor(Array(repeating: Float(1), count: 2000), shape: [40, 50])
        let seed = Tensor([-5, 7] as [Int32], shape: [2])
        func run(step: Int32) throws -> [[Float]] {
            try ReferenceInterpreter<Float>(graph).run(inputs: [ones, seed, Tensor([step], shape: .scalar)])
                .outputs
                .map { $0.scalars() }
        }
        let outputs = try run(step: 3)
        for (position, output) in outputs.enumerated() {
            let stream = RandomSource(seed: 7 << 32 | 0xFFFF_FFFB).stream(.dropout(position), step: 3)
            let expected = (0..<2000).map { stream.uniform(at: $0) >= 0.25 ? Float(1) / 0.75 : 0 }
            #expect(output == expected)
            // 1500 are expected, with a standard deviation of 19.4.
            #expect(abs(output.count { $0 != 0 } - 1500) < 100)
        }
        #expect(outputs[0] != outputs[1])
        #expect(try run(step: 3) == outputs)
        #expect(try run(step: 4)[0] != outputs[0])
    }

    @Test func lossesFollowTheirFormulas() throws {
        var graph = Graph()
        let logits = try graph.input("logits", TensorType([2, 3]))
        let labels = try graph.input("labels", TensorType([2], .int32))
        let target = try graph.input("target", TensorType([2, 3]))
        try graph.output("crossEntropy", try graph.softmaxCrossEntropy(logits, labels: labels))
        try graph.output("softmax", try graph.softmax(logits))
        try graph.output("squaredError", try graph.meanSquaredError(logits, target: target))
        try graph.output("penalty", try graph.l2Penalty(logits, strength: 0.5))
        let interpreter = try ReferenceInterpreter<Double>(graph)
        // Logits far beyond what exp can hold.
        let numbers: [Double] = [1000, 1001, 999, -2, 0, 2]
        func run(_ label: Int32) throws -> [[Double]] {
            try interpreter.run(inputs: [
                Tensor(numbers, shape: [2, 3]), Tensor([1, label], shape: [2]),
                Tensor([999, 1001, 1000, 0, 0, 0] as [Double], shape: [2, 3]),
            ]).outputs.map { $0.scalars() }
        }
        let results = try run(0)
        let e = exp(1.0)
        let first = [1 / e, 1, 1 / (e * e)].map { $0 / (1 + 1 / e + 1 / (e * e)) }
        // Probabilities of -2, 0, 2.
        let sum = 1 / (e * e) + 1 + e * e
        let second = [1 / (e * e) / sum, 1 / sum, e * e / sum]
        for (a, b) in zip(results[1], first + second) { #expect(abs(a - b) < 1e-14) }
        let expected = -(log(first[1]) + log(second[0])) / 2
        #expect(abs(results[0][0] - expected) < 1e-12, "\(results[0][0])")
        #expect(results[2] == [(1 + 0 + 1 + 4 + 0 + 4) / 2.0])
        #expect(results[3] == [0.25 * numbers.reduce(0) { $0 + $1 * $1 }])
        #expect(try run(3)[0][0].isNaN)
        #expect(try run(-1)[0][0].isNaN)
    }
}
