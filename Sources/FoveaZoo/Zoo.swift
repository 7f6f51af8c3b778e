import FoveaNN
import FoveaTensor

/// The named architectures.
public enum Zoo {
    /// An architecture: its card, and how its layers are made.
    public struct Entry: Sendable {
        /// What is known of the architecture.
        public let card: ModelCard
        /// The layers for the given number of classes.
        public let layers: @Sendable (_ classes: Int) -> any Layer
    }

    /// All architectures, in the order in which they are listed.
    public static let entries: [Entry] = [
        LeNet.entries, MultilayerPerceptron.entries, AlexNet.entries, VGG.entries, GoogLeNet.entries,
        ResNet.entries, ResNetCIFAR.entries, ResNeXt.entries, DenseNet.entries, Xception.entries,
        InceptionResNet.entries,
        SENet.entries,
    ].flatMap { $0 }

    /// The architecture called `name`.
    ///
    /// - Throws: ``ZooError`` that lists the names where there is none.
    public static func entry(named name: String) throws(ZooError) -> Entry {
        guard let entry = entries.first(where: { $0.card.name == name }) else {
            throw ZooError(
                message: """
                    there is no architecture '\(name)'; the names are \
                    \(entries.map(\.card.name).joined(separator: ", "))
                    """)
        }
        return entry
    }

    /// The network called `name` for classification, with another number of classes or shape of a sample where given.
    ///
    /// Whether the architecture has room for that shape shows when a graph is made of it.
    ///
    /// - Throws: ``ZooError`` where there is no such architecture or the number of classes is not positive.
    public static func network(
        named name: String, classes: Int? = nil, input: Shape? = nil
    ) throws(ZooError) -> Network {
        let entry = try entry(named: name)
        let classes = classes ?? entry.card.classes
        guard classes >= 1 else {
            throw ZooError(message: "the number of classes is positive, not \(classes)")
        }
        return Network(
            inputShape: input ?? entry.card.input, task: .classification(classes: classes),
            layers: entry.layers(classes))
    }
}

/// An architecture that is not there, or asked for in a way that makes no sense.
public struct ZooError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What was received and what is there.
    public var message: String

    /// The description as a message shows it.
    public var description: String { message }
}
