import FoveaGraph
import FoveaTensor

/// An architecture written in a line, such as `[conv 32 k3 - relu - maxpool 2] x 2 - [fc 128 - relu] x 1 - fc 10`.
///
///     network  = part { "-" part }
///     part     = layer | "[" network "]" [ "x" count ]        repeated count times, 0 leaving it out
///     layer    = "conv" filters kSIZE [sSIZE] [pSIZE | same] [dSIZE] [gGROUPS]
///              | "maxpool" SIZE [sSIZE] [pSIZE | same] [ceil] | "avgpool" …   stride the size unless given
///              | "gap" | "dropout" rate | "flatten" | "fc" units
///              | "bn" | "ln" | "in" | "gn8" (8 groups) | "lrn" (AlexNet's)
///              | "relu" | "leaky" [slope] | "prelu" | "elu" | "gelu" | "gelutanh" | "swish" | "hardswish"
///              | "softplus" | "tanh" | "sigmoid" | "hardsigmoid"
///              | "softmax"                                    at the end only; implied by classification
///
/// `SIZE` is a number, or height x width as in `k1x7`. Convolutions move by 1 and are not padded unless told otherwise.
/// `{name}` anywhere in a word stands for a number or word that is given apart. Images are flattened before the first
/// `fc`.
///
/// Layers are named by kind and number: `conv1`, `bn1`, `relu1`, `conv2`, …, `fc1`. A convolution right before a `bn` or an
/// `in` has no bias. Weights that lead into a ReLU or a function like it are drawn as `.he(.normal)`, all others as `.glorot(.uniform)`.
public struct Notation: Layer, Hashable {
    let parts: [NotationPart]

    /// The architecture that `text` describes, with `values` in place of its placeholders.
    ///
    /// - Throws: ``NotationError`` that points at the column, also where a placeholder has no value.
    public init(_ text: String, values: [String: String] = [:]) throws(NotationError) {
        guard text.utf8.count <= NotationParser.maximumLength else {
            throw NotationError(
                "the notation has \(text.utf8.count) bytes, more than the \(NotationParser.maximumLength) allowed",
                at: 1,
                in: Array(text.prefix(80)))
        }
        let characters = Array(text)
        let tokens = try NotationScanner(text: characters, values: values).tokens()
        var parser = NotationParser(text: characters, tokens: tokens)
        parts = try parser.parse()
    }

    /// The names of the placeholders in `text`, in the order in which they first stand there.
    public static func placeholders(in text: String) -> [String] {
        var names: [String] = []
        for piece in text.split(separator: "{", omittingEmptySubsequences: false).dropFirst() {
            guard let end = piece.firstIndex(of: "}") else { continue }
            let name = String(piece[..<end])
            if !name.isEmpty, !names.contains(name) { names.append(name) }
        }
        return names
    }

    /// Whether the text ended in `softmax`.
    public var endsInSoftmax: Bool { parts.last == .softmax }

    /// Whether the last layer is an activation other than softmax, as in the middle of a network.
    package var endsInActivation: Bool { if case .activation? = expanded.last { true } else { false } }

    /// Adds the layer to the graph of `context`.
    public func apply(to input: Graph.Value, in context: inout BuildContext) throws(GraphError) -> Graph.Value
    {
        try Sequential(layers()).apply(to: input, in: &context)
    }
}

extension Notation: CustomStringConvertible {
    /// The canonical text: one space between words, defaults left out.
    ///
    /// It reads as the same architecture.
    public var description: String { parts.text }
}

extension Network {
    /// The network that `notation` describes.
    ///
    /// - Throws: `GraphError` where the notation ends in an activation that the task does not have: logits and
    ///   predictions come from the last layer as they are.
    public init(
        _ notation: Notation, inputShape: Shape, task: Task, loss: Loss? = nil,
        regularizer: Regularizer? = nil
    ) throws(GraphError) {
        switch (task, notation.expanded.last) {
        case (.regression, .softmax):
            throw GraphError("softmax at the end of a regression; leave it out")
        case (.classification, .activation(let function)):
            throw GraphError(
                "\(function.word) after the last layer of a classification, whose loss takes logits; leave it out"
            )
        case (.classification, .parametricReLU):
            throw GraphError(
                "prelu after the last layer of a classification, whose loss takes logits; leave it out")
        default:
            self.init(
                inputShape: inputShape, task: task, loss: loss, regularizer: regularizer, layers: notation)
        }
    }
}
