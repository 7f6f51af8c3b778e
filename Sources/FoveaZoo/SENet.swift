import FoveaNN

/// Squeeze-and-excitation networks of Hu 2018, "Squeeze-and-excitation networks", table 1.
///
/// Other architectures with a gate on every block: ``ResNet`` and ``ResNeXt`` on the residual function, with timm's keys
/// `layer1.0.se.fc1` and `layer1.0.se.fc2`; ``InceptionResNet`` on every Inception block, with the keys `mixed_5b.se.fc1` …,
/// `repeat.0.se.fc1` ….
enum SENet {
    /// What differs from the paper in the residual networks.
    private static let deviations = [
        "The gates' dense layers are 1x1 convolutions with biases, as timm.",
        "The stride is in the 3x3 convolution rather than in the first 1x1, as timm.",
        "Residual functions do not start as zero, as they do in timm.",
    ]

    static let entries: [Zoo.Entry] = [
        Zoo.Entry(
            card: ModelCard(
                name: "seresnet50", source: "Hu et al. 2018, table 1, as timm", input: [3, 224, 224],
                classes: 1000, preprocessing: .imageNet, parameters: 28_088_024, macs: 4_091_699_200,
                deviations: deviations),
            layers: { ResNet(block: .bottleneck, depths: [3, 4, 6, 3], reduction: 16, classes: $0) }),
        Zoo.Entry(
            card: ModelCard(
                name: "seresnet50_v1", source: "Hu et al. 2018, table 1", input: [3, 224, 224], classes: 1000,
                preprocessing: .imageNet, parameters: 28_088_024, macs: 3_860_488_192,
                deviations: [
                    "The gates' dense layers are 1x1 convolutions with biases, as timm.",
                    "Residual functions do not start as zero, as they do in timm.",
                ]),
            layers: {
                ResNet(
                    block: .bottleneck, depths: [3, 4, 6, 3], stridePlace: .first, reduction: 16, classes: $0)
            }),
        Zoo.Entry(
            card: ModelCard(
                name: "seresnext50_32x4d", source: "Hu et al. 2018, table 1, as timm", input: [3, 224, 224],
                classes: 1000, preprocessing: .imageNet, parameters: 27_559_896, macs: 4_232_994_816,
                deviations: [
                    "The gates' dense layers are 1x1 convolutions with biases, as timm.",
                    "Residual functions do not start as zero, as they do in timm.",
                ]),
            layers: {
                ResNet(
                    block: .bottleneck, depths: [3, 4, 6, 3], groups: 32, groupWidth: 4, reduction: 16,
                    classes: $0)
            }),
        // A gate on C channels, with S = C / 16, has 2 C S + S + C parameters and 2 C S MACs. There are 11 on 320 channels
        // (13,140 parameters, 12,800 MACs each), 21 on 1088 (149,124 and 147,968) and 11 on 2080 (543,010 and 540,800):
        // 55,843,464 + 9,249,254 parameters and 13,155,794,016 + 9,196,928 MACs.
        Zoo.Entry(
            card: ModelCard(
                name: "se_inception_resnet_v2", source: "Hu et al. 2018, table 2", input: [3, 299, 299],
                classes: 1000, preprocessing: .inception, parameters: 65_092_718, macs: 13_164_990_944,
                deviations: [
                    "The gate of a block with a shortcut is on its residual function, before the scale, as in the paper's "
                        + "figure 3; the blocks that change the extent have one, too.",
                    "The gates' dense layers are 1x1 convolutions with biases.",
                ] + InceptionResNet.deviations),
            layers: { InceptionResNet(hasGates: true).layers(classes: $0) }),
        ResNet.tiny(
            "seresnet_tiny", parameters: 174_122, macs: 7_148_544,
            deviations: [
                "One block in each stage, 8 to 64 filters, gates of a quarter, no pooling in the stem."
            ]
        ) {
            ResNet(
                block: .bottleneck, depths: [1, 1, 1, 1], widths: ResNet.tinyWidths, reduction: 4,
                stem: .small, classes: $0)
        },
        Zoo.Entry(
            card: ModelCard(
                name: "se_inception_resnet_tiny", source: "this project, for tests and quick tries",
                input: [3, 107, 107], classes: 10, preprocessing: nil, parameters: 277_586, macs: 7_062_500,
                deviations: ["One block on each extent and an eighth of the filters."]),
            layers: { InceptionResNet(repeats: [1, 1, 1], divisor: 8, hasGates: true).layers(classes: $0) }),
    ]
}
