import CFoveaKernels
import COneDNN
import FoveaGraph

/// Copies of values, in other layouts and types.
extension Compiler {
    /// The content of `source` in another layout of the same extents.
    mutating func reorder(
        _ source: Form, to layout: MemoryDescriptor, path: String
    ) throws(PlanError) -> Form {
        let result = makeForm(layout)
        try reorder(source, into: result, path: path)
        return result
    }

    mutating func reorder(
        _ source: Form, into result: Form, named name: String? = nil, path: String
    ) throws(PlanError) {
        if let matrix = source.layout.transposedMatrix(in: result.layout) {
            return emitKernel(
                name ?? "reorder", path: path, blocks: matrix.blocks, reading: [source], writing: [result]
            ) { pointers in
                let p = pointers.map { $0.assumingMemoryBound(to: Float.self) }
                return { fovea_transpose(matrix.rows, matrix.columns, p[0], p[1]) }
            }
        }
        if packPanels(of: source, into: result, path: path) { return }
        let descriptor = try reorderDescriptor(from: source.layout, to: result.layout, engine: engine)
        let isWeight = homes.contains { $0?.buffer == source.buffer }
        let changesType = source.layout.dtype != result.layout.dtype
        add(
            Step(
                name: name ?? (changesType ? isWeight ? "pack" : "convert" : "reorder"), path: path,
                body: .primitive(
                    descriptor,
                    arguments: [
                        Step.Argument(number: DNNL_ARG_FROM, form: source),
                        Step.Argument(number: DNNL_ARG_TO, form: result),
                    ]),
                reads: [source.buffer], writes: [result.buffer], flops: 0,
                byteCount: Self.byteCount([source, result]), inPlace: nil,
                layouts: "\(source.layout) > \(result.layout)"))
    }

    /// A copy of `source` in memory of its own.
    mutating func copy(_ source: Form, path: String) throws(PlanError) -> Form {
        let result = makeForm(source.layout)
        let byteCount = source.layout.byteCount
        emitKernel("copy", path: path, reading: [source], writing: [result]) { pointers in
            { pointers[1].copyMemory(from: pointers[0], byteCount: byteCount) }
        }
        return result
    }
}
