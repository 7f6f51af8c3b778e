/// ResNeXt of Xie 2017, "Aggregated residual transformations for deep neural networks", table 1.
///
/// A ``ResNet`` of bottlenecks whose 3x3 convolutions have groups: 32x4d has 32 groups of 4 filters in the first stage.
enum ResNeXt {
    static let entries: [Zoo.Entry] = [
        entry(
            "resnext50_32x4d", "Xie et al. 2017, table 1", [3, 4, 6, 3], groupWidth: 4,
            parameters: 25_028_904,
            macs: 4_230_479_872, deviations: []),
        entry(
            "resnext101_32x8d", "Xie et al. 2017, section 5, as torchvision", [3, 4, 23, 3], groupWidth: 8,
            parameters: 88_791_336, macs: 16_414_015_488,
            deviations: [
                "32 groups of 8 filters, of Mahajan et al. 2018; the paper's networks of 101 layers are 32x4d and 64x4d."
            ]),
        ResNet.tiny(
            "resnext_tiny", parameters: 163_058, macs: 9_792_000,
            deviations: ["One block in each stage, 4 groups of 4 to 32 filters, no pooling in the stem."]
        ) {
            ResNet(
                block: .bottleneck, depths: [1, 1, 1, 1], widths: ResNet.tinyWidths, groups: 4,
                groupWidth: 32, stem: .small, classes: $0)
        },
    ]

    private static func entry(
        _ name: String, _ source: String, _ depths: [Int], groupWidth: Int, parameters: Int, macs: Int,
        deviations: [String]
    ) -> Zoo.Entry {
        Zoo.Entry(
            card: ModelCard(
                name: name, source: source, input: [3, 224, 224], classes: 1000, preprocessing: .imageNet,
                parameters: parameters, macs: macs, deviations: deviations),
            layers: {
                ResNet(block: .bottleneck, depths: depths, groups: 32, groupWidth: groupWidth, classes: $0)
            })
    }
}
