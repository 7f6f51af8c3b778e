import FoveaGraph
import FoveaTensor

/// A fully connected layer: `y = x wᵀ + b`.
///
/// - Input: `[N, F]`. Output: `[N, units]`. Images are to be flattened or pooled globally before it.
/// - Parameters created: `weight [units, F]`, `bias [units]`.
public struct Dense: Layer {
    /// The number of outputs.
    public var units: Int
    /// Whether a number for each output is added.
    public var usesBias: Bool
    /// How the weight is drawn.
    public var initializer: Initializer
    /// How the bias is drawn.
    public var biasInitializer: Initializer
    /// The penalty on the weight; `nil` for the network's.
    public var regularizer: Regularizer?

    /// A layer of `units` outputs, each connected to every input.
    public init(
        units: Int, usesBias: Bool = true, initializer: Initializer = .he(.normal),
        biasInitializer: Initializer = .zeros, regularizer: Regularizer? = nil
    ) {
        self.units = units
        self.usesBias = usesBias
        self.initializer = initializer
        self.biasInitializer = biasInitializer
        self.regularizer = regularizer
    }

    /// Adds the layer to the graph of `context`.
    public func apply(to input: Graph.Value, in context: inout BuildContext) throws(GraphError) -> Graph.Value
    {
        let shape = context.shape(of: input)
        guard shape.rank == 2 else {
            throw GraphError(
                path: context.graph.path,
                "a dense layer needs vectors [N, F], not \(shape); put Flatten() or GlobalAveragePool2D() and Flatten() before it"
            )
        }
        try context.check(units, "the number of units")
        let weightShape: Shape = [units, shape[1]]
        let weight = try context.weight(weightShape, initializer, regularizer)
        let bias = usesBias ? try context.bias(units, biasInitializer, weight: weightShape) : nil
        return try context.graph.dense(input, weight: weight, bias: bias)
    }
}

/// Images as vectors: `[N, C, H, W]` to `[N, C · H · W]`, in the order C, H, W.
///
/// Vectors pass unchanged.
public struct Flatten: Layer {
    /// The layer, which has no hyper-parameters.
    public init() {}

    /// Adds the layer to the graph of `context`.
    public func apply(to input: Graph.Value, in context: inout BuildContext) throws(GraphError) -> Graph.Value
    {
        try context.graph.flatten(input)
    }
}
