extension Graph {
    /// Whether `value` is an output or what a variable becomes.
    package func isWanted(_ value: Value) -> Bool {
        outputs.contains { $0.value == value } || assignments.contains { $0.value == value }
    }

    /// Whether each node contributes to an output or to an assignment.
    package func liveNodes() -> [Bool] {
        var isLive = [Bool](repeating: false, count: nodes.count)
        var wanted = Set(outputs.map(\.value) + assignments.map(\.value))
        for position in nodes.indices.reversed()
        where nodes[position].outputs.contains(where: wanted.contains) {
            isLive[position] = true
            wanted.formUnion(nodes[position].inputs)
        }
        return isLive
    }

    /// The value whose numbers `value` has under another shape: the input of a reshape, `value` itself otherwise.
    package func storage(of value: Value) -> Value {
        var value = value
        while let node = producer(of: value), case .reshape = node.operation { value = node.inputs[0] }
        return value
    }

    /// What the forward pass must keep for the backward pass: the inputs of the graph and the results of forward nodes
    /// that a live node of the backward phase reads, each once, whatever its shape.
    package func valuesKeptForBackward() -> Set<Value> {
        let isLive = liveNodes()
        var kept = Set<Value>()
        for (position, node) in nodes.enumerated() where isLive[position] && node.phase == .backward {
            for input in node.inputs {
                let value = storage(of: input)
                switch origin(of: value) {
                case .input: kept.insert(value)
                case .variable: break
                case .node(let producer, _): if nodes[producer].phase == .forward { kept.insert(value) }
                }
            }
        }
        return kept
    }

    /// The bytes of all values that are alive while each node is computed; 0 at nodes that nobody wants.
    ///
    /// A value lives from the node that computes it, an input from the beginning, to the last live node that reads it,
    /// an output to the end; reshapes take no memory. Variables are not counted, nor are the values in `apart`. No
    /// operation works in place and none is fused with another, so that a plan needs no more than this.
    package func liveBytes(apart: Set<Value> = []) -> [Int] {
        guard !nodes.isEmpty else { return [] }
        let isLive = liveNodes()
        var ends = [Int?](repeating: nil, count: valueCount)
        for (position, node) in nodes.enumerated() where isLive[position] {
            for value in node.outputs { ends[storage(of: value).index] = position }
            for value in node.inputs { ends[storage(of: value).index] = position }
        }
        for output in outputs { ends[storage(of: output.value).index] = nodes.count - 1 }
        var changes = [Int](repeating: 0, count: nodes.count + 1)
        for value in values where !apart.contains(value) {
            guard let end = ends[value.index] else { continue }
            let start: Int
            switch origin(of: value) {
            case .input: start = 0
            case .variable: continue
            case .node(let position, _): start = position
            }
            changes[start] += type(of: value).byteCount
            changes[end + 1] -= type(of: value).byteCount
        }
        var sum = 0
        return nodes.indices.map { position in
            sum += changes[position]
            return isLive[position] ? sum : 0
        }
    }
}
