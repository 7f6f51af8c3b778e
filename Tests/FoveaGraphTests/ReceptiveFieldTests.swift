import FoveaGraph
import FoveaTensor
import Testing

@Suite struct ReceptiveFieldTests {
    /// A stack of windows over an image of one channel: the fields after each.
    private func fields(_ windows: [Window], size: Int = 224) throws -> [ReceptiveField1D] {
        var graph = Graph()
        let image = try graph.input("image", TensorType([1, 1, size, size]))
        var x = image
        var values: [Graph.Value] = []
        for (index, window) in windows.enumerated() {
            let kernel = try graph.variable(
                "w\(index)", [1, 1, window.kernel.height, window.kernel.width], initial: .constant(0))
            x = try graph.activation(
                .relu,
                try graph.convolution(
                    x, weight: kernel, stride: window.stride, padding: window.padding,
                    dilation: window.dilation))
            values.append(x)
        }
        let fields = graph.receptiveFields(on: image)
        return try values.map { try #require(fields[$0]).vertical }
    }

    @Test func stackedWindows() throws {
        let three = Window(kernel: 3, padding: Edges(vertical: 1, horizontal: 1))
        let found = try fields([three, three, three])
        #expect(found.map(\.size) == [3, 5, 7])
        #expect(found.map(\.jump) == [1, 1, 1])
        // Half padding keeps the centre on the element itself.
        #expect(found.map(\.center) == [0, 0, 0])
    }

    @Test func stridesAndDilationMultiply() throws {
        let found = try fields([Window(kernel: 3, stride: 2), Window(kernel: 3, stride: 2, dilation: 2)])
        #expect(found[0] == ReceptiveField1D(size: 3, jump: 2, first: 0))
        #expect(found[1] == ReceptiveField1D(size: 11, jump: 4, first: 0))
    }

    @Test func vgg16SeesTheTwoHundredAndTwelve() throws {
        var graph = Graph()
        let image = try graph.input("image", TensorType([1, 3, 224, 224]))
        var x = image
        var channels = 3
        var macs = 0
        for (stage, filters) in [
            [64, 64], [128, 128], [256, 256, 256], [512, 512, 512], [512, 512, 512],
        ].enumerated() {
            for (index, count) in filters.enumerated() {
                let weight = try graph.variable(
                    "w\(stage).\(index)", [count, channels, 3, 3], initial: .constant(0))
                x = try graph.convolution(x, weight: weight, padding: Edges(vertical: 1, horizontal: 1))
                x = try graph.activation(.relu, x)
                channels = count
            }
            x = try graph.maxPool(x, Window(kernel: 2, stride: 2))
        }
        for node in graph.nodes { macs += graph.cost(of: node).macs }
        let field = try #require(graph.receptiveFields(on: image)[x])
        #expect(graph.shape(of: x) == [1, 512, 7, 7])
        #expect(field.vertical.size == 212 && field.horizontal.size == 212)
        #expect(field.vertical.jump == 32)
        // The 15.35 billion multiply-adds of VGG-16's convolutions.
        #expect(macs == 15_346_630_656)
    }

    @Test func branchesSeeTheirUnion() throws {
        var graph = Graph()
        let image = try graph.input("image", TensorType([1, 1, 9, 9]))
        let wide = try graph.variable("wide", [1, 1, 1, 7], initial: .constant(0))
        let tall = try graph.variable("tall", [1, 1, 5, 1], initial: .constant(0))
        let a = try graph.convolution(image, weight: wide, padding: Edges(vertical: 0, horizontal: 3))
        let b = try graph.convolution(image, weight: tall, padding: Edges(vertical: 2, horizontal: 0))
        let joined = try graph.concatenate([a, b])
        let flat = try graph.flatten(joined)
        let fields = graph.receptiveFields(on: image)
        #expect(fields[a]?.horizontal == ReceptiveField1D(size: 7, jump: 1, first: -3))
        #expect(fields[joined]?.vertical == ReceptiveField1D(size: 5, jump: 1, first: -2))
        #expect(fields[joined]?.horizontal == ReceptiveField1D(size: 7, jump: 1, first: -3))
        #expect(fields[flat] == nil)
    }

    @Test func cuttingAndJoiningInSpaceMoveTheField() throws {
        var graph = Graph()
        let image = try graph.input("image", TensorType([1, 1, 20, 20]))
        let pooled = try graph.maxPool(image, Window(kernel: 3, stride: 2))
        let cut = try graph.slice(pooled, axis: 2, start: 3, count: 4)
        let zeros = try graph.constant(0, [1, 1, 2, 9])
        let joined = try graph.concatenate([zeros, cut], axis: 2)
        let fields = graph.receptiveFields(on: image)
        #expect(fields[cut]?.vertical == ReceptiveField1D(size: 3, jump: 2, first: 6))
        #expect(fields[cut]?.horizontal == ReceptiveField1D(size: 3, jump: 2, first: 0))
        #expect(fields[joined]?.vertical == ReceptiveField1D(size: 3, jump: 2, first: 2))
    }

    @Test func windowFormula() throws {
        for input in 1...12 {
            for kernel in 1...4 {
                for stride in 1...5 {
                    for dilation in 1...3 {
                        for (before, after) in [(0, 0), (1, 0), (0, 2), (1, 1)] {
                            let window = Window(
                                kernel: Size2D(kernel, 1), stride: Size2D(stride, 1),
                                padding: Edges(top: before, left: 0, bottom: after, right: 0),
                                dilation: Size2D(dilation, 1))
                            // By counting the places at which the window lies inside of the padded input.
                            var places = 0
                            while -before + places * stride + dilation * (kernel - 1) < input + after {
                                places += 1
                            }
                            let found = try? window.outputSize(over: Size2D(input, 1))
                            #expect(found == (places == 0 ? nil : Size2D(places, 1)))
                        }
                    }
                }
            }
        }
    }

    @Test func costs() throws {
        var graph = Graph()
        let x = try graph.input("x", TensorType([2, 8, 10, 10]))
        let weight = try graph.variable("w", [4, 4, 3, 3], initial: .constant(0))
        let bias = try graph.variable("b", [4], initial: .constant(0))
        let y = try graph.convolution(x, weight: weight, bias: bias, groups: 2)
        let flat = try graph.flatten(y)
        let dense = try graph.variable("fc", [10, 256], initial: .constant(0))
        let logits = try graph.dense(flat, weight: dense)
        let loss = try graph.reduceSum(logits, to: .scalar)
        _ = try graph.gradients(of: loss, withRespectTo: [x, weight, bias, dense])
        var macs: [String: Int] = [:]
        for node in graph.nodes { macs[node.operation.name] = graph.cost(of: node).macs }
        // 2 x 4 x 8 x 8 outputs of 4 x 3 x 3 taps, the same backward each way.
        for name in ["convolution", "convolutionInputGradient", "convolutionParameterGradient"] {
            #expect(macs[name] == 2 * 4 * 8 * 8 * 36)
        }
        for name in ["dense", "denseInputGradient", "denseParameterGradient"] {
            #expect(macs[name] == 2 * 10 * 256)
        }
        #expect(macs["reshape"] == 0)
    }
}
