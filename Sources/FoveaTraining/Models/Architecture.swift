import FoveaGraph
import FoveaNN
import FoveaTensor
import FoveaZoo

/// A network as a file or a command writes it: a name of the zoo or a line of notation, with what goes in and
/// comes out.
public struct Architecture: Hashable, Sendable, Codable {
    /// A name such as `resnet50`, or a notation such as `conv 32 k3 - relu - fc 10`.
    public var text: String
    /// The extents of a sample, `[C, H, W]` or `[F]`.
    public var input: [Int]
    /// The number of classes; `nil` for a regression.
    public var classes: Int?
    /// The number of outputs of a regression; `nil` for a classification.
    public var outputs: Int?
    /// The strength of the L2 penalty; `nil` without one.
    public var l2: Float?

    /// The architecture that `text` writes for samples of `input` and the given task.
    public init(_ text: String, input: Shape, task: Network.Task, l2: Float? = nil) {
        self.text = text
        self.input = input.dimensions
        self.l2 = l2
        switch task {
        case .classification(let classes): self.classes = classes
        case .regression(let outputs): self.outputs = outputs
        }
    }

    /// The network.
    ///
    /// - Throws: `ZooError`, `NotationError` or `GraphError` where the text is neither a name nor a notation
    ///   or does not fit the task, ``TrainingError`` where the numbers have no meaning.
    public func network() throws -> Network {
        let size = input.reduce(1) { size, extent in
            extent > 0 && extent < 1 << 30 && size < 1 << 30 ? size * extent : 1 << 60
        }
        guard [1, 3].contains(input.count), size <= 1 << 30 else {
            throw TrainingError(
                .modelFile,
                "the shape of a sample is [C, H, W] or [F], all positive and at most 2^30 numbers, not \(input)"
            )
        }
        let task: Network.Task
        switch (classes, outputs) {
        case (let classes?, nil): task = .classification(classes: classes)
        case (nil, let outputs?): task = .regression(outputs: outputs)
        default:
            throw TrainingError(
                .modelFile, "an architecture has either a number of classes or one of outputs")
        }
        guard task.width >= 1, task.width < 1 << 24 else {
            throw TrainingError(.modelFile, "the number of classes or outputs is positive, not \(task.width)")
        }
        var network: Network
        if let classes, Zoo.entries.contains(where: { $0.card.name == text }) {
            network = try Zoo.network(named: text, classes: classes, input: Shape(input))
        } else {
            network = try Network(try Notation(text), inputShape: Shape(input), task: task)
        }
        if let l2 { network.regularizer = .l2(l2) }
        return network
    }
}
