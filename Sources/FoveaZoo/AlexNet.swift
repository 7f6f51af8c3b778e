import FoveaGraph
import FoveaNN

/// AlexNet: Krizhevsky 2012, "ImageNet classification with deep convolutional neural networks", and its later form of one
/// column.
///
/// Five convolutions, three max poolings, three dense layers with dropout between.
enum AlexNet {
    /// The network of one column with torchvision's keys: `features.0` …, `classifier.1`, `classifier.4`, `classifier.6`.
    ///
    /// - Parameter divisor: what every number of filters and units is divided by.
    static func oneColumn(classes: Int, divisor: Int = 1) -> any Layer {
        func convolution(_ filters: Int, _ kernel: Int, stride: Int = 1, padding: Int) -> any Layer {
            Conv2D(
                filters: filters / divisor, kernelSize: Size2D(kernel), stride: Size2D(stride),
                padding: Padding(integerLiteral: padding), initializer: .pyTorch, biasInitializer: .pyTorch)
        }
        func dense(_ units: Int) -> any Layer {
            Dense(units: units, initializer: .pyTorch, biasInitializer: .pyTorch)
        }
        return Sequential {
            Sequential {
                convolution(64, 11, stride: 4, padding: 2)
                ReLU()
                MaxPool2D(3, stride: 2)
                convolution(192, 5, padding: 2)
                ReLU()
                MaxPool2D(3, stride: 2)
                convolution(384, 3, padding: 1)
                ReLU()
                convolution(256, 3, padding: 1)
                ReLU()
                convolution(256, 3, padding: 1)
                ReLU()
                MaxPool2D(3, stride: 2)
            }.named("features")
            AdaptiveAveragePool2D(6).named("avgpool")
            Flatten().named("flatten")
            Sequential {
                Dropout(0.5)
                dense(4096 / divisor)
                ReLU()
                Dropout(0.5)
                dense(4096 / divisor)
                ReLU()
                dense(classes)
            }.named("classifier")
        }
    }
}

extension AlexNet {
    /// The network as published, with the keys `conv1` … `conv5`, `fc6`, `fc7`, `fc8`.
    ///
    /// Initial weights as published: normal with deviation 0.01, biases 1 in `conv2`, `conv4`, `conv5`, `fc6` and `fc7`, so
    /// that their ReLUs start with positive inputs, and 0 elsewhere.
    ///
    /// - Parameter divisor: what every number of filters and hidden units is divided by.
    static func asPublished(classes: Int, divisor: Int = 1) -> any Layer {
        func convolution(
            _ filters: Int, _ kernel: Int, stride: Int = 1, groups: Int = 1, bias: Initializer = .zeros
        ) -> any Layer {
            Conv2D(
                filters: filters / divisor, kernelSize: Size2D(kernel), stride: Size2D(stride),
                padding: stride == 1 ? Padding(integerLiteral: kernel / 2) : .valid, groups: groups,
                initializer: .normal(deviation: 0.01), biasInitializer: bias)
        }
        func dense(_ units: Int, bias: Initializer = .zeros) -> any Layer {
            Dense(units: units, initializer: .normal(deviation: 0.01), biasInitializer: bias)
        }
        return Sequential {
            convolution(96, 11, stride: 4).named("conv1")
            ReLU().named("relu1")
            LocalResponseNorm.alexNet.named("norm1")
            MaxPool2D(3, stride: 2).named("pool1")
            convolution(256, 5, groups: 2, bias: .ones).named("conv2")
            ReLU().named("relu2")
            LocalResponseNorm.alexNet.named("norm2")
            MaxPool2D(3, stride: 2).named("pool2")
            convolution(384, 3).named("conv3")
            ReLU().named("relu3")
            convolution(384, 3, groups: 2, bias: .ones).named("conv4")
            ReLU().named("relu4")
            convolution(256, 3, groups: 2, bias: .ones).named("conv5")
            ReLU().named("relu5")
            MaxPool2D(3, stride: 2).named("pool5")
            Flatten().named("flatten")
            dense(4096 / divisor, bias: .ones).named("fc6")
            ReLU().named("relu6")
            Dropout(0.5).named("drop6")
            dense(4096 / divisor, bias: .ones).named("fc7")
            ReLU().named("relu7")
            Dropout(0.5).named("drop7")
            dense(classes).named("fc8")
        }
    }

    static let entries: [Zoo.Entry] = [
        Zoo.Entry(
            card: ModelCard(
                name: "alexnet",
                source: "Krizhevsky 2014, \"One weird trick for parallelizing …\", as torchvision",
                input: [3, 224, 224], classes: 1000, preprocessing: .imageNet, parameters: 61_100_840,
                macs: 714_188_480,
                deviations: [
                    "An adaptive average pooling to 6x6 after the last convolutions, which does nothing at 224x224.",
                    "256 rather than 384 filters in the fourth convolution; no local response normalization, as there.",
                    "Dropout before both hidden dense layers.",
                    "Initial weights and biases as PyTorch has them by default.",
                ]),
            layers: { oneColumn(classes: $0) }),
        Zoo.Entry(
            card: ModelCard(
                name: "alexnet_lrn", source: "Krizhevsky et al. 2012, figure 2 and section 3",
                input: [3, 227, 227],
                classes: 1000,
                preprocessing: ImagePreprocessing(
                    resize: 256, crop: 227, mean: ImagePreprocessing.imageNet.mean,
                    deviation: ImagePreprocessing.imageNet.deviation),
                parameters: 60_965_224, macs: 724_406_816,
                deviations: [
                    "Images of 227x227: with the 224x224 that the paper states, its first maps are not 55x55.",
                    "The two columns, one for each GPU, are the two groups of conv2, conv4 and conv5.",
                    "Images are freed of the mean of the channel and divided by its deviation; the paper subtracts the mean "
                        + "image.",
                    "Prediction looks at the middle of the image; the paper averages over ten crops.",
                ]),
            layers: { asPublished(classes: $0) }),
        tiny("alexnet_tiny", input: 63, parameters: 227_150, macs: 676_220) {
            oneColumn(classes: $0, divisor: 16)
        },
        tiny("alexnet_lrn_tiny", input: 67, parameters: 83_954, macs: 691_026) {
            asPublished(classes: $0, divisor: 16)
        },
    ]

    private static func tiny(
        _ name: String, input: Int, parameters: Int, macs: Int,
        _ layers: @escaping @Sendable (Int) -> any Layer
    ) -> Zoo.Entry {
        Zoo.Entry(
            card: ModelCard(
                name: name, source: "this project, for tests and quick tries", input: [3, input, input],
                classes: 10, preprocessing: nil, parameters: parameters, macs: macs,
                deviations: ["A sixteenth of the filters and hidden units, and the smallest images that fit."]
            ),
            layers: layers)
    }
}
