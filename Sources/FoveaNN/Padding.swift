import FoveaGraph

/// The zeros around an image over which a window slides.
///
/// An integer literal is that number on every side.
public enum Padding: Hashable, Sendable, ExpressibleByIntegerLiteral {
    /// None: the window stays inside the image.
    case valid
    /// As many as give the output extent `ceil(input / stride)`. Where the number is odd, the bottom and the right get
    /// the extra row and column, as in TensorFlow, in ONNX's `SAME_UPPER` and in PyTorch's `padding="same"`.
    case same
    /// The given numbers of rows and columns.
    case explicit(Edges)

    /// `count` rows and columns on every side.
    public init(integerLiteral count: Int) {
        self = .explicit(Edges(vertical: count, horizontal: count))
    }

    /// The numbers on each side for a window over an image of extent `input`.
    func edges(over input: Size2D, window: Window) -> Edges {
        switch self {
        case .valid: return .zero
        case .explicit(let edges): return edges
        case .same:
            let vertical = Self.total(input.height, span: window.span.height, stride: window.stride.height)
            let horizontal = Self.total(input.width, span: window.span.width, stride: window.stride.width)
            return Edges(
                top: vertical / 2, left: horizontal / 2, bottom: vertical - vertical / 2,
                right: horizontal - horizontal / 2)
        }
    }

    private static func total(_ input: Int, span: Int, stride: Int) -> Int {
        let output = (input + stride - 1) / stride
        return max((output - 1) * stride + span - input, 0)
    }
}
