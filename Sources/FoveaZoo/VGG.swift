import FoveaNN

/// VGG: Simonyan and Zisserman 2015, "Very deep convolutional networks for large-scale image recognition", table 1.
///
/// Five stages of convolutions 3x3, each ended by a max pooling, then three dense layers with dropout between. Keys as in
/// torchvision: `features.0` …, `classifier.0`, `classifier.3`, `classifier.6`. Initial weights as there: He normal by the
/// fan out for convolutions, normal with deviation 0.01 for dense layers.
struct VGG: Sendable {
    /// The number of convolutions in each stage: column A, B, D or E of the table.
    var depths: [Int]
    /// Whether a batch normalization follows each convolution.
    var isNormalized = false
    /// What every number of filters and units is divided by.
    var divisor = 1

    func layers(classes: Int) -> any Layer {
        let widths = [64, 128, 256, 512, 512].map { $0 / divisor }
        return Sequential {
            Sequential {
                for (depth, width) in zip(depths, widths) {
                    for _ in 0..<depth {
                        Conv2D(
                            filters: width, kernelSize: 3, padding: 1, initializer: .he(.normal, fan: .out))
                        if isNormalized { BatchNorm() }
                        ReLU()
                    }
                    MaxPool2D(2)
                }
            }.named("features")
            AdaptiveAveragePool2D(7).named("avgpool")
            Flatten().named("flatten")
            Sequential {
                dense(4096 / divisor)
                ReLU()
                Dropout(0.5)
                dense(4096 / divisor)
                ReLU()
                Dropout(0.5)
                dense(classes)
            }.named("classifier")
        }
    }

    private func dense(_ units: Int) -> any Layer {
        Dense(units: units, initializer: .normal(deviation: 0.01))
    }
}

extension VGG {
    static let entries: [Zoo.Entry] =
        [
            ("vgg11", "A", [1, 1, 2, 2, 2], 132_863_336, 132_868_840, 7_609_090_048),
            ("vgg13", "B", [2, 2, 2, 2, 2], 133_047_848, 133_053_736, 11_308_466_176),
            ("vgg16", "D", [2, 2, 3, 3, 3], 138_357_544, 138_365_992, 15_470_264_320),
            ("vgg19", "E", [2, 2, 4, 4, 4], 143_667_240, 143_678_248, 19_632_062_464),
        ].flatMap { name, column, depths, plain, normalized, macs in
            [
                entry(name, column, VGG(depths: depths), parameters: plain, macs: macs),
                entry(
                    name + "_bn", column, VGG(depths: depths, isNormalized: true), parameters: normalized,
                    macs: macs),
            ]
        } + [
            tiny(
                "vgg_tiny", VGG(depths: [1, 1, 1, 1, 1], divisor: 16), parameters: 485_490, macs: 1_944_064),
            tiny(
                "vgg_bn_tiny", VGG(depths: [1, 1, 1, 1, 1], isNormalized: true, divisor: 16),
                parameters: 485_674,
                macs: 1_944_064),
        ]

    private static func entry(
        _ name: String, _ column: String, _ network: VGG, parameters: Int, macs: Int
    ) -> Zoo.Entry {
        var deviations = [
            "An adaptive average pooling to 7x7 after the last convolutions, which does nothing at 224x224.",
            "Initial weights of the convolutions after He et al. 2015; the paper copies them from shallower networks.",
            "Images are divided by the deviation of the channel too, not only freed of the mean.",
        ]
        if network.isNormalized {
            deviations.insert(
                "Batch normalization after each convolution, which the paper is older than.", at: 0)
        }
        return Zoo.Entry(
            card: ModelCard(
                name: name, source: "Simonyan and Zisserman 2015, table 1, column \(column)",
                input: [3, 224, 224], classes: 1000, preprocessing: .imageNet, parameters: parameters,
                macs: macs, deviations: deviations),
            layers: { network.layers(classes: $0) })
    }

    private static func tiny(_ name: String, _ network: VGG, parameters: Int, macs: Int) -> Zoo.Entry {
        Zoo.Entry(
            card: ModelCard(
                name: name, source: "this project, for tests and quick tries", input: [3, 64, 64],
                classes: 10, preprocessing: nil, parameters: parameters, macs: macs,
                deviations: [
                    "Column A with a convolution in each stage, a sixteenth of the filters and hidden units."
                ]),
            layers: { network.layers(classes: $0) })
    }
}
