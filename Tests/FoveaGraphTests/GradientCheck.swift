import FoveaGraph
import FoveaReference
import FoveaTensor
import FoveaTestSupport

/// The gradients that a graph computes against differences of its objective, both in Double.
struct GradientCheck {
    /// The largest error of any derivative, relative to the larger of both.
    private(set) var worstError = 0.0
    /// Where it was.
    private(set) var worst = ""
    /// How many derivatives were compared.
    private(set) var count = 0

    // The objective is near 1 to 10, so a difference is good to 1e-15 / step, and the fourth-order formula to
    // step⁴. Small enough that what a normalization makes of two steps stays within the cases' distance to
    // kinks.
    private static let step = 2e-5
    // Smaller derivatives are compared absolutely: they are differences of larger ones.
    private static let floor = 1e-3
    private static let elementsPerSource = 12

    /// Compares some elements of each gradient, and the derivative along a random direction of all of them.
    mutating func run(_ given: OperationCase) throws {
        guard let objective = given.objective else { return }
        // Differences need the forward part alone.
        var forward = given.graph
        forward.nodes.removeAll { $0.phase != .forward }
        forward.assignments = []
        forward.outputs = [given.graph.outputs[objective]]
        let interpreter = try ReferenceInterpreter<Double>(forward)
        let inputs = given.inputs.map { ReferenceValue<Double>($0) }
        let variables = given.variables.map { ReferenceValue<Double>($0) }
        let results = try ReferenceInterpreter<Double>(given.graph).run(inputs: inputs, variables: variables)
        var random = RandomSource(seed: 3).stream(.other(0), step: given.index)

        for gradient in given.gradients {
            let analytic = numbers(results.outputs[gradient.output])
            let order = random.permutation(analytic.count)
            var directions = order.prefix(Self.elementsPerSource).map { index in
                var direction = [Double](repeating: 0, count: analytic.count)
                direction[index] = 1
                return direction
            }
            if analytic.count > 1 {
                let direction = analytic.map { _ in Double(random.next(below: 2001)) / 1000 - 1 }
                let length = direction.reduce(0) { $0 + $1 * $1 }.squareRoot()
                directions.append(direction.map { $0 / max(length, 1e-3) })
            }
            for direction in directions {
                let expected = zip(analytic, direction).reduce(0) { $0 + $1.0 * $1.1 }
                func objectiveAt(_ distance: Double) throws -> Double {
                    var (inputs, variables) = (inputs, variables)
                    switch gradient.source {
                    case .input(let position):
                        inputs[position] = moved(inputs[position], along: direction, by: distance)
                    case .variable(let position):
                        variables[position] = moved(variables[position], along: direction, by: distance)
                    case .node: preconditionFailure("only sources are moved")
                    }
                    return numbers(try interpreter.run(inputs: inputs, variables: variables).outputs[0])[0]
                }
                let h = Self.step
                let near = try objectiveAt(h) - objectiveAt(-h)
                let far = try objectiveAt(2 * h) - objectiveAt(-2 * h)
                let difference = (8 * near - far) / (12 * h)
                let error = abs(difference - expected) / max(abs(difference), abs(expected), Self.floor)
                count += 1
                if !(error <= worstError) {
                    worstError = error.isNaN ? .infinity : error
                    worst =
                        "\(difference) by differences, \(expected) by the rule, for \(gradient.source) of \(given)"
                }
            }
        }
    }

    private func numbers(_ value: ReferenceValue<Double>) -> [Double] {
        guard case .real(let array) = value else { return [] }
        return array.elements
    }

    private func moved(
        _ value: ReferenceValue<Double>, along direction: [Double], by distance: Double
    ) -> ReferenceValue<Double> {
        guard case .real(var array) = value else { return value }
        for index in direction.indices { array.elements[index] += distance * direction[index] }
        return .real(array)
    }
}
