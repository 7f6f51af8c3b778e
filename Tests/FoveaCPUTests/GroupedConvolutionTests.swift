import CFoveaKernels
import FoveaCPU
import FoveaGraph
import FoveaReference
import FoveaTensor
import Testing

/// Strided convolutions in small groups, with all that is fused into them and their gradients.
@Suite struct GroupedConvolutionTests {
    struct Problem: Sendable, CustomStringConvertible {
        var batch = 3
        var channels = 32
        var groupSize = 8
        var tapRows = 3
        var stride: Size2D = 2
        var height = 12
        var width = 16
        var padding = Edges(vertical: 1, horizontal: 1)
        var hasBias = false
        var activation: ActivationFunction?
        var addsResidual = false

        var description: String {
            "\(batch)x\(channels)x\(height)x\(width) by \(groupSize), \(tapRows)x3 s\(stride) p\(padding)"
                + (hasBias ? ", bias" : "") + (activation.map { ", \($0)" } ?? "")
                + (addsResidual ? ", residual" : "")
        }
    }

    /// Rows of one and several runs, whole and not, every padding, rows that no tap reaches, several blocks of rows.
    static let problems = [
        Problem(), Problem(batch: 1, groupSize: 4, hasBias: true),
        Problem(groupSize: 16, height: 9, width: 17, hasBias: true, activation: .relu),
        Problem(batch: 1, height: 3, width: 2, hasBias: true, activation: .relu),
        Problem(groupSize: 4, height: 11, width: 15, padding: .zero, activation: .relu),
        Problem(
            groupSize: 16, height: 7, width: 6, padding: Edges(top: 2, left: 0, bottom: 1, right: 2),
            hasBias: true),
        Problem(height: 8, width: 31, padding: Edges(top: 0, left: 2, bottom: 2, right: 1), hasBias: true),
        Problem(channels: 64, groupSize: 16, stride: Size2D(1, 2), height: 5, width: 29, hasBias: true),
        Problem(groupSize: 4, stride: Size2D(3, 2), height: 13, width: 14, padding: .zero),
        Problem(tapRows: 1, padding: .zero, hasBias: true),
        Problem(groupSize: 4, tapRows: 5, stride: Size2D(1, 2), activation: .tanh),
        Problem(hasBias: true, activation: .relu, addsResidual: true),
        Problem(groupSize: 16, addsResidual: true),
        Problem(channels: 256, height: 57, width: 56, hasBias: true, activation: .relu),
    ]

    /// A convolution with what follows, and the gradients of a weighted sum of the result.
    private func graph(of problem: Problem) throws -> Graph {
        var graph = Graph()
        let x = try graph.input(
            "x", TensorType([problem.batch, problem.channels, problem.height, problem.width]))
        let weight = try graph.input(
            "weight", TensorType([problem.channels, problem.groupSize, problem.tapRows, 3]))
        let bias = problem.hasBias ? try graph.input("bias", TensorType([problem.channels])) : nil
        var y = try graph.convolution(
            x, weight: weight, bias: bias, stride: problem.stride, padding: problem.padding,
            groups: problem.channels / problem.groupSize)
        if problem.addsResidual {
            y = try graph.add(y, try graph.input("residual", TensorType(graph.shape(of: y))))
        }
        if let activation = problem.activation { y = try graph.activation(activation, y) }
        try graph.output("y", y)
        try graph.outputGradients(of: y, withRespectTo: [x, weight] + (bias.map { [$0] } ?? []))
        return graph
    }

    private func run(
        _ graph: Graph, on backend: some Backend
    ) throws -> (plan: any Plan, outputs: [[Double]]) {
        try runOnRandomInputs(graph, on: backend) { input, numbers in
            guard input.name == "weight" else { return numbers }
            // Sums of about 1, for which tanh has a slope.
            let shape = graph.shape(of: input.value)
            let factor = 4 / Float(shape[1] * shape[2] * shape[3]).squareRoot()
            return numbers.map { factor * $0 }
        }
    }

    /// How many of a plan's convolutions and gradients run by the kernels for groups.
    private func groupedSteps(of plan: any Plan) -> Int {
        plan.explain().split(separator: "\n").count {
            $0.contains("onvolution") && $0.contains("grouped")
        }
    }

