import FoveaGraph

/// A block whose channels are weighed by what the whole image shows: `y = body(x) · gate`, for any block.
///
/// `gate = sigmoid(fc2(relu(fc1(mean of each map))))`, one number in `(0, 1)` for each channel and sample. Around a
/// ``Residual`` the sum is weighed; as its body, the residual function alone, as the paper has it.
///
/// - Input: what the body takes. Output: what the body gives, `[N, C, H, W]`.
/// - Parameters created: those of the body, which is named as a ``Sequential`` at the path of the block, and below the
///   gate's name `fc1.weight [S, C, 1, 1]`, `fc1.bias [S]`, `fc2.weight [C, S, 1, 1]`, `fc2.bias [C]`, `S = C / reduction`
///   rounded down, at least 1: `2 C S + S + C` numbers.
/// - Throws `GraphError` where the reduction is not positive or the body does not give images.
/// - Source: Hu et al. 2018, "Squeeze-and-excitation networks", equations 2 to 4; the dense layers as 1x1 convolutions with
///   biases, as in timm, which rounds `S` to a multiple of 8.
public struct SqueezeExcitation: Layer {
    /// What is weighed.
    public var body: Sequential
    /// How many times fewer numbers the gate has in its middle.
    public var reduction: Int
    /// The name of the gate in the path.
    public var gateName: String
    /// How the weights of the gate are drawn.
    public var initializer: Initializer

    /// A gate around `body`.
    public init(
        reduction: Int = 16, gateName: String = "se", initializer: Initializer = .he(.normal),
        @LayerBuilder _ body: () -> [any Layer]
    ) {
        self.body = Sequential(body())
        self.reduction = reduction
        self.gateName = gateName
        self.initializer = initializer
    }

    /// Adds the layer to the graph of `context`.
    public func apply(to input: Graph.Value, in context: inout BuildContext) throws(GraphError) -> Graph.Value
    {
        let value = try body.apply(to: input, in: &context)
        let (channels, _) = try context.imageSize(of: value, for: "a squeeze-and-excitation block")
        try context.check(reduction, "the reduction of a squeeze-and-excitation block")
        let layers = Sequential {
            GlobalAveragePool2D().named("squeeze")
            Conv2D(filters: max(channels / reduction, 1), kernelSize: 1, initializer: initializer).named(
                "fc1")
            ReLU().named("act")
            Conv2D(filters: channels, kernelSize: 1, initializer: initializer).named("fc2")
            Sigmoid().named("gate")
        }
        let gate = try context.apply(layers, named: gateName, to: value)
        context.graph.pushScope(gateName)
        defer { context.graph.popScope() }
        return try context.graph.multiply(value, gate)
    }
}
