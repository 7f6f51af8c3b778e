import FoveaGraph
import FoveaNN

/// The networks for 32x32 images of He 2015, "Deep residual learning for image recognition", section 4.2, and the plain
/// ones beside them.
///
/// A 3x3 convolution with 16 filters, then three stages of `depth` blocks of two 3x3 convolutions with 16, 32 and 64
/// filters, global average pooling and a dense layer: `6 depth + 2` layers with weights. Each stage but the first begins
/// with stride 2. Keys as in torchvision's ResNet: `conv1`, `bn1`, `layer1.0.conv1` …, `fc`.
public struct ResNetCIFAR: Layer {
    /// What goes around a block.
    public enum Shortcut: Hashable, Sendable {
        /// Nothing: the plain network.
        case none
        /// The identity; where the shape changes, every other pixel with the new channels zero, which takes no
        /// parameters (option A).
        case zeroPadded
        /// The identity; where the shape changes, a 1x1 convolution with batch normalization (option B).
        case projection
    }

    /// The number of blocks in each stage.
    public var depth: Int
    /// What goes around a block.
    public var shortcut: Shortcut
    /// The number of classes.
    public var classes: Int

    /// A network with `depth` blocks in each of its three stages.
    public init(depth: Int, shortcut: Shortcut, classes: Int = 10) {
        self.depth = depth
        self.shortcut = shortcut
        self.classes = classes
    }

    /// Adds the layer to the graph of `context`.
    public func apply(to input: Graph.Value, in context: inout BuildContext) throws(GraphError) -> Graph.Value
    {
        guard 1...10_000 ~= depth else {
            throw GraphError(
                path: context.graph.path, "a stage has 1 ... 10000 blocks, not \(depth)")
        }
        return try layers.apply(to: input, in: &context)
    }

    private var layers: Sequential {
        Sequential {
            convolution(16).named("conv1")
            BatchNorm().named("bn1")
            ReLU().named("relu")
            for (stage, width) in [16, 32, 64].enumerated() {
                Sequential(
                    (0..<depth).map { position in
                        block(width, isFirst: position == 0 && stage > 0)
                    }
                ).named("layer\(stage + 1)")
            }
            GlobalAveragePool2D().named("avgpool")
            Flatten().named("flatten")
            Dense(units: classes, initializer: .pyTorch, biasInitializer: .pyTorch).named("fc")
        }
    }

    /// Two convolutions with what goes around them; the first of a later stage halves the extent.
    private func block(_ width: Int, isFirst: Bool) -> any Layer {
        let body = Sequential {
            convolution(width, stride: isFirst ? 2 : 1).named("conv1")
            BatchNorm().named("bn1")
            ReLU().named("relu1")
            convolution(width).named("conv2")
            BatchNorm().named("bn2")
        }
        return Sequential {
            if shortcut == .none {
                body.named("")
            } else {
                Residual(shortcutName: "downsample") {
                    body.layers
                } shortcut: {
                    switch (isFirst, shortcut) {
                    case (true, .zeroPadded):
                        AveragePool2D(1, stride: 2)
                        ZeroPadChannels(to: width)
                    case (true, .projection):
                        Conv2D(
                            filters: width, kernelSize: 1, stride: 2, usesBias: false,
                            initializer: .he(.normal, fan: .out))
                        BatchNorm()
                    default:
                        []
                    }
                }.named("")
            }
            ReLU().named("relu")
        }
    }

    private func convolution(_ filters: Int, stride: Int = 1) -> Conv2D {
        Conv2D(
            filters: filters, kernelSize: 3, stride: Size2D(stride), padding: 1, usesBias: false,
            initializer: .he(.normal, fan: .out))
    }
}

extension ResNetCIFAR {
    static let entries: [Zoo.Entry] = [
        entry("resnet20", 3, .zeroPadded, parameters: 269_722, macs: 40_551_040),
        entry("resnet20_b", 3, .projection, parameters: 272_474, macs: 40_813_184),
        entry("resnet56", 9, .zeroPadded, parameters: 853_018, macs: 125_485_696),
        entry("plain20", 3, .none, parameters: 269_722, macs: 40_551_040),
        entry("plain56", 9, .none, parameters: 853_018, macs: 125_485_696),
    ]

    private static func entry(
        _ name: String, _ depth: Int, _ shortcut: Shortcut, parameters: Int, macs: Int
    ) -> Zoo.Entry {
        Zoo.Entry(
            card: ModelCard(
                name: name, source: "He et al. 2015, section 4.2", input: [3, 32, 32], classes: 10,
                preprocessing: nil, parameters: parameters, macs: macs,
                deviations: shortcut == .projection
                    ? [
                        "1x1 convolutions where the shape changes (option B); the paper has zero padding (option A) there."
                    ]
                    : []),
            layers: { ResNetCIFAR(depth: depth, shortcut: shortcut, classes: $0) })
    }
}
