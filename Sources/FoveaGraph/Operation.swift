import FoveaTensor

/// A function from values to values.
///
/// Each family has one file in `Operations/` with everything that is known of it without numbers: its shapes, its
/// derivative, its cost and its step of the receptive field. What it computes is in `FoveaReference`. The cases are
/// closed on purpose: an operation that a backend forgets does not compile. `Documentation/AddingAnOperation.md` tells
/// how to add one.
public enum Operation: Hashable, Sendable {
    case constant(Constant)

    case convolution(Convolution)
    case convolutionInputGradient(ConvolutionInputGradient)
    case convolutionParameterGradient(ConvolutionParameterGradient)

    case dense(Dense)
    case denseInputGradient(DenseInputGradient)
    case denseParameterGradient(DenseParameterGradient)

    case pool(Pool)
    case poolGradient(PoolGradient)

    case activation(Activation)
    case activationGradient(ActivationGradient)
    case parametricReLU(ParametricReLU)
    case parametricReLUGradient(ParametricReLUGradient)

    case batchNorm(BatchNorm)
    case batchNormGradient(BatchNormGradient)
    case batchNormInference(BatchNormInference)
    case groupNorm(GroupNorm)
    case groupNormGradient(GroupNormGradient)
    case localResponseNorm(LocalResponseNorm)
    case localResponseNormGradient(LocalResponseNormGradient)

    case add(Add)
    case multiply(Multiply)
    case scale(Scale)
    case broadcast(Broadcast)
    case reduceSum(ReduceSum)

    case concatenate(Concatenate)
    case slice(Slice)
    case reshape(Reshape)

    case dropout(Dropout)

    case softmax(Softmax)
    case softmaxGradient(SoftmaxGradient)
    case softmaxCrossEntropy(SoftmaxCrossEntropy)
    case softmaxCrossEntropyGradient(SoftmaxCrossEntropyGradient)
    case meanSquaredError(MeanSquaredError)
    case meanSquaredErrorGradient(MeanSquaredErrorGradient)
    case sumOfSquares(SumOfSquares)

    case sgd(SGD)
    case adam(Adam)

    /// The rules of the operation.
    package var rule: any OperationRule {
        switch self {
        case .constant(let rule): rule
        case .convolution(let rule): rule
        case .convolutionInputGradient(let rule): rule
        case .convolutionParameterGradient(let rule): rule
        case .dense(let rule): rule
        case .denseInputGradient(let rule): rule
        case .denseParameterGradient(let rule): rule
        case .pool(let rule): rule
        case .poolGradient(let rule): rule
        case .activation(let rule): rule
        case .activationGradient(let rule): rule
        case .parametricReLU(let rule): rule
        case .parametricReLUGradient(let rule): rule
        case .batchNorm(let rule): rule
        case .batchNormGradient(let rule): rule
        case .batchNormInference(let rule): rule
        case .groupNorm(let rule): rule
        case .groupNormGradient(let rule): rule
        case .localResponseNorm(let rule): rule
        case .localResponseNormGradient(let rule): rule
        case .add(let rule): rule
        case .multiply(let rule): rule
        case .scale(let rule): rule
        case .broadcast(let rule): rule
        case .reduceSum(let rule): rule
        case .concatenate(let rule): rule
        case .slice(let rule): rule
        case .reshape(let rule): rule
        case .dropout(let rule): rule
        case .softmax(let rule): rule
        case .softmaxGradient(let rule): rule
        case .softmaxCrossEntropy(let rule): rule
        case .softmaxCrossEntropyGradient(let rule): rule
        case .meanSquaredError(let rule): rule
        case .meanSquaredErrorGradient(let rule): rule
        case .sumOfSquares(let rule): rule
        case .sgd(let rule): rule
        case .adam(let rule): rule
        }
    }

