import FoveaGraph
import FoveaNN

/// Xception: Chollet 2017, "Xception: deep learning with depthwise separable convolutions", figure 5.
///
/// Two convolutions, then twelve residual blocks of separable convolutions (three of the entry flow, eight of the middle
/// flow, one of the exit flow), two more separable convolutions, global average pooling and a dense layer. Keys as in timm's
/// `legacy_xception`: `conv1`, `bn1`, `block1.rep.0.conv1`, `block1.rep.0.pointwise`, `block1.skip`, `block1.skipbn` …,
/// `conv4`, `bn4`, `fc`. Initial weights as there: He normal by the fan out for convolutions, PyTorch's default for `fc`.
enum Xception {
    private static let initializer = Initializer.he(.normal, fan: .out)

    /// - Parameter divisor: what every number of filters is divided by.
    static func layers(classes: Int, divisor: Int = 1) -> any Layer {
        let middle = 728 / divisor
        return Sequential {
            convolution(32 / divisor, kernel: 3, stride: 2).named("conv1")
            BatchNorm().named("bn1")
            ReLU().named("act1")
            convolution(64 / divisor, kernel: 3).named("conv2")
            BatchNorm().named("bn2")
            ReLU().named("act2")

            // The entry flow.
            block([128 / divisor, 128 / divisor], stride: 2, startsWithReLU: false).named("block1")
            block([256 / divisor, 256 / divisor], stride: 2).named("block2")
            block([middle, middle], stride: 2).named("block3")
            // The middle flow.
            for number in 4...11 {
                block([middle, middle, middle]).named("block\(number)")
            }
            // The exit flow.
            block([middle, 1024 / divisor], stride: 2).named("block12")
            separable(1536 / divisor).named("conv3")
            BatchNorm().named("bn3")
            ReLU().named("act3")
            separable(2048 / divisor).named("conv4")
            BatchNorm().named("bn4")
            ReLU().named("act4")

            GlobalAveragePool2D().named("global_pool")
            Flatten().named("flatten")
            Dense(units: classes, initializer: .pyTorch, biasInitializer: .pyTorch).named("fc")
        }
    }

    /// Separable convolutions with a shortcut around them: the identity, or with a stride a convolution 1x1.
    private static func block(_ filters: [Int], stride: Int = 1, startsWithReLU: Bool = true) -> any Layer {
        Residual(shortcutName: "") {
            Sequential {
                for (position, filters) in filters.enumerated() {
                    if position > 0 || startsWithReLU { ReLU() }
                    separable(filters)
                    BatchNorm()
                }
                if stride > 1 { MaxPool2D(3, stride: Size2D(stride), padding: 1) }
            }.named("rep")
        } shortcut: {
            if stride > 1 {
                convolution(filters[filters.count - 1], kernel: 1, stride: stride).named("skip")
                BatchNorm().named("skipbn")
            }
        }
    }

    private static func separable(_ filters: Int) -> any Layer {
        SeparableConv2D(
            filters: filters, kernelSize: 3, padding: 1, usesBias: false, initializer: initializer,
            depthwiseName: "conv1")
    }

    private static func convolution(_ filters: Int, kernel: Int, stride: Int = 1) -> any Layer {
        Conv2D(
            filters: filters, kernelSize: Size2D(kernel), stride: Size2D(stride), usesBias: false,
            initializer: initializer)
    }
}

extension Xception {
    static let entries: [Zoo.Entry] = [
        Zoo.Entry(
            card: ModelCard(
                name: "xception", source: "Chollet 2017, figure 5, as timm's legacy_xception",
                input: [3, 299, 299],
                classes: 1000, preprocessing: .inception, parameters: 22_855_952, macs: 8_357_403_496,
                deviations: [
                    "No dropout before the last layer; the paper has 0.5.",
                    "Batch normalization with epsilon 1e-5 and momentum 0.1; Keras' network has 1e-3 and (in this "
                        + "convention) 0.01.",
                    "Paddings are symmetric; TensorFlow's \"same\" leaves the odd pixel to the right and below.",
                    "The count leaves out the 54,528 running statistics that Keras' total, 22,910,480, includes.",
                ]),
            layers: { layers(classes: $0) }),
        Zoo.Entry(
            card: ModelCard(
                name: "xception_tiny", source: "this project, for tests and quick tries", input: [3, 71, 71],
                classes: 10, preprocessing: nil, parameters: 356_425, macs: 9_611_687,
                deviations: ["An eighth of the filters."]),
            layers: { layers(classes: $0, divisor: 8) }),
    ]
}
