import FoveaTensor

extension Operation {
    /// Division of each element by a power of the mean square of its neighbours.
    ///
    /// `y = x · s^-beta` with `s = k + alpha / m · Σ x²` over the `m` places of a window around the element: `size` channels
    /// at the same pixel, or `size · size` pixels of the same channel. What lies outside of the image counts as zero
    /// and is counted in `m`.
    ///
    /// Input: `x [N, C, H, W]`. Output: `y`, the same shape.
    ///
    /// Source: Krizhevsky et al. 2012, section 3.3, where `alpha` is not divided by `m`.
    public struct LocalResponseNorm: OperationRule {
        /// Where the neighbours of an element are.
        public enum Region: Hashable, Sendable {
            /// In the channels before and after, at the same pixel.
            case acrossChannels
            /// At the pixels around, in the same channel.
            case withinChannel
        }

        /// Where the neighbours are.
        public var region: Region
        /// The extent of the window, odd.
        public var size: Int
        /// The weight of the mean square.
        public var alpha: Float
        /// The exponent.
        public var beta: Float
        /// What the mean square is added to.
        public var k: Float

        /// The division by `(k + alpha / m · Σ x²)^beta` over the places of a window of `size` in `region`.
        public init(region: Region, size: Int, alpha: Float, beta: Float, k: Float) {
            self.region = region
            self.size = size
            self.alpha = alpha
            self.beta = beta
            self.k = k
        }

        package var name: String { "localResponseNorm" }
        package var attributes: String {
            let place = region == .acrossChannels ? "channels" : "pixels"
            return "\(place) \(size) alpha \(alpha) beta \(beta) k \(k)"
        }
        package var window: Window? {
            guard region == .withinChannel else { return nil }
            return Window(
                kernel: Size2D(size), padding: Edges(vertical: size / 2, horizontal: size / 2))
        }

        /// The number of places of the window.
        package var placeCount: Int { region == .acrossChannels ? size : size * size }

        package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
            try expect(inputs, count: 1)
            guard inputs[0].shape.rank == 4 else {
                throw GraphError(
                    "local response normalization needs images [N, C, H, W], not \(inputs[0].shape)")
            }
            guard size > 0, size % 2 == 1, size <= Self.largestSize else {
                throw GraphError(
                    "the window of local response normalization has an odd size in 1 ... \(Self.largestSize), so that it has a middle, not \(size)"
                )
            }
            guard alpha >= 0, alpha.isFinite, beta >= 0, beta.isFinite, k > 0, k.isFinite else {
                throw GraphError(
                    "local response normalization needs alpha and beta of at least 0 and a positive k, not \(alpha), \(beta) and \(k)"
                )
            }
            return inputs
        }

        private static let largestSize = 1001

        package func inputGradients(
            of node: Graph.Node, given outputGradients: [Graph.Value?], needed: [Bool], in graph: inout Graph
        ) throws(GraphError) -> [Graph.Value?] {
            guard let dy = outputGradients[0] else { return [nil] }
            let operation = LocalResponseNormGradient(norm: self)
            return [try graph.apply(.localResponseNormGradient(operation), to: [node.inputs[0], dy])[0]]
        }

        package func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost {
            Cost(flops: (2 * placeCount + 4) * outputs[0].shape.count)
        }
    }

    /// The gradient of local response normalization with respect to its input.
    ///
    /// `dx_i = dy_i s_i^-beta - 2 alpha beta / m · x_i Σ_j dy_j x_j s_j^(-beta - 1)` over the windows `j` that cover `i`.
    ///
    /// Inputs: `x [N, C, H, W]`, `dy`. Output: `dx`.
    public struct LocalResponseNormGradient: OperationRule {
        /// The normalization that this differentiates.
        public var norm: LocalResponseNorm

        package var name: String { "localResponseNormGradient" }
        package var attributes: String { norm.attributes }

        package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
            try expect(inputs, count: 2)
            let forward = try norm.outputTypes(for: [inputs[0]])
            guard forward[0] == inputs[1] else {
                throw GraphError(
                    "the gradient \(inputs[1].shape) has not the shape of the output, \(inputs[0].shape)")
            }
            return [inputs[0]]
        }

        package func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost {
            Cost(flops: (4 * norm.placeCount + 8) * outputs[0].shape.count)
        }
    }
}

extension Graph {
    /// `x [N, C, H, W]` with each element divided by a power of the mean square of its neighbours.
    public mutating func localResponseNorm(
        _ x: Value, _ norm: Operation.LocalResponseNorm
    ) throws(GraphError) -> Value {
        try apply(.localResponseNorm(norm), to: [x])[0]
    }
}
