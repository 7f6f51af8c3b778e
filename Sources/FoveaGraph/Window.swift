/// An extent in the two spatial axes: an integer literal for a square, or a pair.
public struct Size2D: Hashable, Sendable, ExpressibleByIntegerLiteral, CustomStringConvertible {
    /// The number of rows.
    public var height: Int
    /// The number of columns.
    public var width: Int

    /// An extent of `height` rows and `width` columns.
    public init(_ height: Int, _ width: Int) {
        self.height = height
        self.width = width
    }

    /// A square extent.
    public init(_ side: Int) {
        self.init(side, side)
    }

    /// A square of the given side.
    public init(integerLiteral side: Int) {
        self.init(side)
    }

    /// `3` for a square, `1x7` otherwise (height first).
    public var description: String { height == width ? "\(height)" : "\(height)x\(width)" }
}

/// Rows and columns added around an image.
public struct Edges: Hashable, Sendable, CustomStringConvertible {
    /// Rows above.
    public var top: Int
    /// Columns to the left.
    public var left: Int
    /// Rows below.
    public var bottom: Int
    /// Columns to the right.
    public var right: Int

    /// The given number of rows and columns on each side.
    public init(top: Int, left: Int, bottom: Int, right: Int) {
        self.top = top
        self.left = left
        self.bottom = bottom
        self.right = right
    }

    /// `vertical` rows above and below, `horizontal` columns left and right.
    public init(vertical: Int, horizontal: Int) {
        self.init(top: vertical, left: horizontal, bottom: vertical, right: horizontal)
    }

    /// Nothing on any side.
    public static let zero = Edges(vertical: 0, horizontal: 0)

    /// `1` where all sides are equal, `0x3` (vertical, horizontal) where opposite sides are, otherwise all four.
    public var description: String {
        if top == bottom && left == right { return Size2D(top, left).description }
        return "top \(top) left \(left) bottom \(bottom) right \(right)"
    }
}

/// A window that slides over the spatial axes of an image, as convolution and pooling have it.
///
/// The output extent is `o = floor((i + p - d (k - 1) - 1) / s) + 1` for input extent `i`, total padding `p`, kernel
/// `k`, dilation `d` and stride `s` in each axis.
public struct Window: Hashable, Sendable {
    /// The number of taps in each axis.
    public var kernel: Size2D
    /// The distance between neighbouring windows.
    public var stride: Size2D
    /// What is added around the image.
    public var padding: Edges
    /// The distance between neighbouring taps.
    public var dilation: Size2D

    /// A window of `kernel` taps, `dilation` apart, that moves by `stride` over an image padded by `padding`.
    public init(kernel: Size2D, stride: Size2D = 1, padding: Edges = .zero, dilation: Size2D = 1) {
        self.kernel = kernel
        self.stride = stride
        self.padding = padding
        self.dilation = dilation
    }

    /// The number of taps.
    public var tapCount: Int { kernel.height * kernel.width }

    /// The rows and columns that the taps span.
    public var span: Size2D {
        Size2D(dilation.height * (kernel.height - 1) + 1, dilation.width * (kernel.width - 1) + 1)
    }

    /// Whether at every place at least one tap lies inside of an input of extent `input` that the window fits into.
    package func hasTapInside(of input: Size2D) -> Bool {
        func holds(_ extent: Int, kernel: Int, stride: Int, dilation: Int, before: Int, after: Int) -> Bool {
            let last = extent + before + after - dilation * (kernel - 1) - 1
            return Swift.stride(from: -before, through: last - before, by: stride).allSatisfy { start in
                (0..<kernel).contains { 0..<extent ~= start + $0 * dilation }
            }
        }
        return holds(
            input.height, kernel: kernel.height, stride: stride.height, dilation: dilation.height,
            before: padding.top, after: padding.bottom)
            && holds(
                input.width, kernel: kernel.width, stride: stride.width, dilation: dilation.width,
                before: padding.left, after: padding.right)
    }

    /// The spatial extent of the output over an input of extent `input`.
    ///
    /// - Throws: `GraphError` where the window is larger than the padded input, or a hyper-parameter is out of range.
    public func outputSize(over input: Size2D) throws(GraphError) -> Size2D {
        guard kernel.height > 0, kernel.width > 0 else {
            throw GraphError("kernel size \(kernel) is not positive")
        }
        guard stride.height > 0, stride.width > 0 else {
            throw GraphError("stride \(stride) is not positive")
        }
        guard dilation.height > 0, dilation.width > 0 else {
            throw GraphError("dilation \(dilation) is not positive")
        }
        guard padding.top >= 0, padding.left >= 0, padding.bottom >= 0, padding.right >= 0 else {
            throw GraphError("padding \(padding) is negative")
        }
        let room = Size2D(
            input.height + padding.top + padding.bottom - span.height,
            input.width + padding.left + padding.right - span.width)
        guard room.height >= 0, room.width >= 0 else {
            // The axis that is too short, with its numbers in the formula.
            let isHeight = room.height < 0
            func along(_ size: Size2D) -> Int { isHeight ? size.height : size.width }
            let total = isHeight ? padding.top + padding.bottom : padding.left + padding.right
            let empty = Int((Double(along(room)) / Double(along(stride))).rounded(.down)) + 1
            throw GraphError(
                """
                the window of \(span.height)x\(span.width) does not fit into the input of \
                \(input.height)x\(input.width) with padding \(padding): the output would be empty, with \
                o = floor((i + p - d (k - 1) - 1) / s) + 1 = floor((\(along(input)) + \(total) - \
                \(along(dilation)) * \(along(kernel) - 1) - 1) / \(along(stride))) + 1 = \(empty) \
                \(isHeight ? "rows" : "columns"); \
                use a larger input, more padding, or fewer or smaller windows and strides before this layer
                """)
        }
        return Size2D(room.height / stride.height + 1, room.width / stride.width + 1)
    }
}

extension Window: CustomStringConvertible {
    /// Kernel, stride, padding and dilation, the last two only where they are not the default: `k3 s2 p1`.
    public var description: String {
        var text = "k\(kernel) s\(stride)"
        if padding != .zero { text += " p\(padding)" }
        if dilation != 1 { text += " d\(dilation)" }
        return text
    }
}
