import FoveaGraph
import FoveaTensor

/// A value as it lies in memory, maybe among the channels of another.
struct Part {
    /// Where the elements lie in the buffer.
    var form: Form
    /// The layout that they have in memory of their own in the same order.
    var alone: MemoryDescriptor
    /// Whether the buffer holds nothing else.
    var isWhole: Bool

    /// A value that has its buffer for itself.
    init(whole form: Form) {
        self.form = form
        alone = form.layout
        isWhole = true
    }

    /// The part of extents `dimensions` of `whole` from a channel on, if the order of its elements has such parts.
    init?(of whole: Part, _ dimensions: [Int], fromChannel channel: Int) {
        var offsets = [Int](repeating: 0, count: dimensions.count)
        offsets[1] = channel
        guard let layouts = whole.form.layout.part(dimensions, at: offsets, order: whole.alone) else {
            return nil
        }
        form = Form(layout: layouts.part, buffer: whole.form.buffer)
        alone = layouts.alone
        isWhole = false
    }
}

/// Concatenations whose parts are computed where they are joined, and slices that stay where they are, as `Joining` decided.
extension Compiler {
    /// `value` where it lies, of whatever type.
    mutating func storedPart(of value: Graph.Value) throws(PlanError) -> Part {
        if let part = parts[value] { return part }
        return Part(whole: try storedForm(of: value))
    }

    /// `value` in float32, where it lies among other channels if it does.
    mutating func part(of value: Graph.Value) throws(PlanError) -> Part {
        if let part = parts[value] { return part }
        return Part(whole: try form(of: value))
    }

    /// `value` in the given order of elements, where it lies among other channels if it does.
    mutating func part(of value: Graph.Value, in layout: MemoryDescriptor) throws(PlanError) -> Part {
        if let part = parts[value], part.alone == layout { return part }
        return Part(whole: try form(of: value, in: layout))
    }

    /// Where the step that computes `value` in the given layout writes it.
    mutating func makePart(for value: Graph.Value, in layout: MemoryDescriptor) -> Part {
        guard joining.isWrittenInPlace(value), let place = joining.places[value],
            let part = part(at: place, graph.shape(of: value), as: layout), part.alone == layout
        else { return Part(whole: makeForm(layout)) }
        return part
    }

    /// Says where `value` is found.
    mutating func define(_ value: Graph.Value, as part: Part) {
        if part.isWhole { define(value, as: part.form) } else { parts[value] = part }
    }

    /// The part at `place`, in memory that is made in the order of `layout` when the first part of it is asked for; `nil`
    /// where that order has not all parts that are joined there.
    private mutating func part(at place: Joining.Place, _ shape: Shape, as layout: MemoryDescriptor) -> Part?
    {
        let root = joining.root(of: place.concatenation)
        if joined[root.concatenation] == nil {
            joined[root.concatenation] = .some(makeWhole(root.concatenation, as: layout))
        }
        guard let whole = joined[root.concatenation] ?? nil else { return nil }
        return Part(of: whole, shape.dimensions, fromChannel: root.firstChannel + place.firstChannel)
    }

    private mutating func makeWhole(_ root: Int, as layout: MemoryDescriptor) -> Part? {
        let dimensions = graph.shape(of: graph.nodes[root].outputs[0]).dimensions
        guard let layout = layout.sameOrder(dimensions, .float32) else { return nil }
        for position in joining.concatenations {
            let place = joining.root(of: position)
            guard place.concatenation == root else { continue }
            var channel = place.firstChannel
            for input in graph.nodes[position].inputs {
                let extents = graph.shape(of: input).dimensions
                guard layout.part(extents, at: [0, channel, 0, 0]) != nil else { return nil }
                channel += extents[1]
            }
        }
        let whole = makeForm(layout)
        buffers[whole.buffer.index].holdsParts = true
        return Part(whole: whole)
    }

    /// Copies what does not lie in its place yet; says whether the concatenation has memory with places for all parts.
    mutating func lowerJoined(_ node: Graph.Node, at position: Int) throws(PlanError) -> Bool {
        guard joining.concatenations.contains(position) else { return false }
        let order = try storedPart(of: node.inputs[0]).alone
        var place = Joining.Place(concatenation: position, firstChannel: 0)
        for input in node.inputs {
            let shape = graph.shape(of: input)
            guard let target = part(at: place, shape, as: order) else { return false }
            if parts[input]?.form != target.form {
                try copy(input, into: target, path: node.path)
                if joining.places[input] == place { parts[input] = target }
            }
            place.firstChannel += shape[1]
        }
        let root = joining.root(of: position)
        guard let whole = joined[root.concatenation] ?? nil else { return false }
        let (result, shape) = (node.outputs[0], graph.shape(of: node.outputs[0]))
        if root.concatenation == position {
            define(result, as: whole.form)
        } else {
            parts[result] = Part(of: whole, shape.dimensions, fromChannel: root.firstChannel)
        }
        return true
    }

    private mutating func copy(_ value: Graph.Value, into target: Part, path: String) throws(PlanError) {
        var source = try storedPart(of: value).form
        if source.layout.dimensions != target.alone.dimensions { source = try plainForm(of: value) }
        try reorder(source, into: target.form, named: "concatenate", path: path)
    }

    /// A value that lies among the channels of another, in memory of its own.
    mutating func copy(_ part: Part, as layout: MemoryDescriptor, path: String) throws(PlanError) -> Form {
        let result = makeForm(layout)
        try reorder(part.form, into: result, named: "slice", path: path)
        return result
    }

    /// Says where a slice lies within the whole; whether it stays there.
    mutating func lowerView(_ slice: Operation.Slice, _ node: Graph.Node, at position: Int) throws(PlanError)
        -> Bool
    {
        guard joining.views.contains(position) else { return false }
        let whole = try storedPart(of: node.inputs[0])
        let extents = graph.shape(of: node.outputs[0]).dimensions
        guard whole.alone.dimensions.count == extents.count, whole.alone.dtype == .float32,
            let part = Part(of: whole, extents, fromChannel: slice.start)
        else { return false }
        buffers[whole.form.buffer.index].holdsParts = true
        parts[node.outputs[0]] = part
        return true
    }
}
