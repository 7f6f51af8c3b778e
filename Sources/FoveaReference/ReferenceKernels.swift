import FoveaGraph
import FoveaTensor

/// What each operation computes, in plain loops: the meaning of the comments in `FoveaGraph/Operations`.
///
/// Element by element the arithmetic is in `Scalar`. Sums over many elements (convolution, dense, statistics,
/// losses, averages, `reduceSum`) are accumulated in Double in row-major order and rounded once, so that in
/// Float too the result is within a rounding of the truth. One file for each family, as in `FoveaGraph`.
enum ReferenceKernels<Scalar: ReferenceScalar> {
    typealias Reals = ReferenceArray<Scalar>

    /// The outputs of `node` for the given inputs.
    ///
    /// - Precondition: the inputs have the types that the graph says.
    static func outputs(
        of node: Graph.Node, in graph: Graph, inputs: [ReferenceValue<Scalar>]
    ) -> [ReferenceValue<Scalar>] {
        let results = reals(of: node, shapes: node.outputs.map(graph.shape(of:)), inputs: inputs)
        return results.map(ReferenceValue.real)
    }

    private static func reals(of node: Graph.Node, shapes: [Shape], inputs: [ReferenceValue<Scalar>])
        -> [Reals]
    {
        func x(_ position: Int) -> Reals { inputs[position].real }
        func bias() -> Reals? { inputs.count > 2 ? x(2) : nil }

        switch node.operation {
        case .constant(let rule):
            return [Reals(rule.shape, repeating: Scalar(rule.value))]

        case .convolution(let rule):
            return [convolution(rule, x(0), weight: x(1), bias: bias(), shape: shapes[0])]
        case .convolutionInputGradient(let rule):
            return [convolutionInputGradient(rule, dy: x(0), weight: x(1))]
        case .convolutionParameterGradient(let rule):
            return convolutionParameterGradient(rule, x(0), dy: x(1))

        case .dense:
            return [dense(x(0), weight: x(1), bias: bias())]
        case .denseInputGradient:
            return [denseInputGradient(dy: x(0), weight: x(1))]
        case .denseParameterGradient(let rule):
            return denseParameterGradient(rule, x(0), dy: x(1))

        case .pool(let rule):
            return [pool(rule, x(0), shape: shapes[0])]
        case .poolGradient(let rule):
            return [poolGradient(rule, x(0), dy: x(2))]

        case .activation(let rule):
            return [activation(rule, x(0))]
        case .activationGradient(let rule):
            return [activationGradient(rule, known: x(0), dy: x(1))]

        case .parametricReLU:
            return [parametricReLU(x(0), weight: x(1))]
        case .parametricReLUGradient:
            return parametricReLUGradient(x(0), weight: x(1), dy: x(2))

        case .batchNorm(let rule):
            return batchNorm(
                rule, x(0), scale: x(1), shift: x(2), runningMean: x(3), runningVariance: x(4))
        case .batchNormGradient(let rule):
            return batchNormGradient(rule, x(0), scale: x(1), mean: x(2), variance: x(3), dy: x(4))
        case .batchNormInference(let rule):
            return [batchNormInference(rule, x(0), scale: x(1), shift: x(2), mean: x(3), variance: x(4))]
        case .groupNorm(let rule):
            let isAffine = inputs.count == 3
            return groupNorm(rule, x(0), scale: isAffine ? x(1) : nil, shift: isAffine ? x(2) : nil)
        case .groupNormGradient(let rule):
            return groupNormGradient(
                rule.norm, x(0), mean: x(1), variance: x(2), dy: x(3), scale: inputs.count == 5 ? x(4) : nil)
        case .localResponseNorm(let rule):
            return [localResponseNorm(rule, x(0))]
        case .localResponseNormGradient(let rule):
            return [localResponseNormGradient(rule.norm, x(0), dy: x(1))]

        case .add:
            return [elementwise(x(0), x(1), shape: shapes[0], +)]
        case .multiply:
            return [elementwise(x(0), x(1), shape: shapes[0], *)]
        case .scale(let rule):
            return [scale(rule, x(0))]
        case .broadcast(let rule):
            return [broadcast(rule, x(0))]
        case .reduceSum(let rule):
            return [reduceSum(rule, x(0))]

        case .concatenate(let rule):
            return [concatenate(rule, inputs.map(\.real), shape: shapes[0])]
        case .slice(let rule):
            return [slice(rule, x(0), shape: shapes[0])]
        case .reshape(let rule):
            return [Reals(rule.shape, x(0).elements)]

        case .dropout(let rule):
            return [dropout(rule, x(0), seed: inputs[1].whole, step: inputs[2].whole)]

        case .softmax:
            return [softmax(x(0))]
        case .softmaxGradient:
            return [softmaxGradient(y: x(0), dy: x(1))]
        case .softmaxCrossEntropy:
            return [softmaxCrossEntropy(x(0), labels: inputs[1].whole)]
        case .softmaxCrossEntropyGradient:
            return [softmaxCrossEntropyGradient(x(0), labels: inputs[1].whole, dloss: x(2))]
        case .meanSquaredError:
            return [meanSquaredError(x(0), target: x(1))]
        case .meanSquaredErrorGradient:
            return [meanSquaredErrorGradient(x(0), target: x(1), dloss: x(2))]
        case .sumOfSquares:
            return [sumOfSquares(x(0))]

        case .sgd(let rule):
            return sgd(
                rule, x(0), gradient: x(1), velocity: inputs.count == 4 ? x(2) : nil, rate: inputs.last!.real)
        case .adam(let rule):
            return adam(
                rule, x(0), gradient: x(1), first: x(2), second: x(3), step: inputs[4].whole, rate: x(5))
        }
    }
}
