import FoveaGraph
import FoveaTensor

/// A network as a whole: its layers, what goes in, and what it is to learn.
///
/// A description like a layer; it makes graphs. Images go in as `[C, H, W]`, vectors as `[F]`, both without the batch.
public struct Network: Sendable {
    /// What a network is to learn.
    public enum Task: Hashable, Sendable {
        /// One of `classes` classes for each sample: the layers give logits `[N, classes]`.
        case classification(classes: Int)
        /// `outputs` numbers for each sample: the layers give `[N, outputs]`.
        case regression(outputs: Int)
    }

    /// The layers.
    public var layers: any Layer
    /// The shape of one sample, without the batch.
    public var inputShape: Shape
    /// What is to be learned.
    public var task: Task
    /// What training makes small.
    public var loss: Loss
    /// The penalty on the weights of layers without one of their own.
    public var regularizer: Regularizer?

    /// A network of `layers` on samples of `inputShape`.
    ///
    /// The loss follows from the task where none is given.
    public init(
        inputShape: Shape, task: Task, loss: Loss? = nil, regularizer: Regularizer? = nil, layers: any Layer
    ) {
        self.inputShape = inputShape
        self.task = task
        self.loss = loss ?? task.defaultLoss
        self.regularizer = regularizer
        self.layers = layers
    }

    /// A network of the listed layers, one after the other.
    public init(
        inputShape: Shape, task: Task, loss: Loss? = nil, regularizer: Regularizer? = nil,
        @LayerBuilder layers: () -> [any Layer]
    ) {
        self.init(
            inputShape: inputShape, task: task, loss: loss, regularizer: regularizer,
            layers: Sequential(layers()))
    }

    /// The graph for prediction on batches of `batchSize` samples.
    ///
    /// Input `input`. Outputs `logits` and `probabilities`, both `[N, classes]`, for classification; `prediction`
    /// `[N, outputs]` for regression.
    ///
    /// - Throws: `GraphError` where the layers do not fit the input, each other, or the task.
    public func predictionGraph(batchSize: Int) throws(GraphError) -> Graph {
        var context = BuildContext(mode: .prediction)
        let result = try applyLayers(batchSize: batchSize, in: &context)
        switch task {
        case .classification:
            try context.graph.output("logits", result)
            context.graph.pushScope("probabilities")
            let probabilities = try context.graph.softmax(result)
            context.graph.popScope()
            try context.graph.output("probabilities", probabilities)
        case .regression:
            try context.graph.output("prediction", result)
        }
        return context.graph
    }

    /// All parameters and statistics of the network, in the order of the graph for training.
    ///
    /// Those that a graph for prediction has, and those of auxiliary heads, which it has not.
    ///
    /// - Throws: `GraphError` where the layers do not fit the input, each other, or the task.
    public func variables() throws(GraphError) -> [Graph.Variable] {
        var context = BuildContext(
            mode: .prediction, regularizer: nil, usesDropout: false, declaresHeads: true)
        _ = try applyLayers(batchSize: 1, in: &context)
        return context.graph.variables
    }

    /// The forward part of a training step on batches of `batchSize` samples; gradients and updates are to be added.
    ///
    /// Inputs: `input`; `labels` int32 `[N]` for classification or `target [N, outputs]` for regression; with dropout also
    /// `seed` and `step`. Outputs: `loss`, `logits` or `prediction`, and where there are any `auxiliary` and `penalty`.
    /// `loss` is the mean over the batch of what the network itself gives, without auxiliary heads and penalties, so that it
    /// compares with the loss in validation; `auxiliary` is the sum over the heads of weight times loss.
    ///
    /// - Parameters:
    ///   - usesDropout: off to make the gradient a function of input and weights alone.
    ///   - frozen: the keys of parameters that are left as they are, which have no penalty; see ``BatchNorm``.
    /// - Throws: `GraphError` where the layers do not fit the input, each other, or the task, or the loss not the task.
    public func trainingForward(
        batchSize: Int, usesDropout: Bool = true, frozen: Set<String> = []
    ) throws(GraphError) -> TrainingForward {
        var context = BuildContext(
            mode: .training, regularizer: regularizer, usesDropout: usesDropout, frozen: frozen)
        let result = try applyLayers(batchSize: batchSize, in: &context)
        context.graph.pushScope("loss")
        let answers = try answers(batchSize: batchSize, in: &context.graph)
        let loss = try loss(of: result, answers: answers, in: &context.graph)
        context.graph.popScope()
        let auxiliary = try auxiliaryLoss(batchSize: batchSize, answers: answers, in: &context)
        context.graph.pushScope("loss")
        let penalty = try context.graph.sum(context.penalties)
        let trainedLoss = if let auxiliary { try context.graph.add(loss, auxiliary) } else { loss }
        let objective = if let penalty { try context.graph.add(trainedLoss, penalty) } else { trainedLoss }
        context.graph.popScope()

        try context.graph.output("loss", loss)
        try context.graph.output(task.outputName, result)
        if let auxiliary { try context.graph.output("auxiliary", auxiliary) }
        if let penalty { try context.graph.output("penalty", penalty) }
        return TrainingForward(
            graph: context.graph, objective: objective, loss: loss, auxiliary: auxiliary,
            trainedLoss: trainedLoss, penalty: penalty)
    }

