import FoveaFixtures
import FoveaGraph
import FoveaNN
import FoveaReference
import FoveaTensor
import Testing

/// Each layer against PyTorch's, forward and backward, in Double.
@Suite("Golden layers")
struct LayerGoldenTests {
    /// The counterparts of `LAYERS` in `Utilities/Reference/make_fixtures.py`.
    static let layers: [String: any Layer] = [
        "conv_plain": Conv2D(filters: 5, kernelSize: 3),
        "conv_stride_padding": Conv2D(
            filters: 5, kernelSize: Size2D(3, 5), stride: Size2D(2, 3),
            padding: .explicit(Edges(vertical: 1, horizontal: 2))),
        "conv_dilated": Conv2D(filters: 4, kernelSize: 3, padding: 2, dilation: 2, usesBias: false),
        "conv_grouped": Conv2D(filters: 9, kernelSize: 3, padding: 1, groups: 3),
        "conv_depthwise": DepthwiseConv2D(kernelSize: 3, multiplier: 2, stride: 2, padding: 1),
        "conv_pointwise": Conv2D(filters: 3, kernelSize: 1, usesBias: false),
        "conv_same_even": Conv2D(filters: 3, kernelSize: 4, padding: .same),
        "conv_stride_over_kernel": Conv2D(filters: 3, kernelSize: 2, stride: 3),
        "dense": Dense(units: 7),
        "dense_no_bias": Dense(units: 7, usesBias: false),
        "maxpool": MaxPool2D(2),
        "maxpool_overlapping": MaxPool2D(3, stride: 2, padding: 1),
        "maxpool_ceil": MaxPool2D(3, stride: 2, rounding: .up),
        "maxpool_ceil_padded": MaxPool2D(2, stride: 2, padding: 1, rounding: .up),
        "avgpool": AveragePool2D(2),
        "avgpool_padded": AveragePool2D(3, stride: 2, padding: 1),
        "avgpool_uncounted": AveragePool2D(3, stride: 2, padding: 1, countsPadding: false),
        "avgpool_ceil": AveragePool2D(Size2D(3, 2), stride: 2, rounding: .up),
        "avgpool_ceil_padded": AveragePool2D(3, stride: 2, padding: 1, rounding: .up),
        "avgpool_ceil_dropped": AveragePool2D(2, stride: 2, padding: 1, rounding: .up),
        "avgpool_ceil_uncounted": AveragePool2D(
            3, stride: 2, padding: 1, countsPadding: false, rounding: .up),
        "gap": GlobalAveragePool2D(),
        "adaptive_pixel": AdaptiveAveragePool2D(7),
        "adaptive_larger": AdaptiveAveragePool2D(Size2D(7, 6)),
        "adaptive_divisor": AdaptiveAveragePool2D(Size2D(2, 4)),
        "adaptive_overlapping": AdaptiveAveragePool2D(4),
        "adaptive_mixed": AdaptiveAveragePool2D(Size2D(3, 5)),
        "separable": SeparableConv2D(
            filters: 5, kernelSize: 3, stride: 2, padding: 1, usesBias: false, depthwiseName: "conv1"),
        "squeeze_excitation": SqueezeExcitation(reduction: 3) {
            Conv2D(filters: 6, kernelSize: 3).named("conv")
        },
        "batchnorm_images": BatchNorm(),
        "batchnorm_vectors": BatchNorm(),
        "relu": ReLU(),
        "tanh": Tanh(),
        "sigmoid": Sigmoid(),
        "leaky": LeakyReLU(),
        "leaky_slope": LeakyReLU(slope: 0.2),
        "prelu": PReLU(),
        "prelu_shared": PReLU(sharesSlope: true),
        "prelu_vectors": PReLU(),
        "elu": ELU(),
        "elu_alpha": ELU(alpha: 0.5),
        "gelu": GELU(),
        "gelu_tanh": GELU(.tanh),
        "swish": Swish(),
        "hard_sigmoid": HardSigmoid(),
        "hard_swish": HardSwish(),
        "softplus": Softplus(),
        "layernorm_images": LayerNorm(),
        "layernorm_vectors": LayerNorm(),
        "layernorm_channels": LayerNorm(affine: .perChannel),
        "groupnorm": GroupNorm(groups: 3),
        "groupnorm_vectors": GroupNorm(groups: 2),
        "groupnorm_plain": GroupNorm(groups: 3, usesAffine: false),
        "instancenorm": InstanceNorm(),
        "instancenorm_affine": InstanceNorm(usesAffine: true),
        "lrn": LocalResponseNorm(),
        "lrn_alexnet": LocalResponseNorm.alexNet,
        "lrn_strong": LocalResponseNorm(size: 3, alpha: 2, beta: 0.5, k: 1.5),
    ]

