import FoveaGraph
import FoveaNN

/// GoogLeNet (Inception v1) of Szegedy 2015, "Going deeper with convolutions", table 1 and figure 3.
///
/// A stem, nine Inception blocks on three extents, global average pooling and a dense layer; in training, two auxiliary heads.
/// Keys as in torchvision: `conv1.conv`, `conv1.bn` …, `inception3a.branch1.conv`, `inception3a.branch2.0.conv` …,
/// `aux1.conv.conv`, `aux1.fc1`, `aux1.fc2` …, `fc`.
struct GoogLeNet: Sendable {
    /// What the network is like.
    enum Variant: Sendable {
        /// Convolutions 5x5, local response normalization, biases and no batch normalization.
        case asPublished
        /// Batch normalization, and 3x3 in place of 5x5.
        case torchvision
    }

    /// What the network is like.
    var variant: Variant
    /// Whether there are auxiliary classifiers in training.
    var hasHeads = true
    /// What every number of filters and of hidden units is divided by.
    var divisor = 1

    func layers(classes: Int) -> any Layer {
        Sequential {
            unit(64, 7, stride: 2).named("conv1")
            pool(3).named("maxpool1")
            if variant == .asPublished { LocalResponseNorm.alexNet.named("norm1") }
            unit(64, 1).named("conv2")
            unit(192, 3).named("conv3")
            if variant == .asPublished { LocalResponseNorm.alexNet.named("norm2") }
            pool(3).named("maxpool2")

            inception(64, (96, 128), (16, 32), 32).named("inception3a")
            inception(128, (128, 192), (32, 96), 64).named("inception3b")
            pool(3).named("maxpool3")

            inception(192, (96, 208), (16, 48), 64).named("inception4a")
            if hasHeads { head(classes: classes).named("aux1") }
            inception(160, (112, 224), (24, 64), 64).named("inception4b")
            inception(128, (128, 256), (24, 64), 64).named("inception4c")
            inception(112, (144, 288), (32, 64), 64).named("inception4d")
            if hasHeads { head(classes: classes).named("aux2") }
            inception(256, (160, 320), (32, 128), 128).named("inception4e")
            pool(variant == .asPublished ? 3 : 2).named("maxpool4")

            inception(256, (160, 320), (32, 128), 128).named("inception5a")
            inception(384, (192, 384), (48, 128), 128).named("inception5b")
            GlobalAveragePool2D().named("avgpool")
            Flatten().named("flatten")
            Dropout(variant == .asPublished ? 0.4 : 0.2).named("dropout")
            dense(classes).named("fc")
        }
    }

    /// Four branches side by side: 1x1; 3x3 and 5x5, each on fewer channels; a pooling, with fewer channels after it.
    private func inception(
        _ one: Int, _ three: (reduced: Int, filters: Int), _ five: (reduced: Int, filters: Int), _ pooled: Int
    ) -> any Layer {
        Parallel(.concatenate) {
            unit(one, 1).named("branch1")
            Sequential {
                unit(three.reduced, 1)
                unit(three.filters, 3)
            }.named("branch2")
            Sequential {
                unit(five.reduced, 1)
                unit(five.filters, variant == .asPublished ? 5 : 3)
            }.named("branch3")
            Sequential {
                MaxPool2D(3, stride: 1, padding: 1)
                unit(pooled, 1)
            }.named("branch4")
        }
    }

    /// An auxiliary classifier on maps of 4x4, for images of 224x224.
    private func head(classes: Int) -> any Layer {
        AuxiliaryHead(weight: 0.3) {
            switch variant {
            case .asPublished: AveragePool2D(5, stride: 3).named("pool")
            case .torchvision: AdaptiveAveragePool2D(4).named("pool")
            }
            unit(128, 1).named("conv")
            Flatten().named("flatten")
            dense(1024 / divisor).named("fc1")
            ReLU().named("relu")
            Dropout(0.7).named("dropout")
            dense(classes).named("fc2")
        }
    }

