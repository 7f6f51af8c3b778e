import FoveaGraph
import FoveaTensor

extension BuildContext {
    /// The largest extent, kernel, stride or padding that a layer takes: far above any use, far below an overflow.
    static let largestHyperparameter = 1 << 24

    /// Throws unless `value` is in `least ... largestHyperparameter`.
    func check(_ value: Int, _ what: String, atLeast least: Int = 1) throws(GraphError) {
        guard value >= least, value <= Self.largestHyperparameter else {
            throw GraphError(
                path: graph.path,
                "\(what) must be in \(least) ... \(Self.largestHyperparameter), not \(value)")
        }
    }

    /// Throws unless both extents of `size` are in `1 ... largestHyperparameter`.
    func check(_ size: Size2D, _ what: String) throws(GraphError) {
        try check(size.height, what)
        try check(size.width, what)
    }

    /// Throws unless kernel, stride and dilation are positive, the padding not negative, and all of them in bounds.
    func check(_ window: Window, padding: Padding) throws(GraphError) {
        try check(window.kernel, "the kernel size")
        try check(window.stride, "the stride")
        try check(window.dilation, "the dilation")
        guard case .explicit(let edges) = padding else { return }
        for side in [edges.top, edges.left, edges.bottom, edges.right] {
            try check(side, "the padding", atLeast: 0)
        }
    }

    /// The channels and the spatial extent of `input`, where it is a batch of images.
    func imageSize(of input: Graph.Value, for what: String) throws(GraphError) -> (
        channels: Int, size: Size2D
    ) {
        let shape = shape(of: input)
        guard shape.rank == 4 else {
            throw GraphError(path: graph.path, "\(what) needs images [N, C, H, W], not \(shape)")
        }
        return (shape[1], Size2D(shape[2], shape[3]))
    }
}
