/// A group of operations that is tested together, or a way of composing them.
package enum OperationFamily: String, CaseIterable, Sendable {
    case convolution, dense, pool, activation, batchNorm, batchNormInference
    case add, multiply, scale, broadcast, reduceSum
    case concatenate, slice, reshape
    case dropout
    case softmax, softmaxCrossEntropy, meanSquaredError, sumOfSquares
    case sgd, adam
    // What a compiler fuses, aliases or does in place.
    case reuse, convolutionStack, residualBlock, inceptionBlock, squeezeExcitation, perceptron
    // Last, so that the families above keep their random numbers.
    case parametricReLU, groupNorm, localResponseNorm, normalizedStack, normalizedSum
    case joinedChannels

    /// Where the random numbers of the family begin.
    var streamNumber: Int { Self.allCases.firstIndex(of: self)! }
}
