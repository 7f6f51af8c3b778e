import FoveaGraph
import FoveaReference
import FoveaTensor

/// Whether a backend means by each operation what the reference means.
///
/// Each case is compiled, run twice (so that what one run leaves behind shows in the next), and every output
/// and variable compared with the reference in Double on the same float32 numbers.
///
/// The tolerance of an output follows from the graph: with `L` the number of terms added, over all nodes of
/// the graph, `u` the unit roundoff of float32, `scale` the largest magnitude of the output (at least a tenth
/// of the largest of all outputs, because an output may be a difference of such numbers), and `δ` the change
/// of the output in Double when every given number is changed by `u` of itself, up or down at random: `(4 +
/// min(L, 8 √L)) (u · scale + δ)`. Adding `L` numbers is off by at most `L u`, and with overwhelming
/// probability by less than `8 √L u` (Higham and Mary 2019, theorem 2.4). One such change can by chance
/// cancel out; where it does not explain an error, `δ` is the largest of eight.
///
/// A backend that stores values in bfloat16 adds them up in float32: with `u` the unit roundoff of bfloat16, each of the
/// `n` nodes rounds what it reads and what it gives once, and the tolerance is `(4 + 2 √n) (u · scale + δ)`. The sums of
/// `L` rounded terms are in `δ`, which is made of such sums, but where they cancel out: the magnitude is at least half of the
/// largest of all outputs there. Cases are small then, and keep `4 u` away from kinks.
package enum ConformanceSuite {
    /// What was found for a family.
    package struct Report: Sendable, CustomStringConvertible {
        package let family: OperationFamily
        package let count: Int
        /// The largest error of any number, relative to its tensor's largest magnitude.
        package var worstRelativeError = 0.0
        /// The largest error of any number, as a share of its tolerance.
        package var worstShareOfTolerance = 0.0
        /// What was worst.
        package var worst = ""
        /// What was beyond its tolerance, or could not run; with the graph.
        package var failures: [String] = []

        package var description: String {
            """
            \(family): \(count) cases, \(failures.count) failures, worst relative error \(worstRelativeError), \
            worst share of the tolerance \(worstShareOfTolerance) (\(worst))
            """
        }
    }

    /// In what a backend stores values between operations.
    package enum Storage {
        case float32, bfloat16

        /// The largest relative error of a number rounded to it.
        var unit: Double { self == .float32 ? 0x1p-24 : 0x1p-8 }
    }

    /// Runs the first `count` cases of `family` on `backend`.
    package static func run(
        backend: any Backend, family: OperationFamily, count: Int = 200, storage: Storage = .float32
    ) throws -> Report {
        var report = Report(family: family, count: count)
        for index in 0..<count {
            let operationCase =
                try storage == .float32
                ? OperationCase.make(family, index: index)
                : OperationCase.make(family, index: index, size: .small, clearance: 4 * storage.unit)
            do {
                try check(operationCase, on: backend, storage, into: &report)
            } catch {
                report.failures.append("\(error) in \(operationCase)")
            }
        }
        return report
    }

    private static func check(
        _ given: OperationCase, on backend: any Backend, _ storage: Storage, into report: inout Report
    ) throws {
        let graph = given.graph
        let plan = try backend.compile(graph)
        for (position, tensor) in given.variables.enumerated() { plan.setVariable(position, to: tensor) }
        for (input, tensor) in zip(graph.inputs, given.inputs) { try plan.setInput(input.name, to: tensor) }

        let names = graph.outputs.map(\.name) + graph.variables.map { "variable \($0.key)" }
        let terms = graph.nodes.map { graph.reductionLength(of: $0) }.reduce(0, +)
        let unit = storage.unit
        let growth =
            switch storage {
            case .float32: 4 + min(Double(terms), 8 * Double(terms).squareRoot())
            case .bfloat16: 4 + 2 * Double(graph.nodes.count).squareRoot()
            }
        let changed = given.changed(by: unit)
        // What a normalization takes off again has a gradient of 0, for which a backend adds up roundings of larger numbers.
        let share = storage == .float32 ? 0.1 : 0.5
        let interpreter = try ReferenceInterpreter<Double>(graph)
        var variables = given.variables
        var changedVariables = changed.variables
        for step in 0..<2 {
            let variablesBefore = variables
            try plan.execute()
            let expected = try interpreter.run(inputs: given.inputs, variables: variables)
            let nearby = try interpreter.run(inputs: changed.inputs, variables: changedVariables)
            variables = expected.variables
            changedVariables = nearby.variables

            let truths = (expected.outputs + expected.variables).map(doubles)
            let others = (nearby.outputs + nearby.variables).map(doubles)
            let found =
                (graph.outputs.indices.map(plan.output) + graph.variables.indices.map(plan.variable)).map(
                    doubles)
            let largest = truths.map(largestMagnitude).max() ?? 0
            for (position, name) in names.enumerated() {
                let scale = max(largestMagnitude(truths[position]), largest * share, .leastNormalMagnitude)
                var condition = largestDifference(truths[position], others[position])
                var tolerance: Double { growth * (unit * scale + condition) }
                let error = largestDifference(truths[position], found[position])
                report.worstRelativeError = max(report.worstRelativeError, error / scale)
                if error > tolerance {
                    for trial in 1..<8 {
                        let other = given.changed(by: unit, trial: trial)
                        let result = try interpreter.run(
                            inputs: other.inputs, variables: step == 0 ? other.variables : variablesBefore)
                        let numbers = doubles((result.outputs + result.variables)[position])
                        condition = max(condition, largestDifference(truths[position], numbers))
                    }
                }
                let excess = error == 0 ? 0 : error / tolerance
                if !(excess <= report.worstShareOfTolerance) {
                    report.worstShareOfTolerance = excess
                    report.worst = "case \(given.index), run \(step), \(name)"
                }
                if !(excess <= 1) {
                    report.failures.append(
                        "\(name) is off by \(error), allowed is \(tolerance), in run \(step) of \(given)")
                }
            }
        }
    }

    private static func doubles(_ tensor: Tensor) -> [Double] { tensor.converted(to: .float64).scalars() }

    private static func largestMagnitude(_ numbers: [Double]) -> Double {
        numbers.reduce(0) { max($0, abs($1)) }
    }

    /// Infinite where the counts differ or a difference is not a number.
    private static func largestDifference(_ a: [Double], _ b: [Double]) -> Double {
        guard a.count == b.count else { return .infinity }
        return zip(a, b).reduce(0) { largest, pair in
            let difference = abs(pair.0 - pair.1)
            return difference.isNaN ? .infinity : max(largest, difference)
        }
    }
}

extension OperationCase {
    /// The same case in Double with each real number changed by `share` of itself, up or down.
    func changed(by share: Double, trial: Int = 0) -> OperationCase {
        var result = self
        var random = RandomSource(seed: 1).stream(.other(trial), step: index)
        func change(_ tensor: Tensor) -> Tensor {
            guard tensor.dtype.isFloatingPoint else { return tensor }
            let numbers: [Double] = tensor.converted(to: .float64).scalars()
            return Tensor(
                numbers.map { $0 * (1 + (random.next(below: 2) == 0 ? share : -share)) }, shape: tensor.shape)
        }
        result.inputs = inputs.map(change)
        result.variables = variables.map(change)
        return result
    }
}