    /// A convolution that keeps the extent up to the stride, and ReLU.
    private func unit(_ filters: Int, _ kernel: Int, stride: Int = 1) -> any Layer {
        Sequential {
            Conv2D(
                filters: filters / divisor, kernelSize: Size2D(kernel), stride: Size2D(stride),
                padding: Padding(integerLiteral: kernel / 2), usesBias: variant == .asPublished,
                initializer: variant == .asPublished ? .glorot(.uniform) : .normal(deviation: 0.01)
            ).named("conv")
            if variant == .torchvision { BatchNorm(epsilon: 1e-3).named("bn") }
            ReLU().named("relu")
        }
    }

    private func dense(_ units: Int) -> any Layer {
        switch variant {
        case .asPublished: Dense(units: units, initializer: .glorot(.uniform))
        case .torchvision:
            Dense(units: units, initializer: .normal(deviation: 0.01), biasInitializer: .pyTorch)
        }
    }

    private func pool(_ size: Int) -> any Layer {
        MaxPool2D(Size2D(size), stride: 2, rounding: .up)
    }
}

extension GoogLeNet {
    static let entries: [Zoo.Entry] = [
        Zoo.Entry(
            card: ModelCard(
                name: "googlenet", source: "Szegedy et al. 2015, table 1, as torchvision",
                input: [3, 224, 224],
                classes: 1000, preprocessing: .imageNet, parameters: 13_004_888, macs: 1_498_376_192,
                deviations: [
                    "The parameters include the auxiliary heads, 6,624,904 without; the MACs do not.",
                    "Batch normalization (Ioffe and Szegedy 2015, epsilon 1e-3) after each convolution, which then has no "
                        + "bias, in place of local response normalization.",
                    "3x3 in place of 5x5 in the third branch.",
                    "The fourth max pooling is 2x2 rather than 3x3.",
                    "The auxiliary heads begin with an adaptive average pooling to 4x4, the same for images of 224x224 but "
                        + "for where its windows lie.",
                    "Dropout 0.2 in place of 0.4 before the last layer.",
                    "Initial weights normal with deviation 0.01.",
                ]),
            layers: { GoogLeNet(variant: .torchvision).layers(classes: $0) }),
        published("inception_v1", hasHeads: false, parameters: 6_998_552),
        published("inception_v1_aux", hasHeads: true, parameters: 13_378_280),
        tiny("googlenet_tiny", .torchvision),
        tiny("inception_v1_aux_tiny", .asPublished),
    ]

    private static func published(_ name: String, hasHeads: Bool, parameters: Int) -> Zoo.Entry {
        Zoo.Entry(
            card: ModelCard(
                name: name, source: "Szegedy et al. 2015, table 1 and figure 3", input: [3, 224, 224],
                classes: 1000, preprocessing: .imageNet, parameters: parameters, macs: 1_582_671_872,
                deviations: [
                    hasHeads
                        ? "The parameters include the auxiliary heads, 6,998,552 without; the MACs do not."
                        : "Without the auxiliary heads, which `inception_v1_aux` has.",
                    "The poolings round up, as in the authors' and in Caffe's networks; the paper gives the extents only.",
                    "Local response normalization with AlexNet's constants; the paper gives none.",
                    "Global average pooling in place of 7x7, the same for images of 224x224.",
                    "Initial weights after Glorot and Bengio; the paper gives none.",
                    "Images are divided by the deviation of the channel too, not only freed of the mean.",
                ]),
            layers: { GoogLeNet(variant: .asPublished, hasHeads: hasHeads).layers(classes: $0) })
    }

    private static func tiny(_ name: String, _ variant: Variant) -> Zoo.Entry {
        let (parameters, macs) = variant == .torchvision ? (161_926, 4_731_628) : (105_496, 4_712_508)
        return Zoo.Entry(
            card: ModelCard(
                name: name, source: "this project, for tests and quick tries", input: [3, 80, 80],
                classes: 10,
                preprocessing: nil, parameters: parameters, macs: macs,
                deviations: ["An eighth of the filters and hidden units."]),
            layers: { GoogLeNet(variant: variant, divisor: 8).layers(classes: $0) })
    }
}
