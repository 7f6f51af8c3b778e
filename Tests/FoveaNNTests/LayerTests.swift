import FoveaGraph
import FoveaNN
import FoveaTensor
import Testing

@Suite("Layers")
struct LayerTests {
    /// The keys and shapes of the variables, and the shape of the output, of `layer` on an input of `shape`.
    private func build(
        _ layer: any Layer, on shape: Shape, mode: BuildContext.Mode = .training
    ) throws(GraphError) -> (keys: [String], shapes: [Shape], output: Shape, graph: Graph) {
        var context = BuildContext(mode: mode)
        let input = try context.graph.input("input", TensorType(shape))
        let output = try context.apply(layer, to: input)
        return (
            context.graph.variables.map(\.key), context.graph.variables.map(\.type.shape),
            context.shape(of: output),
            context.graph
        )
    }

    @Test("of a sequence are named by position or by name")
    func names() throws {
        let layer = Sequential {
            Dense(units: 3)
            ReLU()
            Dense(units: 4).named("hidden")
            Sequential {
                Dense(units: 5)
                Dense(units: 6).named("")
            }.named("tail")
            Dense(units: 2)
        }
        let result = try build(layer, on: [2, 7])
        #expect(
            result.keys == ["0", "hidden", "tail.0", "tail", "4"].flatMap { ["\($0).weight", "\($0).bias"] })
        #expect(result.graph.nodes.map(\.path) == ["0", "1", "hidden", "tail.0", "tail", "4"])
    }

    @Test("with one name twice are refused, and so is a dot in a name")
    func badNames() throws {
        let twice = Sequential {
            Dense(units: 3).named("a")
            Dense(units: 3).named("a")
        }
        let error = try #require(#expect(throws: GraphError.self) { try build(twice, on: [2, 7]) })
        #expect(error.message.contains("'a.weight'"))
        #expect(throws: GraphError.self) { try build(Dense(units: 3).named("a.b"), on: [2, 7]) }
    }

    @Test("are built by every construct of the builder", arguments: [true, false])
    func builder(flag: Bool) throws {
        func listed(@LayerBuilder _ layers: () -> [any Layer]) -> [Int] {
            layers().map { ($0 as? Dense)?.units ?? -1 }
        }
        #expect(listed {} == [])
        #expect(listed { Dense(units: 1) } == [1])
        #expect(
            listed {
                Dense(units: 1)
                if flag { Dense(units: 2) }
                Dense(units: 3)
            } == (flag ? [1, 2, 3] : [1, 3]))
        #expect(
            listed {
                if flag {
                    Dense(units: 1)
                    Dense(units: 2)
                } else {
                    Dense(units: 3)
                }
            } == (flag ? [1, 2] : [3]))
        #expect(listed { for units in 1...3 { Dense(units: units); ReLU() } } == [1, -1, 2, -1, 3, -1])
        let more: [any Layer] = [Dense(units: 8), Dense(units: 9)]
        #expect(
            listed {
                more
                switch flag {
                case true: Dense(units: 1)
                case false: Tanh()
                }
            } == [8, 9, flag ? 1 : -1])
    }

    @Test("have PyTorch's keys, layouts and output sizes")
    func shapes() throws {
        var result = try build(
            Conv2D(filters: 6, kernelSize: Size2D(3, 5), stride: 2, padding: 1, groups: 2), on: [2, 4, 9, 11])
        #expect(result.keys == ["weight", "bias"])
        #expect(result.shapes == [[6, 2, 3, 5], [6]])
        #expect(result.output == [2, 6, 5, 5])

        result = try build(
            DepthwiseConv2D(kernelSize: 3, multiplier: 2, padding: .same, usesBias: false), on: [1, 3, 5, 5])
        #expect(result.keys == ["weight"])
        #expect(result.shapes == [[6, 1, 3, 3]])
        #expect(result.output == [1, 6, 5, 5])

        result = try build(BatchNorm(), on: [2, 3, 4, 4])
        #expect(result.keys == ["weight", "bias", "running_mean", "running_var"])
        #expect(result.graph.variables(.statistic).count == 2)
        #expect(result.graph.assignments.count == 2)
        #expect(try build(BatchNorm(), on: [2, 3, 4, 4], mode: .prediction).graph.assignments.isEmpty)

        #expect(
            try build(MaxPool2D(3, stride: 2, padding: 1), on: [1, 2, 112, 112]).output == [1, 2, 56, 56])
        #expect(try build(AveragePool2D(2), on: [1, 2, 7, 7]).output == [1, 2, 3, 3])
        #expect(try build(GlobalAveragePool2D(), on: [1, 2, 7, 5]).output == [1, 2, 1, 1])
        #expect(try build(Flatten(), on: [3, 2, 7, 5]).output == [3, 70])
        #expect(try build(Dense(units: 4), on: [3, 70]).shapes == [[4, 70], [4]])

        #expect(try build(LayerNorm(), on: [2, 3, 4, 5]).shapes == [[3, 4, 5], [3, 4, 5]])
        #expect(try build(LayerNorm(affine: .perChannel), on: [2, 3, 4, 5]).shapes == [[3], [3]])
        #expect(try build(LayerNorm(affine: .none), on: [2, 3, 4, 5]).shapes == [])
        result = try build(GroupNorm(groups: 2), on: [2, 4, 3, 3])
        #expect(result.keys == ["weight", "bias"] && result.shapes == [[4], [4]])
        #expect(try build(InstanceNorm(), on: [2, 4, 3, 3]).shapes == [])
        result = try build(PReLU(), on: [2, 4, 3, 3])
        #expect(result.keys == ["weight"] && result.shapes == [[4]])
        #expect(try build(PReLU(sharesSlope: true), on: [2, 4]).shapes == [[1]])
        #expect(
            try build(Crop2D(Edges(top: 0, left: 1, bottom: 2, right: 0)), on: [1, 2, 5, 5]).output == [
                1, 2, 3, 4,
            ])
        #expect(try build(Crop2D(1), on: [1, 2, 5, 5]).output == [1, 2, 3, 3])
        #expect(try build(Crop2D(0), on: [1, 2, 5, 5]).graph.nodes.isEmpty)
        #expect(try build(ChannelSlice(from: 1, count: 2), on: [1, 5, 3, 3]).output == [1, 2, 3, 3])
        #expect(try build(ChannelSlice(count: 2), on: [1, 5]).output == [1, 2])
        for shape: Shape in [[1, 5, 3, 3], [1, 5]] {
            result = try build(ChannelScale(), on: shape)
            #expect(result.keys == ["weight"] && result.shapes == [[5]] && result.output == shape)
        }
    }

    @Test("with same padding give ceil(input / stride), the odd pixel below and right")
    func samePadding() throws {
        for extent in 1...9 {
            for kernel in 1...5 {
                for stride in 1...4 {
                    let layer = Conv2D(
                        filters: 1, kernelSize: Size2D(kernel), stride: Size2D(stride), padding: .same,
                        dilation: 2)
                    let result = try build(layer, on: [1, 1, extent, extent])
                    let expected = (extent + stride - 1) / stride
                    #expect(result.output == [1, 1, expected, expected])
                    guard case .convolution(let convolution) = result.graph.nodes[0].operation else {
                        continue
                    }
                    let edges = convolution.padding
                    #expect((0...1).contains(edges.bottom - edges.top))
                    #expect((0...1).contains(edges.right - edges.left))
                }
            }
        }
    }

    @Test("of pooling round up as PyTorch does: no window starts beyond the input and the padding before it")
    func roundingUp() throws {
        for extent in 1...9 {
            for kernel in 1...4 {
                for stride in 1...5 {
                    for padding in 0...kernel / 2 {
                        let (size, step) = (Size2D(kernel, 1), Size2D(stride, 1))
                        let edges = Padding.explicit(Edges(vertical: padding, horizontal: 0))
                        // The places at which a window starts, up to the first that reaches the far edge.
                        var places = 1
                        while (places - 1) * stride + kernel < extent + 2 * padding,
                            places * stride < extent + padding
                        {
                            places += 1
                        }
                        // Also one window that is larger than the padded input by less than a stride.
                        let fits = extent + 2 * padding + stride > kernel
                        let layers: [any Layer] = [
                            MaxPool2D(size, stride: step, padding: edges, rounding: .up),
                            AveragePool2D(size, stride: step, padding: edges, rounding: .up),
                            AveragePool2D(
                                size, stride: step, padding: edges, countsPadding: false, rounding: .up),
                        ]
                        for layer in layers {
                            let found = try? build(layer, on: [1, 2, extent, 1]).output
                            #expect(found == (fits ? [1, 2, places, 1] : nil), "\(layer) over \(extent)")
                        }
                    }
                }
            }
        }
    }

    @Test("drop out in training only, and not where it is switched off")
    func dropout() throws {
        let network = Network(inputShape: [4], task: .regression(outputs: 2)) {
            Dropout(0.5)
            Dense(units: 2)
        }
        let training = try network.trainingForward(batchSize: 3).graph
        #expect(training.inputs.map(\.name).sorted() == ["input", "seed", "step", "target"])
        #expect(
            try network.trainingForward(batchSize: 3, usesDropout: false).graph.inputs.map(\.name) == [
                "input", "target",
            ])
        #expect(try network.predictionGraph(batchSize: 3).inputs.map(\.name) == ["input"])
        for rate: Float in [-0.1, 1, .nan] {
            #expect(throws: GraphError.self) { try build(Dropout(rate), on: [2, 2]) }
        }
    }

    @Test("around a block and side by side name their parts")
    func branches() throws {
        let residual = Residual {
            Conv2D(filters: 4, kernelSize: 3, padding: 1).named("conv1")
            ReLU()
        } shortcut: {
            Conv2D(filters: 4, kernelSize: 1, usesBias: false)
        }
        var result = try build(residual, on: [1, 3, 5, 5])
        #expect(result.keys == ["conv1.weight", "conv1.bias", "shortcut.0.weight"])
        #expect(result.output == [1, 4, 5, 5])
        result = try build(Residual { Tanh() }, on: [1, 3, 5, 5])
        #expect(result.graph.nodes.count == 2)
        #expect(throws: GraphError.self) { try build(Residual { MaxPool2D(2) }, on: [1, 3, 4, 4]) }
        // A shape that would broadcast is no sum of equals.
        #expect(throws: GraphError.self) { try build(Residual { GlobalAveragePool2D() }, on: [1, 3, 4, 4]) }

        let parallel = Parallel(.concatenate) {
            Conv2D(filters: 2, kernelSize: 1)
            Sequential {}
            Sequential {
                MaxPool2D(3, stride: 1, padding: 1)
                Conv2D(filters: 5, kernelSize: 1)
            }.named("pool")
        }
        result = try build(parallel, on: [1, 3, 5, 5])
        #expect(result.keys == ["0.weight", "0.bias", "pool.1.weight", "pool.1.bias"])
        #expect(result.output == [1, 10, 5, 5])
        #expect(
            try build(
                Parallel(.add) {
                    ReLU(); Tanh(); Sigmoid()
                }, on: [1, 3, 5, 5]
            ).output == [1, 3, 5, 5])
        #expect(throws: GraphError.self) { try build(Parallel(.add) {}, on: [1, 3]) }
        #expect(throws: GraphError.self) {
            try build(
                Parallel(.add) {
                    ReLU(); Dense(units: 1)
                }, on: [1, 3])
        }
    }

    @Test("draw weights with the stated variance")
    func initializers() throws {
        // A grouped convolution [12, 4, 3, 3]: fan in 36, fan out 108, as PyTorch counts.
        let expected: [(Initializer, Double)] = [
            (.he(.normal), 2.0 / 36), (.he(.uniform, fan: .out), 2.0 / 108), (.glorot(.uniform), 2.0 / 144),
            (.glorot(.normal), 2.0 / 144), (.pyTorch, 1.0 / (3 * 36)), (.uniform(bound: 0.3), 0.03),
            (.normal(deviation: 0.2), 0.04), (.zeros, 0), (.constant(2), 0),
            (.custom { stream, shape in (0..<shape.count).map { Float($0 % 2) * 2 - 1 } }, 1),
        ]
        for (initializer, variance) in expected {
            let layer = Conv2D(filters: 12, kernelSize: 3, groups: 2, initializer: initializer)
            let variable = try build(layer, on: [1, 8, 3, 3]).graph.variables[0]
            // Drawn over a larger shape, so that the sample variance is close.
            let stream = RandomSource(seed: 3).stream(.initialization(0))
            let numbers = variable.initial.tensor(shape: [40_000], stream: stream).scalars(as: Float.self)
                .map(Double.init)
            let mean = numbers.reduce(0, +) / 40_000
            let sample = numbers.map { ($0 - mean) * ($0 - mean) }.reduce(0, +) / 40_000
            #expect(abs(sample - variance) <= 0.03 * variance)
        }
        let bias = try build(Dense(units: 3, biasInitializer: .pyTorch), on: [1, 16]).graph.variables[1]
        guard case .uniform(let bound) = bias.initial else { Issue.record("the bias is not uniform"); return }
        #expect(bound == 0.25)
    }

    @Test("carry penalties: the layer's own before the network's, weights only")
    func penalties() throws {
        func network(_ global: Regularizer?, _ own: Regularizer?) -> Network {
            Network(inputShape: [4], task: .classification(classes: 2), regularizer: global) {
                Dense(units: 3, regularizer: own)
                BatchNorm()
                Dense(units: 2)
            }
        }
        func strengths(_ network: Network) throws -> [Float] {
            try network.trainingForward(batchSize: 3).graph.nodes.compactMap {
                if case .scale(let scale) = $0.operation { 2 * scale.factor } else { nil }
            }
        }
        #expect(try strengths(network(nil, nil)) == [])
        #expect(try strengths(network(.l2(0.5), nil)) == [0.5, 0.5])
        #expect(try strengths(network(.l2(0.5), .l2(0.25))) == [0.25, 0.5])
        #expect(try strengths(network(.l2(0.5), .l2(0))) == [0.5])
        #expect(try strengths(network(nil, .l2(0.25))) == [0.25])
        let forward = try network(.l2(0.5), nil).trainingForward(batchSize: 3)
        #expect(forward.graph.outputs.map(\.name) == ["loss", "logits", "penalty"])
        #expect(forward.objective != forward.loss)
        #expect(throws: GraphError.self) { try network(.l2(-1), nil).trainingForward(batchSize: 3) }
    }

    private static let misfits: [(layer: any Layer, shape: Shape, message: String)] = [
        (Dense(units: 2), [1, 3, 4, 4], "put Flatten()"),
        (Conv2D(filters: 2, kernelSize: 5), [1, 3, 4, 4], "does not fit into the input"),
        (Conv2D(filters: 3, kernelSize: 1, groups: 2), [1, 4, 4, 4], "must divide both"),
        (Conv2D(filters: 0, kernelSize: 1), [1, 4, 4, 4], "the number of filters must be in 1"),
        (Conv2D(filters: .max, kernelSize: 1), [1, 4, 4, 4], "the number of filters must be in 1"),
        (Conv2D(filters: 1, kernelSize: Size2D(.max, 1)), [1, 4, 4, 4], "the kernel size must be"),
        (Conv2D(filters: 1, kernelSize: 1, padding: -1), [1, 4, 4, 4], "the padding must be in 0"),
        (
            Conv2D(filters: 1 << 24, kernelSize: Size2D(1 << 24)), [1, 4, 4, 4],
            "more than 2147483647 elements"
        ),
        (MaxPool2D(2, stride: 0), [1, 4, 4, 4], "the stride must be"),
        (MaxPool2D(2, padding: 2), [1, 4, 4, 4], "padding alone"),
        (BatchNorm(), [1, 4, 1, 1], "more than one value"),
        (BatchNorm(epsilon: 0), [2, 4], "positive epsilon"),
        (GlobalAveragePool2D(), [2, 4], "needs images"),
        (GroupNorm(groups: 3), [2, 4, 3, 3], "4 channels do not divide into 3 groups"),
        (GroupNorm(groups: 0), [2, 4, 3, 3], "4 channels do not divide into 0 groups"),
        (GroupNorm(groups: 4), [2, 4], "more than one value in each group"),
        (InstanceNorm(), [2, 4, 1, 1], "more than one value in each group"),
        (InstanceNorm(), [2, 4], "needs images"),
        (LayerNorm(epsilon: -1), [2, 4], "positive epsilon"),
        (LocalResponseNorm(), [2, 4], "needs images"),
        (LocalResponseNorm(size: 4), [2, 4, 3, 3], "an odd size"),
        (LocalResponseNorm(k: 0), [2, 4, 3, 3], "a positive k"),
        (LeakyReLU(slope: -1), [2, 4], "slope of a leaky ReLU is at least 0"),
        (ELU(alpha: .nan), [2, 4], "alpha of an ELU is at least 0"),
        (PReLU(), [2, 4, 3], "needs [N, C, H, W] or [N, C]"),
        (Crop2D(2), [2, 4, 4, 4], "leaves nothing of an image of 4x4"),
        (Crop2D(.min), [2, 4, 4, 4], "must be in 0"),
        (ChannelSlice(from: 3, count: 2), [2, 4, 4, 4], "no slice of 2 from 3 along axis 1"),
        (ChannelSlice(from: .max, count: .max), [2, 4, 4, 4], "the first channel must be in 0"),
    ]

    @Test("that do not fit are named with what to do")
    func misfits() throws {
        for (layer, shape, message) in Self.misfits {
            let error = try #require(
                #expect(throws: GraphError.self) { try build(layer.named("here"), on: shape) })
            #expect(error.path == "here")
            #expect(error.message.contains(message), "\(error.message)")
        }
    }

    @Test("that do not fit the task are refused")
    func tasks() throws {
        let layers = Dense(units: 3)
        let wrong = Network(inputShape: [4], task: .classification(classes: 5), layers: layers)
        let error = try #require(#expect(throws: GraphError.self) { try wrong.predictionGraph(batchSize: 1) })
        #expect(
            error.message
                == "classification into 5 classes needs the layers to give [N, 5], not [1, 3]; end them in Dense(units: 5)"
        )
        let loss = Network(
            inputShape: [4], task: .regression(outputs: 3), loss: .softmaxCrossEntropy, layers: layers)
        #expect(throws: GraphError.self) { try loss.trainingForward(batchSize: 1) }
        let right = Network(inputShape: [4], task: .regression(outputs: 3), layers: layers)
        #expect(try right.predictionGraph(batchSize: 1).outputs.map(\.name) == ["prediction"])
        for (shape, batch) in [([4, 4] as Shape, 1), ([0], 1), ([4], 0), ([4], .max), ([1 << 40], 1)] {
            #expect(throws: GraphError.self) {
                try Network(inputShape: shape, task: .regression(outputs: 3), layers: layers).predictionGraph(
                    batchSize: batch)
            }
        }
    }
}
