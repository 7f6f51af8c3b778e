import FoveaGraph
import FoveaTensor

/// Compiles `graph` and runs it once on random inputs.
///
/// - Parameter adjust: what is done to an input's numbers, which are uniform in -1/2 ..< 1/2.
/// - Returns: The plan, and the numbers of its outputs, in which nothing is lost.
func runOnRandomInputs(
    _ graph: Graph, on backend: some Backend, setsVariables: Bool = false,
    adjust: (_ input: Graph.Input, _ numbers: [Float]) -> [Float] = { $1 }
) throws -> (plan: any Plan, outputs: [[Double]]) {
    let plan = try backend.compile(graph)
    let random = RandomSource(seed: 1)
    for (position, input) in graph.inputs.enumerated() {
        let shape = graph.shape(of: input.value)
        let stream = random.stream(.other(position))
        let numbers = adjust(input, (0..<shape.count).map { stream.uniform(at: $0) - 0.5 })
        try plan.setInput(input.name, to: Tensor(numbers, shape: shape))
    }
    for (position, variable) in graph.variables.enumerated() where setsVariables {
        let (shape, stream) = (variable.type.shape, random.stream(.initialization(position)))
        plan.setVariable(
            position, to: Tensor((0..<shape.count).map { stream.uniform(at: $0) - 0.5 }, shape: shape))
    }
    try plan.execute()
    let outputs = graph.outputs.indices.map {
        plan.output($0).converted(to: .float64).scalars(as: Double.self)
    }
    return (plan, outputs)
}

extension Graph {
    /// Adds the gradients of a sum of `y`, weighted by one more input, as outputs.
    mutating func outputGradients(of y: Value, withRespectTo sources: [Value]) throws {
        let factors = try input("factors", TensorType(shape(of: y)))
        let objective = try reduceSum(try multiply(y, factors), to: .scalar)
        for (number, gradient) in try gradients(of: objective, withRespectTo: sources).enumerated() {
            try output("gradient \(number)", gradient)
        }
    }
}
