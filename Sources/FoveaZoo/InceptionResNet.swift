import FoveaGraph
import FoveaNN

/// Inception-ResNet-v2 of Szegedy 2017, "Inception-v4, Inception-ResNet and the impact of residual connections on
/// learning", section 3.2, in the form that its authors released.
///
/// A stem, then Inception blocks with scaled residual connections on three extents, with a block that reduces the extent
/// before the second and the third. Keys as in timm's `inception_resnet_v2`: `conv2d_1a.conv`, `conv2d_1a.bn` …,
/// `mixed_5b.branch1.0.conv` …, `repeat.0.branch0.conv` …, `repeat.0.conv2d`, `repeat_1`, `repeat_2`, `block8`,
/// `conv2d_7b`, `classif`. Initial weights as there: PyTorch's defaults.
struct InceptionResNet: Sendable {
    /// The number of blocks on each of the three extents; the third has one more, without activation.
    var repeats = [10, 20, 9]
    /// What every number of filters is divided by.
    var divisor = 1
    /// Whether each Inception block has a squeeze-and-excitation gate, with the key `se`: on the residual function where the
    /// block has a shortcut.
    var hasGates = false

    func layers(classes: Int) -> any Layer {
        Sequential {
            unit(32, 3, stride: 2).named("conv2d_1a")
            unit(32, 3).named("conv2d_2a")
            unit(64, 3, padding: 1).named("conv2d_2b")
            MaxPool2D(3, stride: 2).named("maxpool_3a")
            unit(80, 1).named("conv2d_3b")
            unit(192, 3).named("conv2d_4a")
            MaxPool2D(3, stride: 2).named("maxpool_5a")

            gated(mixed5b).named("mixed_5b")
            Sequential((0..<repeats[0]).map { _ in residual(branches35, channels: 320, scale: 0.17) })
                .named("repeat")
            gated(mixed6a).named("mixed_6a")
            Sequential((0..<repeats[1]).map { _ in residual(branches17, channels: 1088, scale: 0.1) })
                .named("repeat_1")
            gated(mixed7a).named("mixed_7a")
            Sequential((0..<repeats[2]).map { _ in residual(branches8, channels: 2080, scale: 0.2) })
                .named("repeat_2")
            residual(branches8, channels: 2080, scale: 1, isActivated: false).named("block8")

            unit(1536, 1).named("conv2d_7b")
            GlobalAveragePool2D().named("global_pool")
            Flatten().named("flatten")
            Dense(units: classes, initializer: .pyTorch, biasInitializer: .pyTorch).named("classif")
        }
    }

    // MARK: Blocks on 35x35, 17x17 and 8x8, for images of 299x299

    private var mixed5b: Parallel {
        Parallel(.concatenate) {
            unit(96, 1).named("branch0")
            Sequential {
                unit(48, 1)
                unit(64, 5, padding: 2)
            }.named("branch1")
            Sequential {
                unit(64, 1)
                unit(96, 3, padding: 1)
                unit(96, 3, padding: 1)
            }.named("branch2")
            Sequential {
                AveragePool2D(3, stride: 1, padding: 1, countsPadding: false)
                unit(64, 1)
            }.named("branch3")
        }
    }

    private var branches35: Parallel {
        Parallel(.concatenate) {
            unit(32, 1).named("branch0")
            Sequential {
                unit(32, 1)
                unit(32, 3, padding: 1)
            }.named("branch1")
            Sequential {
                unit(32, 1)
                unit(48, 3, padding: 1)
                unit(64, 3, padding: 1)
            }.named("branch2")
        }
    }

    private var mixed6a: Parallel {
        Parallel(.concatenate) {
            unit(384, 3, stride: 2).named("branch0")
            Sequential {
                unit(256, 1)
                unit(256, 3, padding: 1)
                unit(384, 3, stride: 2)
            }.named("branch1")
            MaxPool2D(3, stride: 2).named("branch2")
        }
    }

    private var branches17: Parallel {
        Parallel(.concatenate) {
            unit(192, 1).named("branch0")
            Sequential {
                unit(128, 1)
                unit(160, Size2D(1, 7), padding: Edges(vertical: 0, horizontal: 3))
                unit(192, Size2D(7, 1), padding: Edges(vertical: 3, horizontal: 0))
            }.named("branch1")
        }
    }

