import FoveaNN

/// LeNet-5, the network of LeCun 1998, "Gradient-based learning applied to document recognition", section II.B.
///
/// Convolution 6@5x5, subsampling, convolution 16@5x5, subsampling, then 120, 84 and one unit for each class. Keys: `conv1`,
/// `conv2`, `fc1`, `fc2`, `fc3`. Images of 28x28 are padded by 2 in the first convolution, which makes them the paper's
/// 32x32.
enum LeNet {
    /// Tanh and average pooling, or ReLU and max pooling.
    enum Variant: Sendable {
        case asPublished, relu
    }

    static func layers(_ variant: Variant, classes: Int) -> any Layer {
        let hidden: Initializer = variant == .relu ? .he(.normal) : .glorot(.uniform)
        let activation: any Layer = variant == .relu ? ReLU() : Tanh()
        let pool: any Layer = variant == .relu ? MaxPool2D(2) : AveragePool2D(2)
        return Sequential {
            Conv2D(filters: 6, kernelSize: 5, padding: 2, initializer: hidden).named("conv1")
            activation.named("activation1")
            pool.named("pool1")
            Conv2D(filters: 16, kernelSize: 5, initializer: hidden).named("conv2")
            activation.named("activation2")
            pool.named("pool2")
            Flatten().named("flatten")
            Dense(units: 120, initializer: hidden).named("fc1")
            activation.named("activation3")
            Dense(units: 84, initializer: hidden).named("fc2")
            activation.named("activation4")
            Dense(units: classes, initializer: .glorot(.uniform)).named("fc3")
        }
    }

    static let entries: [Zoo.Entry] = [
        Zoo.Entry(
            card: ModelCard(
                name: "lenet5", source: "LeCun et al. 1998, section II.B", input: [1, 28, 28], classes: 10,
                preprocessing: nil, parameters: 61_706, macs: 416_520,
                deviations: [
                    "The second convolution sees all six maps; the paper's table I connects some of them only, to break "
                        + "the symmetry and save weights (60,000 in all).",
                    "Average pooling has no trainable coefficient and bias, and no squashing of its own.",
                    "tanh(x) in place of 1.7159 tanh(2x/3).",
                    "A dense layer and softmax cross-entropy in place of the Euclidean radial basis functions.",
                    "Initial weights after Glorot and Bengio in place of uniform in 2.4 / fan-in.",
                ]),
            layers: { layers(.asPublished, classes: $0) }),
        Zoo.Entry(
            card: ModelCard(
                name: "lenet5_relu", source: "LeCun et al. 1998, with today's parts", input: [1, 28, 28],
                classes: 10,
                preprocessing: nil, parameters: 61_706, macs: 416_520,
                deviations: [
                    "As lenet5, with ReLU in place of tanh, max in place of average pooling, He's initial weights."
                ]),
            layers: { layers(.relu, classes: $0) }),
    ]
}
