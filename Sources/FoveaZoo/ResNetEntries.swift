extension ResNet {
    static let entries: [Zoo.Entry] = [
        entry("resnet18", .basic, [2, 2, 2, 2], parameters: 11_689_512, macs: 1_814_073_344),
        entry("resnet34", .basic, [3, 4, 6, 3], parameters: 21_797_672, macs: 3_663_761_408),
        entry("resnet50", .bottleneck, [3, 4, 6, 3], parameters: 25_557_032, macs: 4_089_184_256),
        entry(
            "resnet50_v1", .bottleneck, [3, 4, 6, 3], stridePlace: .first, parameters: 25_557_032,
            macs: 3_857_973_248),
        entry("resnet101", .bottleneck, [3, 4, 23, 3], parameters: 44_549_160, macs: 7_801_405_440),
        entry("resnet152", .bottleneck, [3, 8, 36, 3], parameters: 60_192_808, macs: 11_513_626_624),
        tiny("resnet_tiny", .basic, parameters: 78_002, macs: 4_153_984),
        tiny("resnet_tiny_bottleneck", .bottleneck, parameters: 130_002, macs: 7_105_024),
    ]

    private static func entry(
        _ name: String, _ block: Block, _ depths: [Int], stridePlace: StridePlace = .middle, parameters: Int,
        macs: Int
    ) -> Zoo.Entry {
        var deviations: [String] = [
            "Shortcuts that change the shape are 1x1 convolutions with batch normalization (option B)."
        ]
        if block == .bottleneck, stridePlace == .middle {
            deviations.append(
                "The stride is in the 3x3 convolution rather than in the first 1x1 (\"v1.5\", as torchvision)."
            )
        }
        return Zoo.Entry(
            card: ModelCard(
                name: name, source: "He et al. 2015, table 1", input: [3, 224, 224], classes: 1000,
                preprocessing: .imageNet, parameters: parameters, macs: macs, deviations: deviations),
            layers: { ResNet(block: block, depths: depths, stridePlace: stridePlace, classes: $0) })
    }

    private static func tiny(_ name: String, _ block: Block, parameters: Int, macs: Int) -> Zoo.Entry {
        tiny(
            name, parameters: parameters, macs: macs,
            deviations: ["One block in each stage, 8 to 64 filters, no pooling in the stem."]
        ) {
            ResNet(block: block, depths: [1, 1, 1, 1], widths: tinyWidths, stem: .small, classes: $0)
        }
    }

    /// The widths of the stages of networks for tests.
    static let tinyWidths = [8, 16, 32, 64]

    /// An entry for tests and quick tries.
    static func tiny(
        _ name: String, parameters: Int, macs: Int, deviations: [String],
        _ network: @escaping @Sendable (_ classes: Int) -> ResNet
    ) -> Zoo.Entry {
        Zoo.Entry(
            card: ModelCard(
                name: name, source: "this project, for tests and quick tries", input: [3, 32, 32],
                classes: 10,
                preprocessing: nil, parameters: parameters, macs: macs, deviations: deviations),
            layers: { network($0) })
    }
}
