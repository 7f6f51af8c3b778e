import FoveaGraph
import FoveaTensor

extension CaseBuilder {
    /// Images joined along the channels in every way: computed where they are joined or not, joined twice and again, read
    /// besides, cut out, added to.
    mutating func buildJoinedChannels() throws(GraphError) {
        // Whole blocks in half of the cases, because other parts of blocked layouts are copied.
        var unit = 1
        if case .varied = size, chance(0.5) { unit = choice([8, 16]) }
        let image = try input("x", [2, unit * integer(1...2), 3, integer(3...4)])
        var features = [chance(0.5) ? image : try joinable("stem", image, filters: unit * integer(1...2))]
        for step in 0..<integer(1...3) {
            let x = chance(0.7) ? features.last! : choice(features)
            let name = "step\(step)"
            switch integer(0...6) {
            case 0, 1:
                features.append(
                    try graph.concatenate([x, try joinable(name, x, filters: unit * integer(1...2))]))
            case 2:
                graph.pushScope(name + ".norm")
                var y = try normalize(x)
                graph.popScope()
                y = try graph.activation(choice([.relu, .tanh]), y)
                features.append(
                    try graph.concatenate(
                        chance(0.5) ? [x, y] : [y, try joinable(name, y, filters: unit), y]))
            case 3: features.append(try graph.concatenate([x, choice(features), image]))
            case 4: features.append(try joinable(name, x, filters: unit * integer(1...2)))
            case 5:
                let count = unit * integer(1...2)
                guard graph.shape(of: x)[1] >= count else { continue }
                let start = unit * integer(0...(graph.shape(of: x)[1] - count) / unit)
                features.append(try graph.slice(x, start: start, count: count))
            default:
                graph.pushScope(name)
                let y = try normalize(x)
                graph.popScope()
                features.append(try chance(0.5) ? graph.add(x, y) : graph.add(y, x))
            }
            // More would leave few cases that keep away from the kinks of their activations.
            guard graph.shape(of: features.last!)[1] <= 8 * unit else { break }
        }
        if chance(0.2) { try graph.output("feature", choice(features)) }
        var y = features.count == 1 ? features[0] : try graph.concatenate(features)
        if chance(0.3) {
            y = try graph.add(
                y,
                try convolution(
                    "side", y, filters: graph.shape(of: y)[1], kernel: 1, norm: false, activation: nil))
        }
        if chance(0.5) { y = try normalize(y) }
        try finishAsClassifier(try graph.globalAveragePool(y))
    }

    /// Some channels of a layer that ends with or without a normalization, an activation, or a pooling.
    private mutating func joinable(
        _ name: String, _ x: Graph.Value, filters: Int
    ) throws(GraphError) -> Graph.Value {
        let y = try convolution(
            name, x, filters: filters, kernel: choice([1, 3]), norm: chance(0.7),
            activation: choice([nil, .relu, .tanh, .tanh]))
        guard chance(0.2) else { return y }
        return try graph.averagePool(
            y, Window(kernel: 3, padding: Edges(vertical: 1, horizontal: 1)), countsPadding: true)
    }
}
