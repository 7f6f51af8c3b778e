import FoveaGraph
import FoveaNN

/// Residual networks with torchvision's keys: He 2015, "Deep residual learning for image recognition", table 1.
///
/// A stem, four stages of residual blocks, global average pooling and a dense layer. Keys: `conv1`, `bn1`,
/// `layer1.0.conv1` …, `layer1.0.downsample.0` and `.1`, `fc`. Initial weights as in torchvision: He normal by the fan out
/// for convolutions, PyTorch's default for `fc`.
public struct ResNet: Layer {
    /// The residual function of a block.
    public enum Block: Hashable, Sendable {
        /// Two convolutions 3x3.
        case basic
        /// Convolutions 1x1, 3x3 (with the stride) and 1x1, the last with four times the filters.
        case bottleneck

        var expansion: Int { self == .basic ? 1 : 4 }
    }

    /// What comes before the blocks.
    public enum Stem: Hashable, Sendable {
        /// A convolution 7x7 with stride 2, then a max pooling 3x3 with stride 2.
        case large
        /// A convolution 3x3, for images of 32x32.
        case small
    }

    /// The kind of block.
    public var block: Block
    /// The number of blocks in each stage.
    public var depths: [Int]
    /// The filters of the 3x3 convolutions in each stage; the stem has those of the first.
    public var widths: [Int]
    /// What comes before the blocks.
    public var stem: Stem
    /// The number of classes.
    public var classes: Int
    /// Whether the last normalization of each block starts with scale 0, so that blocks start as the identity.
    ///
    /// Off, as in torchvision. Source: Goyal et al. 2017, "Accurate, large minibatch SGD", section 5.1.
    public var zeroInitializesResidual: Bool

    /// A residual network with `depths` blocks in its stages.
    public init(
        block: Block, depths: [Int], widths: [Int] = [64, 128, 256, 512], stem: Stem = .large,
        classes: Int = 1000,
        zeroInitializesResidual: Bool = false
    ) {
        self.block = block
        self.depths = depths
        self.widths = widths
        self.stem = stem
        self.classes = classes
        self.zeroInitializesResidual = zeroInitializesResidual
    }

    /// Adds the layer to the graph of `context`.
    public func apply(to input: Graph.Value, in context: inout BuildContext) throws(GraphError) -> Graph.Value
    {
        guard depths.count == widths.count, !widths.isEmpty, depths.allSatisfy({ $0 > 0 }),
            widths.allSatisfy({ 1...65_536 ~= $0 })
        else {
            throw GraphError(
                path: context.graph.path,
                "a residual network needs a positive depth and width for each stage, not \(depths) and \(widths)"
            )
        }
        return try layers.apply(to: input, in: &context)
    }

    private var layers: Sequential {
        var channels = widths[0]
        var stages: [any Layer] = []
        for (stage, (depth, width)) in zip(depths, widths).enumerated() {
            var blocks: [any Layer] = []
            for position in 0..<depth {
                let stride = position == 0 && stage > 0 ? 2 : 1
                blocks.append(residualBlock(width: width, stride: stride, channels: channels))
                channels = width * block.expansion
            }
            stages.append(Sequential(blocks).named("layer\(stage + 1)"))
        }
        return Sequential {
            switch stem {
            case .large:
                convolution(widths[0], kernel: 7, stride: 2).named("conv1")
                BatchNorm().named("bn1")
                ReLU().named("relu")
                MaxPool2D(3, stride: 2, padding: 1).named("maxpool")
            case .small:
                convolution(widths[0], kernel: 3).named("conv1")
                BatchNorm().named("bn1")
                ReLU().named("relu")
            }
            stages
            GlobalAveragePool2D().named("avgpool")
            Flatten().named("flatten")
            Dense(units: classes, initializer: .pyTorch, biasInitializer: .pyTorch).named("fc")
        }
    }

