import FoveaGraph
import FoveaTensor

/// What a network costs and sees, layer by layer, from its graphs alone: no weight and no activation is allocated.
///
/// One row for each operation of the prediction graph, then one for each that only the training graph has (dropout,
/// auxiliary heads). MACs, FLOPs and bytes are for the whole batch, in f32; MACs and FLOPs are those of prediction.
///
/// Memory follows from the order of the graph's nodes. A value lives from the node that computes it to the last one that
/// reads it; reshapes take no memory; parameters, their gradients and an optimizer's slots are not counted. Plans need
/// less, since they compute some operations in place and fuse others.
public struct Summary: Hashable, Sendable, Encodable {
    /// The shape of the input, the batch first.
    public var inputShape: [Int]
    /// The shape of what the layers give, the batch first.
    public var outputShape: [Int]
    /// The rows, in the order of computation.
    public var layers: [Layer] = []
    /// The number of trainable numbers, those of layers in training alone among them.
    public var parameters = 0
    /// The trainable numbers of the kernels of convolutions and dense layers.
    public var weights = 0
    /// All other trainable numbers: biases, and the scales and shifts of normalizations.
    public var biases = 0
    /// The trainable numbers of layers that exist in training alone, which are among `parameters`.
    public var trainingOnlyParameters = 0
    /// The number of numbers that training follows without gradients.
    public var statistics = 0
    /// The multiply-adds of all layers in prediction.
    public var macs = 0
    /// The floating-point operations of all layers in prediction, a multiply-add counting 2.
    public var flops = 0
    /// The bytes of the outputs of all layers in prediction.
    public var activationBytes = 0
    /// The bytes of what the forward pass keeps for the backward pass, the input among it where a layer's gradient
    /// needs it; `nil` where there is no training on such a batch.
    public var keptBytes: Int?
    /// The most bytes that are alive at one time in a training step: what the forward pass has kept and the backward pass
    /// has not used yet, and the gradients of activations at that time; `nil` where there is no training on such a batch.
    public var trainingBytes: Int?
    /// The most bytes that are alive at one time in prediction, the input among them.
    public var predictionBytes = 0
    /// The receptive field of the last feature map before global pooling, where there is one.
    public var receptiveField: FieldSummary?

    /// The summary of `network` on batches of `batchSize`.
    ///
    /// - Throws: `GraphError` where the layers do not fit the input, each other, or the task.
    public init(of network: Network, batchSize: Int = 1) throws(GraphError) {
        let prediction = try network.predictionGraph(batchSize: batchSize)
        func step(_ batchSize: Int) -> TrainingStep? {
            guard let forward = try? network.trainingForward(batchSize: batchSize) else { return nil }
            return try? TrainingStep(forward.graph, objective: forward.objective)
        }
        self.init(prediction, step)
    }

    /// The summary of `layers` alone, whatever they give, on batches of `batchSize` samples of `inputShape`.
    ///
    /// For training, the sum of what they give is the objective.
    ///
    /// - Throws: `GraphError` where the layers do not fit the input or each other.
    public init(of layers: any FoveaNN.Layer, inputShape: Shape, batchSize: Int = 1) throws(GraphError) {
        func build(_ mode: BuildContext.Mode, _ batchSize: Int) throws(GraphError) -> (Graph, Graph.Value) {
            var context = BuildContext(mode: mode)
            let input = try context.sampleInput(inputShape, batchSize: batchSize)
            let result = try context.apply(layers, to: input)
            return (context.graph, result)
        }
        var (prediction, result) = try build(.prediction, batchSize)
        try prediction.output("output", result)
        func step(_ batchSize: Int) -> TrainingStep? {
            guard let (forward, result) = try? build(.training, batchSize) else { return nil }
            var graph = forward
            graph.pushScope("loss")
            guard let sum = try? graph.reduceSum(result, to: .scalar) else { return nil }
            graph.popScope()
            return try? TrainingStep(graph, objective: sum)
        }
        self.init(prediction, step)
    }

    /// The summary of the forward pass of `graph`, of which there is no training.
    public init(of graph: Graph) {
        self.init(graph) { _ in nil }
    }