    /// The input of the graph that holds what the layers should have given.
    private func answers(batchSize: Int, in graph: inout Graph) throws(GraphError) -> Graph.Value {
        switch task {
        case .classification: try graph.input("labels", TensorType([batchSize], .int32))
        case .regression(let outputs): try graph.input("target", TensorType([batchSize, outputs]))
        }
    }

    /// The loss of `result`.
    private func loss(
        of result: Graph.Value, answers: Graph.Value, in graph: inout Graph
    ) throws(GraphError) -> Graph.Value {
        switch (task, loss) {
        case (.classification, .softmaxCrossEntropy): try graph.softmaxCrossEntropy(result, labels: answers)
        case (.regression, .meanSquaredError): try graph.meanSquaredError(result, target: answers)
        default:
            throw GraphError("the loss \(loss) does not fit the task \(task); use \(task.defaultLoss)")
        }
    }

    /// The sum over the auxiliary heads of weight times loss; `nil` where there are none.
    private func auxiliaryLoss(
        batchSize: Int, answers: Graph.Value, in context: inout BuildContext
    ) throws(GraphError) -> Graph.Value? {
        var losses: [Graph.Value] = []
        for head in context.heads {
            context.graph.pushScope(head.path.isEmpty ? "loss" : head.path + ".loss")
            defer { context.graph.popScope() }
            let result = try fitting(head.result, batchSize: batchSize, in: &context)
            let loss = try loss(of: result, answers: answers, in: &context.graph)
            losses.append(try context.graph.scale(loss, by: head.weight))
        }
        return try context.graph.sum(losses)
    }

    /// The layers applied to the input `input`, with a result that fits the task.
    private func applyLayers(batchSize: Int, in context: inout BuildContext) throws(GraphError) -> Graph.Value
    {
        let input = try context.sampleInput(inputShape, batchSize: batchSize)
        return try fitting(try context.apply(layers, to: input), batchSize: batchSize, in: &context)
    }

    /// `result` as the task wants it.
    private func fitting(
        _ result: Graph.Value, batchSize: Int, in context: inout BuildContext
    ) throws(GraphError) -> Graph.Value {
        var result = result
        let shape = context.shape(of: result)
        // A fully convolutional network ends in maps of one pixel.
        if shape.rank == 4, shape[2] == 1, shape[3] == 1 { result = try context.graph.flatten(result) }
        guard context.shape(of: result) == [batchSize, task.width] else {
            throw GraphError(
                path: context.graph.path,
                "\(task) needs the layers to give [N, \(task.width)], not \(shape); end them in Dense(units: \(task.width))"
            )
        }
        return result
    }
}

extension BuildContext {
    /// The graph's input `input`: a batch of `batchSize` samples of `shape`.
    ///
    /// - Throws: `GraphError` where one of them has no meaning.
    mutating func sampleInput(_ shape: Shape, batchSize: Int) throws(GraphError) -> Graph.Value {
        guard batchSize >= 1, batchSize <= Self.largestHyperparameter else {
            throw GraphError("the batch size is in 1 ... \(Self.largestHyperparameter), not \(batchSize)")
        }
        guard [1, 3].contains(shape.rank), shape.dimensions.allSatisfy({ $0 >= 1 }) else {
            throw GraphError("the shape of a sample is [C, H, W] or [F], all positive, not \(shape)")
        }
        return try graph.input("input", TensorType(Shape([batchSize] + shape.dimensions)))
    }
}

/// The forward part of a training step.
public struct TrainingForward: Sendable {
    /// The graph, ready to take gradients and updates.
    public var graph: Graph
    /// What is to be made small: the loss plus those of auxiliary heads plus the penalty.
    public var objective: Graph.Value
    /// The loss of what the network itself gives.
    public var loss: Graph.Value
    /// The sum over the auxiliary heads of weight times loss, where there are any.
    public var auxiliary: Graph.Value?
    /// The loss plus those of auxiliary heads: the objective without the penalty.
    public var trainedLoss: Graph.Value
    /// The sum of the penalties, where there are any.
    public var penalty: Graph.Value?
}

extension Network.Task {
    /// The number of values that the layers give for one sample.
    public var width: Int {
        switch self {
        case .classification(let classes): classes
        case .regression(let outputs): outputs
        }
    }

    /// The loss of the task where none is chosen.
    public var defaultLoss: Loss {
        switch self {
        case .classification: .softmaxCrossEntropy
        case .regression: .meanSquaredError
        }
    }

    /// The name of the graph's output that the layers give.
    public var outputName: String {
        switch self {
        case .classification: "logits"
        case .regression: "prediction"
        }
    }
}

extension Network.Task: CustomStringConvertible {
    /// The description as a message shows it.
    public var description: String {
        switch self {
        case .classification(let classes): "classification into \(classes) classes"
        case .regression(let outputs): "regression of \(outputs) outputs"
        }
    }
}

extension Graph {
    /// The sum of `scalars`; `nil` where there are none.
    fileprivate mutating func sum(_ scalars: [Value]) throws(GraphError) -> Value? {
        guard var sum = scalars.first else { return nil }
        for next in scalars.dropFirst() { sum = try add(sum, next) }
        return sum
    }
}