    private func residualBlock(width: Int, stride: Int, channels: Int) -> any Layer {
        let outputs = width * block.expansion
        let last = BatchNorm(initializer: zeroInitializesResidual ? .zeros : .ones)
        return Sequential {
            Residual(shortcutName: "downsample") {
                switch block {
                case .basic:
                    convolution(width, kernel: 3, stride: stride).named("conv1")
                    BatchNorm().named("bn1")
                    ReLU().named("relu1")
                    convolution(width, kernel: 3).named("conv2")
                    last.named("bn2")
                case .bottleneck:
                    convolution(width, kernel: 1).named("conv1")
                    BatchNorm().named("bn1")
                    ReLU().named("relu1")
                    convolution(width, kernel: 3, stride: stride).named("conv2")
                    BatchNorm().named("bn2")
                    ReLU().named("relu2")
                    convolution(outputs, kernel: 1).named("conv3")
                    last.named("bn3")
                }
            } shortcut: {
                if stride != 1 || channels != outputs {
                    convolution(outputs, kernel: 1, stride: stride)
                    BatchNorm()
                }
            }.named("")
            ReLU().named("relu")
        }
    }

    /// A convolution that keeps the extent up to the stride, without bias: a normalization follows.
    private func convolution(_ filters: Int, kernel: Int, stride: Int = 1) -> Conv2D {
        let padding = Edges(vertical: kernel / 2, horizontal: kernel / 2)
        return Conv2D(
            filters: filters, kernelSize: Size2D(kernel), stride: Size2D(stride), padding: .explicit(padding),
            usesBias: false, initializer: .he(.normal, fan: .out))
    }
}

extension ResNet {
    static let entries: [Zoo.Entry] = [
        entry("resnet18", .basic, [2, 2, 2, 2], parameters: 11_689_512, macs: 1_814_073_344),
        entry("resnet34", .basic, [3, 4, 6, 3], parameters: 21_797_672, macs: 3_663_761_408),
        entry("resnet50", .bottleneck, [3, 4, 6, 3], parameters: 25_557_032, macs: 4_089_184_256),
        entry("resnet101", .bottleneck, [3, 4, 23, 3], parameters: 44_549_160, macs: 7_801_405_440),
        entry("resnet152", .bottleneck, [3, 8, 36, 3], parameters: 60_192_808, macs: 11_513_626_624),
        tiny("resnet_tiny", .basic, parameters: 78_002, macs: 4_153_984),
        tiny("resnet_tiny_bottleneck", .bottleneck, parameters: 130_002, macs: 7_105_024),
    ]

    private static func entry(
        _ name: String, _ block: Block, _ depths: [Int], parameters: Int, macs: Int
    ) -> Zoo.Entry {
        Zoo.Entry(
            card: ModelCard(
                name: name, source: "He et al. 2015, table 1", input: [3, 224, 224], classes: 1000,
                preprocessing: .imageNet, parameters: parameters, macs: macs,
                deviations: block == .basic
                    ? [
                        "Shortcuts that change the shape are 1x1 convolutions with batch normalization (option B)."
                    ]
                    : [
                        "The stride is in the 3x3 convolution rather than in the first 1x1 (\"v1.5\", as torchvision)."
                    ]),
            layers: { ResNet(block: block, depths: depths, classes: $0) })
    }

    private static func tiny(_ name: String, _ block: Block, parameters: Int, macs: Int) -> Zoo.Entry {
        Zoo.Entry(
            card: ModelCard(
                name: name, source: "this project, for tests and quick tries", input: [3, 32, 32],
                classes: 10,
                preprocessing: nil, parameters: parameters, macs: macs,
                deviations: ["One block in each stage, 8 to 64 filters, no pooling in the stem."]),
            layers: {
                ResNet(
                    block: block, depths: [1, 1, 1, 1], widths: [8, 16, 32, 64], stem: .small, classes: $0)
            })
    }
}