    /// - Parameter step: the training step for a batch size; `nil` where there is none.
    private init(_ graph: Graph, _ step: (Int) -> TrainingStep?) {
        let input = graph.inputs.first { $0.name == "input" }?.value
        let fields = input.map { graph.receptiveFields(on: $0) } ?? [:]
        let live = graph.liveBytes()
        inputShape = input.map { graph.shape(of: $0).dimensions } ?? []
        outputShape = graph.outputs.first.map { graph.shape(of: $0.value).dimensions } ?? []
        predictionBytes = live.max() ?? 0
        var counted = Set<String>()
        var places: [TrainingStep.Place: Int] = [:]
        var numbers: [TrainingStep.Place: Int] = [:]
        for (position, node) in graph.nodes.enumerated() where node.phase == .forward {
            guard let output = node.outputs.first else { continue }
            var layer = Layer(node, in: graph, field: fields[output])
            if let field = layer.receptiveField,
                !Self.isGlobal(graph.window(of: node), over: graph.shape(of: node.inputs[0]))
            {
                receptiveField = field
            }
            layer.liveBytes = live[position]
            layer.count(node, of: graph, counted: &counted)
            places[TrainingStep.Place(node, &numbers)] = layers.count
            add(layer)
        }
        addTraining(step, batchSize: inputShape.first ?? 1, places: places, counted: &counted)
    }

    /// Adds what only training has: the bytes that it keeps, and layers of its own.
    private mutating func addTraining(
        _ step: (Int) -> TrainingStep?, batchSize: Int, places: [TrainingStep.Place: Int],
        counted: inout Set<String>
    ) {
        let exact = step(batchSize)
        // Over one value a batch has no statistics; with two samples the layers are the same and the bytes are not.
        guard let step = exact ?? (batchSize == 1 ? step(2) : nil) else { return }
        if exact != nil {
            keptBytes = step.keptBytes
            trainingBytes = step.largestLiveBytes
            for position in layers.indices { layers[position].keptBytes = 0 }
        }
        let graph = step.graph
        let fields =
            graph.inputs.first { $0.name == "input" }.map { graph.receptiveFields(on: $0.value) } ?? [:]
        var numbers: [TrainingStep.Place: Int] = [:]
        for node in graph.nodes where node.phase == .forward && step.isLayer(node) {
            let kept = exact == nil ? nil : step.keptBytes(of: node)
            if let position = places[TrainingStep.Place(node, &numbers)] {
                layers[position].keptBytes = kept
                continue
            }
            var layer = Layer(node, in: graph, field: fields[node.outputs[0]])
            layer.isTrainingOnly = true
            layer.keptBytes = kept
            layer.count(node, of: graph, counted: &counted)
            add(layer)
        }
    }

    private mutating func add(_ layer: Layer) {
        layers.append(layer)
        parameters = parameters.adding(layer.parameters)
        weights = weights.adding(layer.weights)
        biases = biases.adding(layer.biases)
        statistics = statistics.adding(layer.statistics)
        if layer.isTrainingOnly {
            trainingOnlyParameters = trainingOnlyParameters.adding(layer.parameters)
        } else {
            macs = macs.adding(layer.macs)
            flops = flops.adding(layer.flops)
            activationBytes = activationBytes.adding(layer.activationBytes)
        }
    }

    private static func isGlobal(_ window: Window?, over input: Shape) -> Bool {
        guard let window, input.rank == 4 else { return false }
        return window.padding == .zero && window.kernel == Size2D(input[2], input[3]) && window.tapCount > 1
    }
}

extension Summary.Layer {
    /// Counts the variables that `node` reads and that no layer before it has read.
    fileprivate mutating func count(_ node: Graph.Node, of graph: Graph, counted: inout Set<String>) {
        for value in node.inputs {
            guard case .variable(let position) = graph.origin(of: value) else { continue }
            let variable = graph.variables[position]
            guard counted.insert(variable.key).inserted else { continue }
            let count = variable.type.shape.count
            switch variable.role {
            case .parameter:
                if variable.type.shape.rank > 1, averagedAxes == nil {
                    weights += count
                } else {
                    biases += count
                }
                parameters += count
            case .statistic: statistics += count
            case .slot: break
            }
        }
    }
}
