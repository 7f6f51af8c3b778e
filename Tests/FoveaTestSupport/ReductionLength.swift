import FoveaGraph
import FoveaTensor

extension Graph {
    /// The number of terms that are added for one number that `node` computes, the most of all its outputs.
    package func reductionLength(of node: Node) -> Int {
        let inputs = node.inputs.map(shape(of:))
        let outputs = node.outputs.map(shape(of:))
        func product(_ shape: Shape, from axis: Int) -> Int { shape.dimensions.dropFirst(axis).reduce(1, *) }

        switch node.operation {
        case .constant, .add, .multiply, .scale, .broadcast, .concatenate, .slice, .reshape, .dropout:
            return 1
        case .activation, .activationGradient, .batchNormInference, .sgd, .adam, .meanSquaredErrorGradient:
            return 4
        case .convolution: return product(inputs[1], from: 1)
        case .convolutionInputGradient(let rule):
            return inputs[1].count / (inputs[1][1] * rule.convolution.groups)
        case .convolutionParameterGradient: return inputs[1][0] * product(inputs[1], from: 2)
        case .dense: return inputs[1][1]
        case .denseInputGradient: return inputs[1][0]
        case .denseParameterGradient: return inputs[0][0]
        case .pool(let rule): return rule.poolWindow.tapCount
        case .poolGradient(let rule): return rule.pool.poolWindow.tapCount
        // The sums over a channel go into each of its numbers, which are differences of them.
        case .batchNorm, .batchNormGradient: return 11 * inputs[0].count / inputs[0][1]
        case .groupNorm(let rule): return 11 * inputs[0].count / (inputs[0][0] * rule.groups)
        case .groupNormGradient(let rule):
            let perChannel = inputs[0].count / inputs[0][1]
            return 11 * max(inputs[0].count / (inputs[0][0] * rule.norm.groups), perChannel)
        case .localResponseNorm(let rule): return rule.placeCount + 8
        case .localResponseNormGradient(let rule): return 2 * rule.norm.placeCount + 16
        case .parametricReLU: return 1
        case .parametricReLUGradient: return inputs[0].count / inputs[1].count
        case .reduceSum: return inputs[0].count / max(outputs[0].count, 1)
        case .softmax, .softmaxGradient, .softmaxCrossEntropyGradient: return 4 * inputs[0][1]
        case .softmaxCrossEntropy, .meanSquaredError, .sumOfSquares: return 4 * inputs[0].count
        }
    }
}