    private var mixed7a: Parallel {
        Parallel(.concatenate) {
            Sequential {
                unit(256, 1)
                unit(384, 3, stride: 2)
            }.named("branch0")
            Sequential {
                unit(256, 1)
                unit(288, 3, stride: 2)
            }.named("branch1")
            Sequential {
                unit(256, 1)
                unit(288, 3, padding: 1)
                unit(320, 3, stride: 2)
            }.named("branch2")
            MaxPool2D(3, stride: 2).named("branch3")
        }
    }

    private var branches8: Parallel {
        Parallel(.concatenate) {
            unit(192, 1).named("branch0")
            Sequential {
                unit(192, 1)
                unit(224, Size2D(1, 3), padding: Edges(vertical: 0, horizontal: 1))
                unit(256, Size2D(3, 1), padding: Edges(vertical: 1, horizontal: 0))
            }.named("branch1")
        }
    }

    // MARK: Parts

    /// `relu(x + scale · conv2d(branches(x)))`, the convolution 1x1 with a bias and without normalization.
    private func residual(
        _ branches: Parallel, channels: Int, scale: Float, isActivated: Bool = true
    ) -> any Layer {
        Sequential {
            Residual(scale: scale) {
                gated(
                    Sequential {
                        branches.named("")
                        Conv2D(
                            filters: channels / divisor, kernelSize: 1, initializer: .pyTorch,
                            biasInitializer: .pyTorch
                        ).named("conv2d")
                    }
                ).named("")
            }.named("")
            if isActivated { ReLU().named("act") }
        }
    }

    private func gated(_ block: any Layer) -> any Layer {
        guard hasGates else { return block }
        return SqueezeExcitation { block.named("") }
    }

    /// A convolution without bias, batch normalization, ReLU.
    private func unit(
        _ filters: Int, _ kernel: Size2D, stride: Size2D = 1, padding: Edges = .zero
    ) -> any Layer {
        Sequential {
            Conv2D(
                filters: filters / divisor, kernelSize: kernel, stride: stride, padding: .explicit(padding),
                usesBias: false, initializer: .pyTorch
            ).named("conv")
            BatchNorm(epsilon: 1e-3).named("bn")
            ReLU().named("act")
        }
    }

    private func unit(_ filters: Int, _ kernel: Size2D, stride: Size2D = 1, padding: Int) -> any Layer {
        unit(filters, kernel, stride: stride, padding: Edges(vertical: padding, horizontal: padding))
    }
}

extension InceptionResNet {
    /// What differs from the paper in every variant.
    static let deviations = [
        "The stem and the numbers of filters are those of the authors' code (TensorFlow-slim), not of the figures 3 and "
            + "16 to 19.",
        "Residual functions are scaled by 0.17, 0.10 and 0.20 on the three extents, as in that code; the paper says 0.1 to "
            + "0.3.",
        "Batch normalization has a learned scale, which that code leaves out: 30,272 parameters more.",
        "No dropout before the last layer; the paper keeps 0.8.",
        "Batch normalization with momentum 0.1; that code has (in this convention) 0.0003.",
        "Initial weights as PyTorch has them by default.",
    ]

    static let entries: [Zoo.Entry] = [
        Zoo.Entry(
            card: ModelCard(
                name: "inception_resnet_v2", source: "Szegedy et al. 2017, section 3.2, as timm",
                input: [3, 299, 299], classes: 1000, preprocessing: .inception, parameters: 55_843_464,
                macs: 13_155_794_016, deviations: deviations),
            layers: { InceptionResNet().layers(classes: $0) }),
        Zoo.Entry(
            card: ModelCard(
                name: "inception_resnet_tiny", source: "this project, for tests and quick tries",
                input: [3, 107, 107], classes: 10, preprocessing: nil, parameters: 246_754, macs: 7_032_868,
                deviations: ["One block on each extent and an eighth of the filters."]),
            layers: { InceptionResNet(repeats: [1, 1, 1], divisor: 8).layers(classes: $0) }),
    ]
}
