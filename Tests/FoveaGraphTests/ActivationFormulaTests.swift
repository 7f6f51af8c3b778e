import Foundation
import FoveaGraph
import FoveaReference
import FoveaTensor
import Testing

/// The activations and their derivatives against their formulas written once more, in Double.
@Suite struct ActivationFormulaTests {
    private static let numbers: [Double] = [
        -1000, -20, -4, -3, -1, -0.5, -1e-8, 0, 1e-8, 0.5, 1, 3, 4, 20, 1000,
    ]

    private func run(_ function: ActivationFunction, _ numbers: [Double]) throws -> (
        y: [Double], dx: [Double]
    ) {
        var graph = Graph()
        let x = try graph.input("x", TensorType([numbers.count]))
        let y = try graph.activation(function, x)
        try graph.output("y", y)
        let sum = try graph.reduceSum(y, to: .scalar)
        try graph.output("dx", try graph.gradients(of: sum, withRespectTo: [x])[0])
        let results = try ReferenceInterpreter<Double>(graph).run(
            inputs: [Tensor(numbers, shape: [numbers.count])])
        return (results.outputs[0].scalars(), results.outputs[1].scalars())
    }

    private static func logistic(_ x: Double) -> Double { 1 / (1 + exp(-x)) }

    /// Value and derivative of `function` at `x`.
    private func formula(_ function: ActivationFunction, _ x: Double) -> (Double, Double) {
        let root = (2 / Double.pi).squareRoot()
        switch function {
        case .relu: return (max(x, 0), x > 0 ? 1 : 0)
        case .tanh: return (Foundation.tanh(x), 1 - pow(Foundation.tanh(x), 2))
        case .sigmoid: return (Self.logistic(x), Self.logistic(x) * Self.logistic(-x))
        case .leakyReLU(let slope): return x > 0 ? (x, 1) : (Double(slope) * x, Double(slope))
        case .elu(let alpha):
            return x > 0 ? (x, 1) : (Double(alpha) * expm1(x), Double(alpha) * exp(x))
        case .gelu:
            let share = (1 + erf(x / 2.squareRoot())) / 2
            return (x * share, share + x * exp(-x * x / 2) / (2 * Double.pi).squareRoot())
        case .geluTanh:
            let t = Foundation.tanh(root * (x + 0.044715 * pow(x, 3)))
            return (x / 2 * (1 + t), (1 + t) / 2 + x / 2 * (1 - t * t) * root * (1 + 0.134145 * x * x))
        case .swish:
            let s = Self.logistic(x)
            return (x * s, s * (1 + x * (1 - s)))
        case .hardSigmoid: return (min(max(x + 3, 0), 6) / 6, abs(x) < 3 ? 1 / 6 : 0)
        case .hardSwish:
            return (x * min(max(x + 3, 0), 6) / 6, x <= -3 ? 0 : x >= 3 ? 1 : x / 3 + 0.5)
        case .softplus: return (x > 30 ? x : log1p(exp(x)), Self.logistic(x))
        }
    }

    @Test(arguments: ActivationFunction.examples + [.leakyReLU(slope: 0.3), .elu(alpha: 2)])
    func valuesAndDerivatives(function: ActivationFunction) throws {
        let found = try run(function, Self.numbers)
        for (position, x) in Self.numbers.enumerated() {
            let (y, slope) = formula(function, x)
            #expect(abs(found.y[position] - y) <= 1e-12 * max(1, abs(y)), "\(function) of \(x)")
            #expect(abs(found.dx[position] - slope) <= 1e-12, "the slope of \(function) at \(x)")
        }
    }

    @Test(arguments: ActivationFunction.examples)
    func notANumberStaysOne(function: ActivationFunction) throws {
        #expect(try run(function, [.nan, 1]).y[0].isNaN)
    }

    /// The approximations are as near as they are said to be.
    @Test func approximations() throws {
        let numbers = (-800...800).map { Double($0) / 100 }
        let (exact, fast) = (try run(.gelu, numbers).y, try run(.geluTanh, numbers).y)
        #expect(zip(exact, fast).map { abs($0 - $1) }.max()! < 5e-4)
    }

    @Test func parametricReLUHasASlopeForEachChannel() throws {
        var graph = Graph()
        let x = try graph.input("x", TensorType([2, 2, 1, 2]))
        let weight = try graph.variable("weight", [2], initial: .constant(0))
        let y = try graph.parametricReLU(x, weight: weight)
        try graph.output("y", y)
        let sum = try graph.reduceSum(y, to: .scalar)
        for gradient in try graph.gradients(of: sum, withRespectTo: [x, weight]) {
            try graph.output("gradient \(graph.outputs.count)", gradient)
        }
        let results = try ReferenceInterpreter<Double>(graph).run(
            inputs: [Tensor([1, -2, -3, 4, -5, 6, 0, -8] as [Double], shape: [2, 2, 1, 2])],
            variables: [Tensor([0.5, 2] as [Double], shape: [2])]
        ).outputs.map { $0.scalars(as: Double.self) }
        #expect(results[0] == [1, -1, -6, 4, -2.5, 6, 0, -16])
        #expect(results[1] == [1, 0.5, 2, 1, 0.5, 1, 2, 2])
        #expect(results[2] == [-2 - 5, -3 - 8])
    }
}