    @Test("agree with PyTorch forward and backward", arguments: Self.layers.keys.sorted())
    func layer(name: String) throws {
        let fixture: LayersFixture = try Fixtures.read("layers")
        #expect(fixture.formula == Formula.version)
        let expected = try #require(fixture.cases.first { $0.name == name })
        let layers = Sequential([try #require(Self.layers[name]), Flatten()])
        let batch = expected.inputShape[0]
        let outputs = expected.output.shape[1]
        let network = Network(
            inputShape: Shape(Array(expected.inputShape.dropFirst())), task: .regression(outputs: outputs),
            layers: layers)

        var forward = try network.trainingForward(batchSize: batch)
        let input = try #require(forward.graph.inputs.first { $0.name == "input" }).value
        let keys = forward.graph.variables(.parameter).map(\.key)
        #expect(keys.sorted() == expected.gradients.keys.sorted())
        let sources = [input] + keys.compactMap { forward.graph.value(ofVariable: $0) }
        for (key, gradient) in zip(
            ["input"] + keys, try forward.graph.gradients(of: forward.objective, withRespectTo: sources))
        {
            try forward.graph.output("gradient \(key)", gradient)
        }
        try forward.graph.verify()
        let plan = try ReferenceBackend(precision: .double).compile(forward.graph)
        plan.fillByFormula()
        let x = Formula.data(Shape(expected.inputShape))
        let results = try plan.run(["input": x, "target": Formula.data([batch, outputs], key: "target")])

        func check(_ tensor: Tensor?, _ record: TensorRecord, _ what: String) throws {
            let error = record.error(of: try #require(tensor))
            #expect(error < 1e-5, "\(what): \(error)")
        }
        let loss = try #require(results["loss"]?.scalars(as: Float.self).first)
        #expect(abs(Double(loss) - expected.loss) < 1e-6 * expected.loss)
        try check(results["prediction"], expected.output, "output")
        try check(results["gradient input"], expected.inputGradient, "input gradient")
        for (key, record) in expected.gradients { try check(results["gradient \(key)"], record, key) }
        for (position, variable) in plan.graph.variables.enumerated() {
            guard let record = expected.statistics[variable.key] else { continue }
            try check(plan.variable(position), record, variable.key)
        }

        let prediction = try ReferenceBackend(precision: .double).compile(
            network.predictionGraph(batchSize: batch))
        for (position, variable) in plan.graph.variables.enumerated() {
            #expect(prediction.graph.variables[position].key == variable.key)
            prediction.setVariable(position, to: plan.variable(position))
        }
        try check(try prediction.run(["input": x])["prediction"], expected.prediction, "prediction")
    }

    @Test("are all of the fixture's")
    func complete() throws {
        let fixture: LayersFixture = try Fixtures.read("layers")
        #expect(Set(fixture.cases.map(\.name)) == Set(Self.layers.keys))
    }

    @Test("end in PyTorch's cross-entropy")
    func crossEntropy() throws {
        let fixture: LayersFixture = try Fixtures.read("layers")
        let expected = try #require(fixture.losses["crossEntropy"])
        var graph = Graph()
        let input = try graph.input("input", TensorType([6, 5]))
        let labels = try graph.input("labels", TensorType([6], .int32))
        let loss = try graph.softmaxCrossEntropy(graph.scale(input, by: 20), labels: labels)
        // PyTorch's gradient is with respect to the scaled logits.
        let gradient = try graph.gradients(of: loss, withRespectTo: [input])[0]
        try graph.output("loss", loss)
        try graph.output("gradient", graph.scale(gradient, by: 1 / 20))
        let plan = try ReferenceBackend(precision: .double).compile(graph)
        let results = try plan.run(["input": Formula.data([6, 5]), "labels": Formula.labels(6, classes: 5)])
        let value = try #require(results["loss"]?.scalars(as: Float.self).first)
        #expect(abs(Double(value) - expected.loss) < 1e-6 * expected.loss)
        #expect(expected.inputGradient.error(of: try #require(results["gradient"])) < 1e-5)
    }
}