    /// The name of the operation, one for each case: what the tables of the tests are keyed by.
    package static let allNames: [String] = [
        "constant", "convolution", "convolutionInputGradient", "convolutionParameterGradient", "dense",
        "denseInputGradient", "denseParameterGradient", "pool", "poolGradient", "activation",
        "activationGradient", "parametricReLU", "parametricReLUGradient",
        "batchNorm", "batchNormGradient", "batchNormInference", "groupNorm", "groupNormGradient",
        "localResponseNorm", "localResponseNormGradient", "add", "multiply", "scale", "broadcast",
        "reduceSum",
        "concatenate", "slice", "reshape", "dropout", "softmax", "softmaxGradient", "softmaxCrossEntropy",
        "softmaxCrossEntropyGradient", "meanSquaredError", "meanSquaredErrorGradient", "sumOfSquares", "sgd",
        "adam",
    ]

    /// The name of the operation, as in a dump.
    package var name: String { rule.name }
}

/// What is known of an operation without numbers.
package protocol OperationRule: Hashable, Sendable {
    /// The name of the operation, equal to its case.
    var name: String { get }

    /// The hyper-parameters as they stand in a dump; empty where there are none.
    var attributes: String { get }

    /// The types of the outputs for inputs of the given types.
    func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType]

    /// Adds the derivative to `graph`: for each input of `node` the gradient of the objective with respect to it, given
    /// that with respect to each output (`nil` where the objective does not depend on it). Inputs for which `needed` is
    /// false may be left `nil`.
    func inputGradients(
        of node: Graph.Node, given outputGradients: [Graph.Value?], needed: [Bool], in graph: inout Graph
    ) throws(GraphError) -> [Graph.Value?]

    /// The arithmetic for inputs and outputs of the given types.
    func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost

    /// The window through which an output element sees the spatial axes of the first input; `nil` where it sees the
    /// element at its own place.
    var window: Window? { get }

    /// The axes over which a normalization of the given inputs averages, as letters such as `N`, `H`, `W`; `nil` for other
    /// operations.
    func averagedAxes(of inputs: [TensorType]) -> [String]?
}

extension OperationRule {
    package var attributes: String { "" }
    package var window: Window? { nil }
    package func averagedAxes(of inputs: [TensorType]) -> [String]? { nil }

    package func inputGradients(
        of node: Graph.Node, given outputGradients: [Graph.Value?], needed: [Bool], in graph: inout Graph
    ) throws(GraphError) -> [Graph.Value?] {
        throw GraphError(path: node.path, "'\(name)' has no derivative")
    }

    package func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost {
        Cost(flops: outputs.map(\.shape.count).reduce(0, +))
    }

    /// Throws unless there are as many inputs as one of `counts`, all real but those at the positions `other`, whose type
    /// the operation checks itself.
    package func expect(
        _ inputs: [TensorType], count counts: Int..., other: [Int] = []
    ) throws(GraphError) {
        guard counts.contains(inputs.count) else {
            throw GraphError(
                "'\(name)' takes \(counts.map(String.init).joined(separator: " or ")) inputs, not \(inputs.count)"
            )
        }
        try expectReal(inputs, other: other)
    }

    /// Throws unless all inputs are float32 but those at the positions `other`.
    package func expectReal(_ inputs: [TensorType], other: [Int] = []) throws(GraphError) {
        for (position, input) in inputs.enumerated()
        where input.dtype != .float32 && !other.contains(position) {
            throw GraphError("'\(name)' takes real numbers, float32, and its input \(position) is \(input)")
        }
    }
}

/// The arithmetic of an operation.
public struct Cost: Hashable, Sendable {
    /// Multiply-adds of convolutions and dense products; biases not counted.
    public var macs: Int
    /// Floating-point operations of everything, a multiply-add counting 2.
    public var flops: Int

    /// The given numbers of multiply-adds and of floating-point operations.
    public init(macs: Int = 0, flops: Int) {
        self.macs = macs
        self.flops = flops
    }

    /// The cost of `macs` multiply-adds.
    public init(macs: Int) {
        self.init(macs: macs, flops: 2 * macs)
    }

    /// The cost of both.
    public static func + (left: Cost, right: Cost) -> Cost {
        Cost(macs: left.macs + right.macs, flops: left.flops + right.flops)
    }
}
