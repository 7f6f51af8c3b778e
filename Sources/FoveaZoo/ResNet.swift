import FoveaGraph
import FoveaNN

/// Residual networks with torchvision's keys: He 2015, "Deep residual learning for image recognition", table 1.
///
/// A stem, four stages of residual blocks, global average pooling and a dense layer. Keys: `conv1`, `bn1`,
/// `layer1.0.conv1` …, `layer1.0.downsample.0` and `.1`, `fc`, and with gates `layer1.0.se.fc1` and `.fc2`. Initial weights
/// as in torchvision: He normal by the fan out for convolutions, PyTorch's default for `fc`.
///
/// With groups the network is a ResNeXt (Xie 2017, "Aggregated residual transformations for deep neural networks"), with
/// gates an SE-ResNet (Hu 2018, "Squeeze-and-excitation networks").
public struct ResNet: Layer {
    /// The residual function of a block.
    public enum Block: Hashable, Sendable {
        /// Two convolutions 3x3.
        case basic
        /// Convolutions 1x1, 3x3 (with the stride) and 1x1, the last with four times the filters.
        case bottleneck

        var expansion: Int { self == .basic ? 1 : 4 }
    }

    /// The convolution of a bottleneck that has the stride.
    public enum StridePlace: Hashable, Sendable {
        /// The first one, 1x1, as published.
        case first
        /// The middle one, 3x3, as in torchvision ("v1.5").
        case middle
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
    /// The groups of the 3x3 convolutions of bottlenecks.
    public var groups: Int
    /// The filters of each group in a stage of width 64, and in proportion elsewhere.
    public var groupWidth: Int
    /// The convolution of a bottleneck that has the stride.
    public var stridePlace: StridePlace
    /// The reduction of a squeeze-and-excitation gate on each residual function; `nil` without gates.
    public var reduction: Int?
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
        block: Block, depths: [Int], widths: [Int] = [64, 128, 256, 512], groups: Int = 1,
        groupWidth: Int = 64, stridePlace: StridePlace = .middle, reduction: Int? = nil, stem: Stem = .large,
        classes: Int = 1000, zeroInitializesResidual: Bool = false
    ) {
        self.block = block
        self.depths = depths
        self.widths = widths
        self.groups = groups
        self.groupWidth = groupWidth
        self.stridePlace = stridePlace
        self.reduction = reduction
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
        guard (1...65_536).contains(groups), (1...65_536).contains(groupWidth),
            block == .bottleneck || (groups == 1 && groupWidth == 64)
        else {
            throw GraphError(
                path: context.graph.path,
                "groups (\(groups)) and their width (\(groupWidth)) are positive, and for bottlenecks only")
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
        let function = residualFunction(width: width, stride: stride)
        return Sequential {
            Residual(shortcutName: "downsample") {
                if let reduction {
                    SqueezeExcitation(reduction: reduction, initializer: .he(.normal, fan: .out)) { function }
                        .named("")
                } else {
                    function
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

    @LayerBuilder private func residualFunction(width: Int, stride: Int) -> [any Layer] {
        let last = BatchNorm(initializer: zeroInitializesResidual ? .zeros : .ones)
        switch block {
        case .basic:
            convolution(width, kernel: 3, stride: stride).named("conv1")
            BatchNorm().named("bn1")
            ReLU().named("relu1")
            convolution(width, kernel: 3).named("conv2")
            last.named("bn2")
        case .bottleneck:
            let inner = width * groupWidth / 64 * groups
            convolution(inner, kernel: 1, stride: stridePlace == .first ? stride : 1).named("conv1")
            BatchNorm().named("bn1")
            ReLU().named("relu1")
            convolution(inner, kernel: 3, stride: stridePlace == .middle ? stride : 1, groups: groups)
                .named("conv2")
            BatchNorm().named("bn2")
            ReLU().named("relu2")
            convolution(width * block.expansion, kernel: 1).named("conv3")
            last.named("bn3")
        }
    }

    /// A convolution that keeps the extent up to the stride, without bias: a normalization follows.
    private func convolution(_ filters: Int, kernel: Int, stride: Int = 1, groups: Int = 1) -> Conv2D {
        let padding = Edges(vertical: kernel / 2, horizontal: kernel / 2)
        return Conv2D(
            filters: filters, kernelSize: Size2D(kernel), stride: Size2D(stride), padding: .explicit(padding),
            groups: groups, usesBias: false, initializer: .he(.normal, fan: .out))
    }
}
