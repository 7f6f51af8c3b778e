import FoveaGraph
import FoveaTensor

extension Summary {
    /// An operation of the forward pass.
    public struct Layer: Hashable, Sendable, Encodable {
        /// The path of the layer, such as `layer1.0.conv1`; empty at the root.
        public var path: String
        /// The kind of operation, such as `convolution`.
        public var kind: String
        /// Whether the layer exists in training only, such as dropout or an auxiliary head.
        public var isTrainingOnly = false
        /// The shape of the output, the batch first.
        public var outputShape: [Int]
        /// The window, where there is one.
        public var window: WindowSummary?
        /// The number of groups of channels of a convolution.
        public var groups: Int?
        /// The receptive field on the input, where the output is an image.
        public var receptiveField: FieldSummary?
        /// The axes that a normalization averages over, of `N`, `C`, `H` and `W`.
        public var averagedAxes: [String]?
        /// The trainable numbers of the kernels of convolutions and dense layers, each counted where it is used first.
        public var weights = 0
        /// All other trainable numbers: biases, and the scales and shifts of normalizations.
        public var biases = 0
        /// The number of trainable numbers, `weights + biases`.
        public var parameters = 0
        /// The number of numbers that training follows without gradients, such as running means.
        public var statistics = 0
        /// The multiply-adds of convolutions and dense products.
        public var macs = 0
        /// The floating-point operations, a multiply-add counting 2.
        public var flops = 0
        /// The bytes of the output in f32; none where it is the input under another shape.
        public var activationBytes = 0
        /// The bytes of what the layer gives that training must keep for the backward pass; `nil` where there is no
        /// backward pass for such a batch.
        public var keptBytes: Int?
        /// The bytes of all activations that are alive in prediction while the layer is computed; `nil` for layers of
        /// training alone.
        public var liveBytes: Int?
        /// What sharing and locality save, for convolutions.
        public var connectivity: Connectivity?
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

    /// The number of weights, without biases, that lead from one map to the next in three ways.
    public struct Connectivity: Hashable, Sendable, Encodable {
        /// With local windows and one kernel for all places, as a convolution has them: `kH kW C/groups · K`.
        public var shared: Int
        /// With local windows and a kernel of its own at each place: `kH kW C/groups · K H' W'`.
        public var locallyConnected: Int
        /// From every input element to every output element: `C H W · K H' W'`.
        public var fullyConnected: Int
    }
}

extension Summary.Layer {
    /// What is known of `node` but for its memory and its variables.
    init(_ node: Graph.Node, in graph: Graph, field: ReceptiveField?) {
        let shape = graph.shape(of: node.outputs[0])
        let cost = graph.cost(of: node)
        path = node.path
        kind = node.kind
        outputShape = shape.dimensions
        window = graph.window(of: node).map(Summary.WindowSummary.init)
        receptiveField = shape.rank == 4 ? field.map(Summary.FieldSummary.init) : nil
        averagedAxes = graph.averagedAxes(of: node)
        macs = cost.macs
        flops = cost.flops
        if case .reshape = node.operation {
        } else {
            activationBytes = graph.type(of: node.outputs[0]).byteCount
        }
        if case .convolution(let convolution) = node.operation {
            groups = convolution.groups
            connectivity = Summary.Connectivity(
                input: graph.shape(of: node.inputs[0]), weight: graph.shape(of: node.inputs[1]), output: shape
            )
        }
    }
}

extension Graph.Node {
    /// The name of the operation, whether for training or for prediction.
    var kind: String {
        if case .batchNormInference = operation { "batchNorm" } else { operation.name }
    }
}

extension Summary.Connectivity {
    /// The ways from `input [N, C, H, W]` to `output [N, K, H', W']`.
    init(input: Shape, weight: Shape, output: Shape) {
        shared = weight.count
        // No value has more than 2^31 elements, so the products fit.
        locallyConnected = weight.count / weight[0] * (output.count / output[0])
        fullyConnected = (input.count / input[0]) * (output.count / output[0])
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