    @Test(arguments: problems)
    func agreesWithTheReference(_ problem: Problem) throws {
        let graph = try graph(of: problem)
        let (plan, found) = try run(graph, on: CPUBackend(activationLayout: .channelsLast))
        let (_, expected) = try run(graph, on: ReferenceBackend(precision: .double))
        let lanes = fovea_vector_lanes()
        let y = try #require(graph.outputs.first { $0.name == "y" })
        let hasManyPixels = graph.shape(of: y.value).count / problem.channels >= 2048
        if problem.groupSize < lanes || problem.groupSize == lanes && hasManyPixels {
            #expect(groupedSteps(of: plan) == 3)
        } else {
            #expect(groupedSteps(of: plan) == (problem.groupSize == lanes ? 1 : 0))
        }
        for (found, expected) in zip(found, expected) {
            let scale = (expected.reduce(0) { $0 + $1 * $1 } / Double(expected.count)).squareRoot()
            let error = zip(found, expected).map { abs($0 - $1) }.max()!
            #expect(error < 5e-6 * scale)
            #expect(scale > 0)
        }
    }

    @Test(
        "Groups that fill a vector have gradients by the kernels where there are many pixels",
        .enabled(if: fovea_vector_lanes() == 16, "this processor has no vectors of 16"))
    func gradientsOfWholeVectors() throws {
        let problem = Problem(batch: 5, channels: 64, groupSize: 16, height: 41, width: 43, hasBias: true)
        let graph = try graph(of: problem)
        let (plan, found) = try run(graph, on: CPUBackend(activationLayout: .channelsLast))
        #expect(groupedSteps(of: plan) == 3)
        let (_, expected) = try run(graph, on: ReferenceBackend(precision: .double))
        for (found, expected) in zip(found, expected) {
            let scale = (expected.reduce(0) { $0 + $1 * $1 } / Double(expected.count)).squareRoot()
            #expect(zip(found, expected).map { abs($0 - $1) }.max()! < 5e-6 * scale)
        }
    }

    @Test(arguments: [4, 8, 16])
    func hasTheSameBitsOnAnyNumberOfThreads(groupSize: Int) throws {
        let graph = try graph(
            of: Problem(
                batch: 5, channels: 48, groupSize: groupSize, height: 41, width: 43, hasBias: true,
                activation: .relu))
        let outputs = try [1, 2, 3].map {
            try run(graph, on: CPUBackend(threads: $0, activationLayout: .channelsLast)).outputs
        }
        #expect(outputs[0] == outputs[1] && outputs[1] == outputs[2])
    }

    @Test(
        "The strided convolutions of ResNeXt-50 of groups of 8 and 16 run so with their gradients",
        .enabled(if: fovea_vector_lanes() == 16, "this processor has no vectors of 16"),
        arguments: [(256, 8, 56), (512, 16, 28)])
    func resNeXt(channels: Int, groupSize: Int, extent: Int) throws {
        let graph = try graph(
            of: Problem(
                batch: 16, channels: channels, groupSize: groupSize, height: extent, width: extent))
        #expect(groupedSteps(of: try CPUBackend().compile(graph)) == 3)
    }

    @Test("What has no stride, other taps, gaps or groups that vectors do not hold is left to oneDNN")
    func others() throws {
        let cases: [(channels: Int, groups: Int, columns: Int, stride: Size2D, dilation: Size2D)] = [
            (32, 4, 3, 1, 1), (32, 4, 3, Size2D(2, 1), 1), (32, 4, 3, 3, 1), (32, 4, 5, 2, 1),
            (32, 4, 3, 2, 2),
            (32, 16, 3, 2, 1), (96, 3, 3, 2, 1), (32, 1, 3, 2, 1),
        ]
        for (channels, groups, columns, stride, dilation) in cases {
            var graph = Graph()
            let x = try graph.input("x", TensorType([2, channels, 20, 20]))
            let weight = try graph.input("weight", TensorType([channels, channels / groups, 3, columns]))
            let y = try graph.convolution(
                x, weight: weight, stride: stride, dilation: dilation, groups: groups)
            try graph.output("y", y)
            let plan = try CPUBackend(activationLayout: .channelsLast).compile(graph)
            #expect(groupedSteps(of: plan) == 0)
        }
    }
}
