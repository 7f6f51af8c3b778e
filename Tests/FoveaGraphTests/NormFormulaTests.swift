import Foundation
import FoveaGraph
import FoveaReference
import FoveaTensor
import FoveaTestSupport
import Testing

/// The normalizations against their formulas, by worked numbers and written once more.
@Suite struct NormFormulaTests {
    /// What `build` makes of `numbers` under `shape`, in Double.
    private func run(
        _ numbers: [Double], _ shape: Shape, parameters: [(Shape, [Double])] = [],
        _ build: (inout Graph, Graph.Value, [Graph.Value]) throws -> Graph.Value
    ) throws -> [Double] {
        var graph = Graph()
        let x = try graph.input("x", TensorType(shape))
        var values: [Graph.Value] = []
        for (position, parameter) in parameters.enumerated() {
            values.append(try graph.variable("\(position)", parameter.0, initial: .constant(0)))
        }
        try graph.output("y", try build(&graph, x, values))
        return try ReferenceInterpreter<Double>(graph).run(
            inputs: [Tensor(numbers, shape: shape)],
            variables: parameters.map { Tensor($0.1, shape: $0.0) }
        ).outputs[0].scalars()
    }

    private func expectEqual(_ found: [Double], _ expected: [Double]) {
        #expect(found.count == expected.count)
        for (a, b) in zip(found, expected) { #expect(abs(a - b) <= 1e-14 * max(1, abs(b)), "\(found)") }
    }

    @Test func groupsAreNormalizedEachForItself() throws {
        // Two channels of two pixels: means 2 and 7, variances 1 and 4; together 4.5 and 8.75.
        let numbers: [Double] = [1, 3, 5, 9]
        func norm(groups: Int, _ shape: Shape = [1, 2, 1, 2]) throws -> [Double] {
            try run(numbers, shape) { graph, x, _ in try graph.groupNorm(x, groups: groups, epsilon: 0) }
        }
        let root = 8.75.squareRoot()
        let together = numbers.map { ($0 - 4.5) / root }
        expectEqual(try norm(groups: 2), [-1, 1, -1, 1])
        expectEqual(try norm(groups: 1), together)
        expectEqual(try norm(groups: 1, [1, 4]), together)
        expectEqual(try norm(groups: 2, [1, 4]), [-1, 1, -1, 1])
        // Two samples never mix.
        expectEqual(try norm(groups: 1, [2, 2]), [-1, 1, -1, 1])
    }

    @Test func epsilonIsUnderTheRoot() throws {
        let y = try run([1, 3], [1, 2]) { graph, x, _ in try graph.groupNorm(x, groups: 1, epsilon: 3) }
        expectEqual(y, [-0.5, 0.5])
    }

    @Test func scaleAndShiftAreOfChannelsOrOfElements() throws {
        let numbers: [Double] = [1, 3, 5, 9]
        func norm(_ shape: Shape, _ scale: [Double], _ shift: [Double]) throws -> [Double] {
            try run(numbers, [1, 2, 1, 2], parameters: [(shape, scale), (shape, shift)]) { graph, x, p in
                try graph.groupNorm(x, groups: 2, affine: (p[0], p[1]), epsilon: 0)
            }
        }
        expectEqual(try norm([2], [10, 20], [1, 2]), [-9, 11, -18, 22])
        expectEqual(try norm([2, 1, 2], [1, 2, 3, 4], [10, 20, 30, 40]), [9, 22, 27, 44])
    }

    @Test func localResponsesAcrossChannels() throws {
        let norm = Operation.LocalResponseNorm(
            region: .acrossChannels, size: 3, alpha: 3, beta: 1, k: 1)
        let y = try run([1, 2, 3], [1, 3, 1, 1]) { graph, x, _ in try graph.localResponseNorm(x, norm) }
        // alpha / 3 = 1; the sums of squares are 5, 14 and 13.
        expectEqual(y, [1.0 / 6, 2.0 / 15, 3.0 / 14])
    }

    @Test func localResponsesWithinAChannel() throws {
        let norm = Operation.LocalResponseNorm(
            region: .withinChannel, size: 3, alpha: 9, beta: 0.5, k: 2)
        let y = try run([1, 2, 3, 4, 5], [1, 1, 1, 5]) { graph, x, _ in
            try graph.localResponseNorm(x, norm)
        }
        // alpha / 9 = 1: the rows that are missing count in the divisor.
        let sums: [Double] = [5, 14, 29, 50, 41]
        expectEqual(y, zip([1, 2, 3, 4, 5] as [Double], sums).map { $0 / (2 + $1).squareRoot() })
        // A second channel changes nothing.
        let two = try run([1, 2, 3, 4, 5, 9, 9, 9, 9, 9], [1, 2, 1, 5]) { graph, x, _ in
            try graph.localResponseNorm(x, norm)
        }
        expectEqual(Array(two.prefix(5)), y)
    }

    @Test func theAxesAveragedAreSaid() throws {
        var graph = Graph()
        let image = try graph.input("image", TensorType([2, 6, 4, 4]))
        let vector = try graph.input("vector", TensorType([2, 6]))
        let c = try graph.variable("c", [6], initial: .constant(0))
        for groups in [1, 2, 6] { _ = try graph.groupNorm(image, groups: groups, epsilon: 1) }
        for groups in [1, 2] { _ = try graph.groupNorm(vector, groups: groups, epsilon: 1) }
        _ = try graph.batchNormInference(image, scale: c, shift: c, mean: c, variance: c, epsilon: 1)
        _ = try graph.batchNormInference(vector, scale: c, shift: c, mean: c, variance: c, epsilon: 1)
        _ = try graph.activation(.relu, image)
        #expect(
            graph.nodes.map { graph.averagedAxes(of: $0) } == [
                ["C", "H", "W"], ["C/2", "H", "W"], ["H", "W"], ["C"], ["C/2"], ["N", "H", "W"], ["N"], nil,
            ])
    }

    @Test func localResponsesSeePixelsOnlyWithinAChannel() throws {
        var graph = Graph()
        let image = try graph.input("image", TensorType([1, 3, 9, 9]))
        var norm = Operation.LocalResponseNorm(region: .acrossChannels, size: 5, alpha: 1, beta: 1, k: 1)
        let across = try graph.localResponseNorm(image, norm)
        norm.region = .withinChannel
        let within = try graph.localResponseNorm(image, norm)
        let fields = graph.receptiveFields(on: image)
        #expect(fields[across]?.vertical == ReceptiveField1D(size: 1, jump: 1, first: 0))
        #expect(fields[within]?.vertical == ReceptiveField1D(size: 5, jump: 1, first: -2))
    }
}
