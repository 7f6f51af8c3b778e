import CFoveaKernels
import FoveaGraph
import FoveaTensor

extension Compiler {
    /// Runs on row-major elements: which are kept depends on their place in that order.
    mutating func lowerDropout(_ dropout: Operation.Dropout, _ node: Graph.Node) throws(PlanError) {
        let x = try plainForm(of: node.inputs[0])
        let seed = try form(of: node.inputs[1])
        let step = try form(of: node.inputs[2])
        let shape = graph.shape(of: node.outputs[0])
        let y = makePlainForm(shape)
        let purpose = RandomSource.Purpose.dropout(dropout.stream).code
        let (count, rate) = (shape.count, dropout.rate)
        emitKernel(
            node.operation.name, path: node.path, reading: [x, seed, step], writing: [y], flops: count,
            inPlace: (output: y, input: x)
        ) { pointers in
            let x = pointers[0].assumingMemoryBound(to: Float.self)
            let seed = pointers[1].assumingMemoryBound(to: UInt32.self)
            let step = pointers[2].assumingMemoryBound(to: UInt32.self)
            let y = pointers[3].assumingMemoryBound(to: Float.self)
            return { fovea_dropout(count, x, y, rate, seed, purpose, step.pointee) }
        }
        define(node.outputs[0], as: y)
    }
}
