import FoveaGraph
import FoveaTensor

/// An interpreter with the memory for inputs, outputs and variables.
final class ReferencePlan<Scalar: ReferenceScalar>: Plan {
    private let interpreter: ReferenceInterpreter<Scalar>
    private let inputs: [InputBuffer]
    private var variables: [ReferenceValue<Scalar>]
    private var outputs: [Tensor]

    init(_ interpreter: ReferenceInterpreter<Scalar>) {
        self.interpreter = interpreter
        let graph = interpreter.graph
        inputs = graph.inputs.map { InputBuffer(type: graph.type(of: $0.value)) }
        variables = graph.variables.map { ReferenceValue(Tensor(zeros: $0.type.shape)) }
        outputs = graph.outputs.map {
            let type = graph.type(of: $0.value)
            return Tensor(zeros: type.shape, dtype: type.dtype)
        }
    }

    var graph: Graph { interpreter.graph }

    func withInput<Result>(
        _ position: Int, _ body: (UnsafeMutableRawBufferPointer) throws -> Result
    ) rethrows -> Result {
        try body(inputs[position].bytes)
    }

    func execute() throws {
        let results = try interpreter.run(
            inputs: inputs.map { ReferenceValue($0.tensor) }, variables: variables)
        variables = results.variables
        outputs = zip(results.outputs, graph.outputs).map { value, output in
            value.tensor.converted(to: graph.type(of: output.value).dtype)
        }
    }

    func withOutput<Result>(_ position: Int, _ body: (UnsafeRawBufferPointer) throws -> Result) rethrows
        -> Result
    {
        try outputs[position].withUnsafeBytes(body)
    }

    func variable(_ position: Int) -> Tensor {
        variables[position].tensor.converted(to: graph.variables[position].type.dtype)
    }

    func setVariable(_ position: Int, to tensor: Tensor) {
        let type = graph.variables[position].type
        precondition(
            TensorType(tensor.shape, tensor.dtype) == type,
            "the variable '\(graph.variables[position].key)' is \(type), not \(tensor.dtype)\(tensor.shape)")
        variables[position] = ReferenceValue(tensor)
    }

    func explain() -> String {
        let rows = graph.nodes.enumerated().map { position, node in
            [
                "\(position)", node.phase.rawValue, node.path, node.operation.name,
                node.operation.rule.attributes,
                node.outputs.map { graph.type(of: $0).description }.joined(separator: " "),
                "\(node.outputs.map { graph.shape(of: $0).count * Scalar.dtype.size }.reduce(0, +))",
                "\(graph.cost(of: node).macs)",
            ]
        }
        let table = [["step", "phase", "path", "operation", "attributes", "outputs", "bytes", "MACs"]] + rows
        let widths = table[0].indices.map { column in table.map { $0[column].count }.max()! }
        let lines = table.map { row in
            let cells = zip(row, widths).map { $0 + String(repeating: " ", count: $1 - $0.count) }.joined(
                separator: "  ")
            return String(cells.reversed().drop { $0 == " " }.reversed())
        }
        return "reference, computed as \(Scalar.dtype)\n" + lines.joined(separator: "\n") + "\n"
    }
}

/// The memory of an input.
private final class InputBuffer {
    let type: TensorType
    let bytes: UnsafeMutableRawBufferPointer

    init(type: TensorType) {
        self.type = type
        bytes = .allocate(byteCount: type.byteCount, alignment: 64)
        bytes.initializeMemory(as: UInt8.self, repeating: 0)
    }

    /// A copy of the present content.
    var tensor: Tensor {
        Tensor(shape: type.shape, dtype: type.dtype) { $0.copyMemory(from: UnsafeRawBufferPointer(bytes)) }
    }

    deinit { bytes.deallocate() }
}
