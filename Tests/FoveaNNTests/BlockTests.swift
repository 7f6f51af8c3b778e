import FoveaGraph
import FoveaNN
import FoveaTensor
import Testing

/// Blocks of several layers: their keys, shapes and errors.
///
/// Their numbers are in `LayerGoldenTests` and, as parts of
/// networks, in `ModelGoldenTests`.
@Suite("Blocks")
struct BlockTests {
    private func build(_ layer: any Layer, on shape: Shape) throws(GraphError) -> (
        keys: [String], shapes: [Shape], output: Shape
    ) {
        var context = BuildContext(mode: .training)
        let input = try context.graph.input("input", TensorType(shape))
        let output = try context.apply(layer, to: input)
        return (
            context.graph.variables.map(\.key), context.graph.variables.map(\.type.shape),
            context.shape(of: output)
        )
    }

    @Test("separate a convolution into two steps")
    func separable() throws {
        let result = try build(
            SeparableConv2D(filters: 5, kernelSize: Size2D(3, 1), stride: 2, padding: .same),
            on: [2, 4, 9, 9])
        #expect(
            result.keys == ["depthwise.weight", "depthwise.bias", "pointwise.weight", "pointwise.bias"])
        #expect(result.shapes == [[4, 1, 3, 1], [4], [5, 4, 1, 1], [5]])
        #expect(result.output == [2, 5, 5, 5])
    }

    @Test("gate any block, with S = C / reduction and at least 1")
    func squeezeExcitation() throws {
        let layer = SqueezeExcitation(reduction: 4) {
            Residual { Conv2D(filters: 10, kernelSize: 3, padding: 1).named("conv") }.named("")
        }
        var result = try build(layer, on: [2, 10, 5, 4])
        #expect(
            result.keys == [
                "conv.weight", "conv.bias", "se.fc1.weight", "se.fc1.bias", "se.fc2.weight", "se.fc2.bias",
            ])
        #expect(result.shapes.dropFirst(2) == [[2, 10, 1, 1], [2], [10, 2, 1, 1], [10]])
        #expect(result.output == [2, 10, 5, 4])
        result = try build(SqueezeExcitation(reduction: 16, gateName: "gate") {}, on: [1, 3, 2, 2])
        #expect(result.keys.first == "gate.fc1.weight" && result.shapes.first == [1, 3, 1, 1])
        #expect(throws: GraphError.self) { try build(SqueezeExcitation(reduction: 0) {}, on: [1, 3, 2, 2]) }
        #expect(throws: GraphError.self) { try build(SqueezeExcitation {}, on: [1, 3]) }
    }

    @Test("connect every layer with all before it")
    func dense() throws {
        let layer = DenseBlock {
            for _ in 0..<2 { Conv2D(filters: 4, kernelSize: 3, padding: 1, usesBias: false) }
            Conv2D(filters: 2, kernelSize: 1, usesBias: false).named("last")
        }
        let result = try build(layer, on: [2, 3, 5, 5])
        #expect(result.keys == ["0.weight", "1.weight", "last.weight"])
        #expect(result.shapes == [[4, 3, 3, 3], [4, 7, 3, 3], [2, 11, 1, 1]])
        #expect(result.output == [2, 13, 5, 5])
        #expect(try build(DenseBlock {}, on: [2, 3, 5, 5]).output == [2, 3, 5, 5])
        #expect(throws: GraphError.self) {
            try build(DenseBlock { Conv2D(filters: 4, kernelSize: 3) }, on: [2, 3, 5, 5])
        }
    }

    @Test("scale a residual function")
    func scaledResidual() throws {
        var context = BuildContext(mode: .prediction)
        let input = try context.graph.input("input", TensorType([1, 2, 3, 3]))
        _ = try context.apply(Residual(scale: 0.17) { ReLU() }, to: input)
        #expect(context.graph.nodes.map(\.operation.name) == ["activation", "scale", "add"])
    }

    @Test("pool to any extent, as an ordinary pooling or as nothing where they can")
    func adaptive() throws {
        func operations(_ size: Size2D, on shape: Shape) throws -> [String] {
            var context = BuildContext(mode: .prediction)
            let input = try context.graph.input("input", TensorType(shape))
            let output = try context.apply(AdaptiveAveragePool2D(size), to: input)
            #expect(context.shape(of: output) == [shape[0], shape[1], size.height, size.width])
            return context.graph.nodes.map(\.operation.name)
        }
        #expect(try operations(7, on: [1, 2, 7, 7]).isEmpty)
        #expect(try operations(7, on: [1, 2, 14, 21]) == ["pool"])
        #expect(try operations(7, on: [1, 2, 1, 1]) == ["broadcast", "broadcast"])
        for extent in 1...9 {
            for count in 1...9 { _ = try operations(Size2D(count, 3), on: [1, 2, extent, 4]) }
        }
        #expect(throws: GraphError.self) { try operations(0, on: [1, 2, 7, 7]) }
        #expect(throws: GraphError.self) { try operations(7, on: [1, 2]) }
    }
}
