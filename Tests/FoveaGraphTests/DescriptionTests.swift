import FoveaGraph
import FoveaReference
import FoveaTensor
import Testing

@Suite struct DescriptionTests {
    private func trainingGraph() throws -> Graph {
        var graph = Graph()
        let x = try graph.input("images", TensorType([2, 1, 4, 4]))
        let labels = try graph.input("labels", TensorType([2], .int32))
        graph.pushScope("conv1")
        let weight = try graph.variable("weight", [3, 1, 3, 3], initial: .constant(0))
        let bias = try graph.variable("bias", [3], initial: .constant(0))
        var y = try graph.convolution(
            x, weight: weight, bias: bias, stride: Size2D(1, 2), padding: Edges(vertical: 1, horizontal: 0))
        graph.popScope()
        y = try graph.activation(.relu, y)
        y = try graph.maxPool(y, Window(kernel: Size2D(2, 1), stride: Size2D(2, 1)))
        y = try graph.flatten(y)
        let loss = try graph.softmaxCrossEntropy(y, labels: labels)
        try graph.output("loss", loss)
        let gradients = try graph.gradients(of: loss, withRespectTo: [weight])
        graph.phase = .update
        let rate = try graph.input("rate", TensorType(.scalar))
        let new = try graph.sgd(
            weight, gradient: gradients[0], velocity: nil, learningRate: rate, momentum: 0,
            usesNesterov: false,
            weightDecay: 0.5)
        try graph.assign(new[0], to: weight)
        return graph
    }

    @Test func dumpShowsEverything() throws {
        #expect(
            try trainingGraph().description == """
                input %0 = "images" : float32[2, 1, 4, 4]
                input %1 = "labels" : int32[2]
                input %16 = "rate" : float32[]
                parameter %2 = "conv1.weight" : float32[3, 1, 3, 3]
                parameter %3 = "conv1.bias" : float32[3]
                forward %4 = convolution(%0, %2, %3) {s1x2 p1x0 d1 g1} : float32[2, 3, 4, 1]  // conv1
                forward %5 = activation(%4) {relu} : float32[2, 3, 4, 1]
                forward %6 = pool(%5) {max k2x1 s2x1} : float32[2, 3, 2, 1]
                forward %7 = reshape(%6) {to [2, 6]} : float32[2, 6]
                forward %8 = softmaxCrossEntropy(%7, %1) : float32[]
                backward %9 = constant() {1.0} : float32[]
                backward %10 = softmaxCrossEntropyGradient(%7, %1, %9) : float32[2, 6]
                backward %11 = reshape(%10) {to [2, 3, 2, 1]} : float32[2, 3, 2, 1]
                backward %12 = poolGradient(%5, %6, %11) {max k2x1 s2x1} : float32[2, 3, 4, 1]
                backward %13 = activationGradient(%5, %12) {relu} : float32[2, 3, 4, 1]
                backward %14, %15 = convolutionParameterGradient(%0, %13) {s1x2 p1x0 d1 g1 bias} : float32[3, 1, 3, 3], float32[3]  // conv1
                update %17 = sgd(%2, %14, %16) {momentum 0.0 decay 0.5} : float32[3, 1, 3, 3]
                assign "conv1.weight" = %17
                output "loss" = %8

                """)
    }

    @Test func explanationHasARowForEachNode() throws {
        let graph = try trainingGraph()
        let lines = try ReferenceBackend(precision: .double).compile(graph).explain().split(separator: "\n")
        #expect(lines[0] == "reference, computed as float64")
        #expect(lines.count == 2 + graph.nodes.count)
        let row = lines[2].split(separator: " ").map(String.init)
        #expect(row.prefix(4) == ["0", "forward", "conv1", "convolution"])
        // 24 outputs of 8 bytes, 9 multiply-adds for each.
        #expect(row.suffix(2) == ["192", "216"])
    }

    @Test func plansNameWhatDoesNotFit() throws {
        let plan = try ReferenceBackend().compile(try trainingGraph())
        #expect(throws: PlanError("there is no input 'image'; the inputs are images, labels, rate")) {
            try plan.setInput("image", to: Tensor(zeros: [1]))
        }
        #expect(throws: PlanError("input 'labels' is int32[2], not float32[2]")) {
            try plan.setInput("labels", to: Tensor(zeros: [2]))
        }
        var graph = Graph()
        _ = try graph.input("bytes", TensorType([1], .uint8))
        #expect(
            throws: PlanError("the reference computes float32 and int32, and the input 'bytes' is uint8[1]")
        ) {
            _ = try ReferenceBackend().compile(graph)
        }
    }
}
