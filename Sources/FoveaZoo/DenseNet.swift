import FoveaGraph
import FoveaNN

/// Densely connected networks (DenseNet-BC) of Huang 2017, "Densely connected convolutional networks", table 1.
///
/// A stem, dense blocks of layers that each add `growth` channels, between the blocks transitions that halve the channels
/// and the extent, global average pooling and a dense layer. Keys as in torchvision: `features.conv0`, `features.norm0`,
/// `features.denseblock1.denselayer1.norm1` …, `features.transition1.norm` …, `features.norm5`, `classifier`. Initial
/// weights as there: He normal by the fan in for convolutions, PyTorch's default for the dense weight.
struct DenseNet: Layer {
    /// The number of layers in each dense block.
    var depths: [Int]
    /// The channels that each layer adds.
    var growth = 32
    /// The channels between the two convolutions of a layer, in units of the growth.
    var bottleneck = 4
    /// The filters of the stem.
    var stem = 64
    var classes: Int

    func apply(to input: Graph.Value, in context: inout BuildContext) throws(GraphError) -> Graph.Value {
        try layers.apply(to: input, in: &context)
    }

    private var layers: Sequential {
        var channels = stem
        var blocks: [any Layer] = []
        for (position, depth) in depths.enumerated() {
            let layers = (1...depth).map { denseLayer.named("denselayer\($0)") }
            blocks.append(DenseBlock(layers).named("denseblock\(position + 1)"))
            channels += depth * growth
            guard position + 1 < depths.count else { continue }
            channels /= 2
            blocks.append(transition(channels).named("transition\(position + 1)"))
        }
        return Sequential {
            Sequential {
                convolution(stem, kernel: 7, stride: 2).named("conv0")
                BatchNorm().named("norm0")
                ReLU().named("relu0")
                MaxPool2D(3, stride: 2, padding: 1).named("pool0")
                blocks
                BatchNorm().named("norm5")
            }.named("features")
            ReLU().named("relu")
            GlobalAveragePool2D().named("avgpool")
            Flatten().named("flatten")
            Dense(units: classes, initializer: .pyTorch).named("classifier")
        }
    }

    /// Normalization, activation and convolution, twice: 1x1 to a few channels, then 3x3.
    private var denseLayer: Sequential {
        Sequential {
            BatchNorm().named("norm1")
            ReLU().named("relu1")
            convolution(bottleneck * growth, kernel: 1).named("conv1")
            BatchNorm().named("norm2")
            ReLU().named("relu2")
            convolution(growth, kernel: 3).named("conv2")
        }
    }

    private func transition(_ channels: Int) -> Sequential {
        Sequential {
            BatchNorm().named("norm")
            ReLU().named("relu")
            convolution(channels, kernel: 1).named("conv")
            AveragePool2D(2).named("pool")
        }
    }

    private func convolution(_ filters: Int, kernel: Int, stride: Int = 1) -> any Layer {
        Conv2D(
            filters: filters, kernelSize: Size2D(kernel), stride: Size2D(stride),
            padding: Padding(integerLiteral: kernel / 2), usesBias: false)
    }
}

extension DenseNet {
    static let entries: [Zoo.Entry] = [
        entry("densenet121", [6, 12, 24, 16], parameters: 7_978_856, macs: 2_834_161_664),
        entry("densenet169", [6, 12, 32, 32], parameters: 14_149_480, macs: 3_359_843_328),
        entry("densenet201", [6, 12, 48, 32], parameters: 20_013_928, macs: 4_291_365_888),
        Zoo.Entry(
            card: ModelCard(
                name: "densenet_tiny", source: "this project, for tests and quick tries", input: [3, 64, 64],
                classes: 10, preprocessing: nil, parameters: 13_258, macs: 2_338_644,
                deviations: ["Blocks of 2, 3 and 2 layers that add 8 channels each, bottlenecks of 16."]),
            layers: { DenseNet(depths: [2, 3, 2], growth: 8, bottleneck: 2, stem: 8, classes: $0) }),
    ]

    private static func entry(_ name: String, _ depths: [Int], parameters: Int, macs: Int) -> Zoo.Entry {
        Zoo.Entry(
            card: ModelCard(
                name: name, source: "Huang et al. 2017, table 1", input: [3, 224, 224], classes: 1000,
                preprocessing: .imageNet, parameters: parameters, macs: macs,
                deviations: [
                    "The first max pooling pads by 1, so that its maps are 56x56 as the table says."
                ]),
            layers: { DenseNet(depths: depths, classes: $0) })
    }
}
