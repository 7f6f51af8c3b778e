import FoveaNN

/// A multi-layer perceptron: 784 pixels, two hidden layers of 512 ReLUs, one output for each class.
///
/// Keys: `fc1`, `fc2`, `fc3`. The same network as the notation `fc 512 - relu - fc 512 - relu - fc 10`.
enum MultilayerPerceptron {
    static func layers(classes: Int) -> any Layer {
        Sequential {
            Flatten().named("flatten")
            Dense(units: 512).named("fc1")
            ReLU().named("relu1")
            Dense(units: 512).named("fc2")
            ReLU().named("relu2")
            Dense(units: classes, initializer: .glorot(.uniform)).named("fc3")
        }
    }

    static let entries: [Zoo.Entry] = [
        Zoo.Entry(
            card: ModelCard(
                name: "mlp", source: "the textbook network with two hidden layers", input: [1, 28, 28],
                classes: 10,
                preprocessing: nil, parameters: 669_706, macs: 668_672, deviations: []),
            layers: { layers(classes: $0) })
    ]
}
