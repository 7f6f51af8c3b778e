import FoveaGraph
import FoveaTensor

/// A case in the making: a graph, the numbers for its sources, and the random numbers that decide both.
struct CaseBuilder {
    /// What numbers a source gets.
    enum Numbers {
        case normal
        /// Normal, with a standard deviation that keeps a sum over `fanIn` products of normal numbers near 1.
        case weight(fanIn: Int)
        /// Far enough from 0 that a difference quotient does not cross it.
        case awayFromZero
        /// Multiples of `gap`, a little off zero, each once.
        case distinct(gap: Float)
        /// In [0.5, 2).
        case positive
        case value(Float)
    }

    let family: OperationFamily
    let index: Int
    let size: OperationCase.Size
    var random: RandomStream
    var graph = Graph()
    private var inputs: [Tensor] = []
    private var variables: [Tensor] = []
    private var sources: [Graph.Value] = []
    private var objective: Int?
    private var gradients: [OperationCase.Gradient] = []

    init(family: OperationFamily, index: Int, attempt: Int, size: OperationCase.Size) {
        self.family = family
        self.index = index
        self.size = size
        random = RandomSource(seed: UInt64(attempt)).stream(.other(family.streamNumber), step: index)
    }

    var result: OperationCase {
        OperationCase(
            family: family, index: index, graph: graph, inputs: inputs, variables: variables,
            objective: objective,
            gradients: gradients)
    }

    // MARK: Random choices

    mutating func integer(_ range: ClosedRange<Int>) -> Int {
        range.lowerBound + Int(random.next(below: UInt64(range.count)))
    }

    mutating func chance(_ probability: Double) -> Bool {
        Double(random.next() >> 11) * 0x1p-53 < probability
    }

    mutating func choice<Element>(_ elements: [Element]) -> Element {
        elements[integer(0...elements.count - 1)]
    }

    /// An extent, small or, one time in four where sizes vary, up to `large`.
    mutating func extent(_ small: ClosedRange<Int>, large: Int) -> Int {
        if case .varied = size, chance(0.25) { return integer(1...large) }
        return integer(small)
    }

    /// A shape of the given rank with few elements.
    mutating func shape(rank: Int) -> Shape {
        Shape((0..<rank).map { $0 == 0 ? integer(1...3) : extent(1...4, large: rank > 2 ? 9 : 70) })
    }

    /// The extents of an image `[N, C, H, W]`.
    mutating func imageShape() -> Shape {
        [integer(1...3), extent(1...4, large: 36), extent(1...5, large: 11), extent(1...5, large: 11)]
    }

    // MARK: Sources

    /// An input that the objective is differentiated with respect to, unless it is `fixed`.
    mutating func input(
        _ name: String, _ shape: Shape, _ numbers: Numbers = .normal, fixed: Bool = false
    ) throws(GraphError) -> Graph.Value {
        let value = try graph.input(name, TensorType(shape))
        inputs.append(tensor(shape, numbers))
        if !fixed { sources.append(value) }
        return value
    }

    /// An input of whole numbers.
    mutating func input(_ name: String, _ shape: Shape, whole range: ClosedRange<Int>) throws(GraphError)
        -> Graph.Value
    {
        let value = try graph.input(name, TensorType(shape, .int32))
        let numbers = (0..<shape.count).map { _ in Int32(integer(range)) }
        inputs.append(Tensor(numbers, shape: shape))
        return value
    }

    /// A parameter that the objective is differentiated with respect to, or another variable.
    mutating func variable(
        _ name: String, _ shape: Shape, _ numbers: Numbers = .normal, role: Graph.Variable.Role = .parameter
    ) throws(GraphError) -> Graph.Value {
        let value = try graph.variable(name, shape, role: role, initial: .constant(0))
        variables.append(tensor(shape, numbers))
        if role == .parameter { sources.append(value) }
        return value
    }

    private mutating func tensor(_ shape: Shape, _ numbers: Numbers) -> Tensor {
        let count = shape.count
        let scalars: [Float]
        switch numbers {
        case .normal: scalars = (0..<count).map { _ in normal() }
        case .weight(let fanIn):
            let deviation = Float(1 / Double(max(fanIn, 1)).squareRoot())
            scalars = (0..<count).map { _ in normal() * deviation }
        case .awayFromZero:
            scalars = (0..<count).map { _ in
                let x = normal()
                return x < 0 ? x - 0.05 : x + 0.05
            }
        case .distinct(let gap):
            let order = random.permutation(count)
            scalars = order.map { (Float($0 - count / 2) + 0.25) * gap }
        case .positive: scalars = (0..<count).map { _ in 0.5 + 1.5 * uniform() }
        case .value(let value): scalars = Array(repeating: value, count: count)
        }
        return Tensor(scalars, shape: shape)
    }

    mutating func uniform() -> Float { Float(random.next() >> 40) * 0x1p-24 }

    /// Nearly normal: the sum of twelve uniform numbers, so that no number is extreme.
    mutating func normal() -> Float { (0..<12).reduce(-6) { sum, _ in sum + uniform() } }

    // MARK: The end

    /// Makes `values` outputs, the sum of their products with random numbers the objective, and outputs of
    /// its gradients with respect to all sources.
    mutating func finish(_ values: Graph.Value...) throws(GraphError) {
        var sum: Graph.Value?
        for (position, value) in values.enumerated() {
            try graph.output("y\(position)", value)
            let factors = try input("factors\(position)", graph.shape(of: value), fixed: true)
            let term = try graph.reduceSum(try graph.multiply(value, factors), to: .scalar)
            sum = if let previous = sum { try graph.add(previous, term) } else { term }
        }
        try finish(objective: sum!)
    }

    /// Makes `objective` an output, and outputs of its gradients with respect to all sources; gives them.
    @discardableResult
    mutating func finish(objective value: Graph.Value) throws(GraphError) -> [Graph.Value] {
        try graph.output("objective", value)
        objective = graph.outputs.count - 1
        let results = try graph.gradients(of: value, withRespectTo: sources)
        for (source, gradient) in zip(sources, results) {
            gradients.append(
                OperationCase.Gradient(source: graph.origin(of: source), output: graph.outputs.count))
            try graph.output("gradient of \(graph.description(of: source))", gradient)
        }
        return results
    }

    /// Finishes with `objective` and changes every parameter by a step of gradient descent with momentum.
    mutating func finishWithUpdate(objective: Graph.Value) throws(GraphError) {
        let parameters = sources.filter { if case .variable = graph.origin(of: $0) { true } else { false } }
        let all = sources
        let results = try finish(objective: objective)
        graph.phase = .update
        let rate = try input("rate", .scalar, .value(0.1), fixed: true)
        for (position, parameter) in parameters.enumerated() {
            let gradient = results[all.firstIndex(of: parameter)!]
            let slot = try variable(
                "momentum\(position)", graph.shape(of: parameter), .value(0.25), role: .slot)
            let new = try graph.sgd(
                parameter, gradient: gradient, velocity: slot, learningRate: rate, momentum: 0.9,
                usesNesterov: chance(0.5), weightDecay: 0.01)
            try graph.assign(new[0], to: parameter)
            try graph.assign(new[1], to: slot)
        }
    }
}
