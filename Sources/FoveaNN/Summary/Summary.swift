import FoveaGraph
import FoveaTensor

/// What a network costs and sees, layer by layer, from its graph alone: nothing is allocated.
///
/// One row for each operation of the forward pass. MACs and bytes are for the graph's whole batch.
public struct Summary: Hashable, Sendable, Encodable {
    /// An operation of the forward pass.
    public struct Layer: Hashable, Sendable, Encodable {
        /// The path of the layer, such as `layer1.0.conv1`; empty at the root.
        public var path: String
        /// The kind of operation, such as `convolution`.
        public var kind: String
        /// The shape of the output, the batch first.
        public var outputShape: [Int]
        /// The window, where there is one.
        public var window: WindowSummary?
        /// The receptive field on the input, where the output is an image.
        public var receptiveField: FieldSummary?
        /// The number of trainable numbers, each counted where it is used first.
        public var parameters: Int
        /// The number of numbers that training follows without gradients, such as running means.
        public var statistics: Int
        /// The multiply-adds of convolutions and dense products.
        public var macs: Int
        /// The bytes of the output in f32; none where it is the input under another shape.
        public var activationBytes: Int
    }

    /// A window; each pair is height, then width.
    public struct WindowSummary: Hashable, Sendable, Encodable {
        /// The taps.
        public var kernel: [Int]
        /// The distance between neighbouring places.
        public var stride: [Int]
        /// Top, left, bottom, right.
        public var padding: [Int]
        /// The distance between neighbouring taps.
        public var dilation: [Int]
    }

    /// The part of the input that an element sees; each pair is height, then width.
    public struct FieldSummary: Hashable, Sendable, Encodable {
        /// The input positions seen.
        public var size: [Int]
        /// The distance in the input between the fields of neighbours.
        public var jump: [Int]
        /// The middle of the field of the first element, in input positions.
        public var center: [Double]
    }

    /// The shape of the input, the batch first.
    public var inputShape: [Int]
    /// The rows, in the order of computation.
    public var layers: [Layer]
    /// The number of trainable numbers.
    public var parameters: Int
    /// The number of numbers that training follows without gradients.
    public var statistics: Int
    /// The multiply-adds of all layers.
    public var macs: Int
    /// The floating-point operations of all layers, a multiply-add counting 2.
    public var flops: Int
    /// The bytes of all outputs in f32: what training keeps.
    public var activationBytes: Int
    /// The receptive field of the last feature map before global pooling, where there is one.
    public var receptiveField: FieldSummary?

    /// The summary of the forward pass of `graph`, with receptive fields on its input `input`.
    public init(of graph: Graph, input: String = "input") {
        let source = graph.inputs.first { $0.name == input }?.value
        let fields = source.map { graph.receptiveFields(on: $0) } ?? [:]
        var counted = Set<Graph.Value>()
        inputShape = source.map { graph.shape(of: $0).dimensions } ?? []
        layers = []
        (parameters, statistics, macs, flops, activationBytes) = (0, 0, 0, 0, 0)
        for node in graph.nodes where node.phase == .forward {
            guard let output = node.outputs.first else { continue }
            let shape = graph.shape(of: output)
            let cost = graph.cost(of: node)
            let window = graph.window(of: node)
            var layer = Layer(
                path: node.path, kind: node.operation.name, outputShape: shape.dimensions,
                window: window.map(WindowSummary.init), receptiveField: nil, parameters: 0, statistics: 0,
                macs: cost.macs, activationBytes: 0)
            if shape.rank == 4, let field = fields[output] {
                layer.receptiveField = FieldSummary(field)
                if !Self.isGlobal(window, over: graph.shape(of: node.inputs[0])) {
                    receptiveField = layer.receptiveField
                }
            }
            if case .reshape = node.operation {
            } else {
                layer.activationBytes = graph.type(of: output).byteCount
            }
            for value in node.inputs {
                guard case .variable(let position) = graph.origin(of: value), counted.insert(value).inserted
                else { continue }
                switch graph.variables[position].role {
                case .parameter: layer.parameters += graph.variables[position].type.shape.count
                case .statistic: layer.statistics += graph.variables[position].type.shape.count
                case .slot: break
                }
            }
            layers.append(layer)
            parameters = parameters.adding(layer.parameters)
            statistics = statistics.adding(layer.statistics)
            macs = macs.adding(cost.macs)
            flops = flops.adding(cost.flops)
            activationBytes = activationBytes.adding(layer.activationBytes)
        }
    }

    /// The summary of `network` in prediction on batches of `batchSize`.
    ///
    /// `parameters` and `statistics` include those of auxiliary heads, which have no row and no MACs.
    ///
    /// - Throws: `GraphError` where the layers do not fit the input, each other, or the task.
    public init(of network: Network, batchSize: Int = 1) throws(GraphError) {
        let graph = try network.predictionGraph(batchSize: batchSize)
        self.init(of: graph)
        for variable in try network.variables() where graph.value(ofVariable: variable.key) == nil {
            switch variable.role {
            case .parameter: parameters = parameters.adding(variable.type.shape.count)
            case .statistic: statistics = statistics.adding(variable.type.shape.count)
            case .slot: break
            }
        }
    }

    private static func isGlobal(_ window: Window?, over input: Shape) -> Bool {
        guard let window, input.rank == 4 else { return false }
        return window.padding == .zero && window.kernel == Size2D(input[2], input[3]) && window.tapCount > 1
    }
}

extension Summary.WindowSummary {
    init(_ window: Window) {
        kernel = [window.kernel.height, window.kernel.width]
        stride = [window.stride.height, window.stride.width]
        padding = [window.padding.top, window.padding.left, window.padding.bottom, window.padding.right]
        dilation = [window.dilation.height, window.dilation.width]
    }
}

extension Summary.FieldSummary {
    init(_ field: ReceptiveField) {
        size = [field.vertical.size, field.horizontal.size]
        jump = [field.vertical.jump, field.horizontal.jump]
        center = [field.vertical.center, field.horizontal.center]
    }
}

extension Int {
    /// The sum, or the largest number where that is beyond it: the layers of a hostile network may each be huge.
    fileprivate func adding(_ other: Int) -> Int {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? .max : sum
    }
}
