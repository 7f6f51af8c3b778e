/// The part of the input image that an element of a feature map depends on, along one spatial axis.
///
/// Element `i` sees the input positions `first + i · jump ... first + i · jump + size - 1`, some of which may lie in the
/// padding.
public struct ReceptiveField1D: Hashable, Sendable {
    /// The number of input positions seen.
    public var size: Int
    /// The distance in the input between the fields of neighbouring elements.
    public var jump: Int
    /// The first input position that element 0 sees; negative in the padding.
    public var first: Int

    /// The middle of the field of element 0, in input positions.
    public var center: Double { Double(first) + Double(size - 1) / 2 }

    /// A field of `size` positions from `first` on, with neighbours `jump` apart.
    package init(size: Int, jump: Int, first: Int) {
        self.size = size
        self.jump = jump
        self.first = first
    }

    /// The field of an input element itself.
    static let identity = ReceptiveField1D(size: 1, jump: 1, first: 0)

    /// The field through a further window.
    func through(span: Int, stride: Int, padding: Int) -> ReceptiveField1D {
        ReceptiveField1D(size: size + (span - 1) * jump, jump: jump * stride, first: first - padding * jump)
    }

    /// The field that covers both, for element 0 of maps that are added or joined.
    func union(_ other: ReceptiveField1D) -> ReceptiveField1D {
        let start = min(first, other.first)
        let end = max(first + size, other.first + other.size)
        return ReceptiveField1D(size: end - start, jump: max(jump, other.jump), first: start)
    }
}

/// The receptive field in both spatial axes.
public struct ReceptiveField: Hashable, Sendable {
    /// Along the height.
    public var vertical: ReceptiveField1D
    /// Along the width.
    public var horizontal: ReceptiveField1D

    static let identity = ReceptiveField(vertical: .identity, horizontal: .identity)
}

extension Graph {
    /// The receptive field on `source` of each value that is an image and depends on it, through all branches.
    ///
    /// Values that lost their spatial axes (after flattening) have none. Operations that mix a whole map (global pooling)
    /// see what their window says.
    public func receptiveFields(on source: Value) -> [Value: ReceptiveField] {
        var fields: [Value: ReceptiveField] = [source: .identity]
        for node in nodes where node.phase == .forward {
            let seen = shiftedFields(into: node, fields)
            guard let first = seen.first else { continue }
            var field = seen.dropFirst().reduce(first) {
                ReceptiveField(
                    vertical: $0.vertical.union($1.vertical), horizontal: $0.horizontal.union($1.horizontal))
            }
            if let window = window(of: node) {
                field.vertical = field.vertical.through(
                    span: window.span.height, stride: window.stride.height, padding: window.padding.top)
                field.horizontal = field.horizontal.through(
                    span: window.span.width, stride: window.stride.width, padding: window.padding.left)
            }
            for output in node.outputs where shape(of: output).rank == 4 { fields[output] = field }
        }
        return fields
    }

    /// The fields of the images that `node` reads, counted from where element 0 of its output lies in each.
    private func shiftedFields(into node: Node, _ fields: [Value: ReceptiveField]) -> [ReceptiveField] {
        var result: [ReceptiveField] = []
        // Where the input's element 0 lies in the output, along `axis`.
        var (axis, offset) = (0, 0)
        if case .slice(let slice) = node.operation { (axis, offset) = (slice.axis, -slice.start) }
        for input in node.inputs where shape(of: input).rank == 4 {
            if var field = fields[input] {
                if axis == 2 { field.vertical.first -= offset * field.vertical.jump }
                if axis == 3 { field.horizontal.first -= offset * field.horizontal.jump }
                result.append(field)
            }
            if case .concatenate(let join) = node.operation {
                axis = join.axis
                offset += shape(of: input)[axis]
            }
        }
        return result
    }

    /// The window through which the output of `node` sees its input, if it is not element by element.
    public func window(of node: Node) -> Window? {
        if case .convolution(let convolution) = node.operation {
            return convolution.window(weight: shape(of: node.inputs[1]))
        }
        return node.operation.rule.window
    }

    /// The arithmetic of `node`.
    public func cost(of node: Node) -> Cost {
        node.operation.rule.cost(inputs: node.inputs.map(type(of:)), outputs: node.outputs.map(type(of:)))
    }
}
