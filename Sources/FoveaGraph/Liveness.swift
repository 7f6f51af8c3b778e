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
}
