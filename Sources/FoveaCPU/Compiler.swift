import CFoveaKernels
import COneDNN
import FoveaGraph
import FoveaTensor

/// Turns a graph into steps: chooses primitives and layouts, inserts reorders where two disagree, and says which
/// buffers each step reads and writes.
///
/// Addresses come later, in `CPUPlan`.
struct Compiler {
    let graph: Graph
    let engine: Engine
    /// How images are stored unless a kernel for few channels wants the batch innermost.
    let activationLayout: CPUBackend.ActivationLayout
    /// What products are made of, and how activations are stored.
    let precision: CPUBackend.Precision
    /// How convolutions are computed that can be computed in several ways, `nil` for the fastest.
    let convolutionAlgorithm: CPUBackend.ConvolutionAlgorithm?
    /// Whether convolutions on few channels have the batch innermost.
    let usesBatchInnermost: Bool

    private(set) var steps: [Step] = []
    var buffers: [Buffer] = []
    /// The sizes in bytes of the flat arenas of weights, gradients and slots.
    private(set) var flatArenas: [Int] = []
    /// Those that hold gradients, which are not kept between runs.
    private(set) var gradientArenas: Set<Int> = []
    private(set) var inputBuffers: [BufferID] = []
    private(set) var outputForms: [Form] = []
    /// Where each variable lives between runs.
    private(set) var homes: [Form?]

    let fusion: Fusion
    /// What is forgotten before the backward part.
    let recomputation: Recomputation
    /// The layouts of the values that are forgotten at present.
    var forgotten: [Graph.Value: MemoryDescriptor] = [:]
    /// Whether the node being lowered has been lowered before.
    var isRecomputing = false
    let combinations: Combinations
    let gating: Gating
    let joining: Joining
    let siblings: Siblings
    /// The memory of the gradients of outputs of each family, by its last node.
    var siblingGradients: [Int: Form] = [:]
    /// The positions of the nodes that read each value, of those whose results are wanted.
    let readers: [[Int]]
    private let isLive: [Bool]
    /// Whether the graph changes each variable.
    let isAssigned: [Bool]
    /// The places where each value is found, in front the one that the step computing it wrote.
    var forms: [[Form]]

    /// The values that lie among the channels of others, some of which have forms of their own besides.
    var parts: [Graph.Value: Part] = [:]
    /// The memory of each concatenation that is no part of another, `nil` where there is none with places for its parts.
    var joined: [Int: Part?] = [:]

    // What lowering a forward node leaves for its backward node.
    var descriptors: [DescriptorKey: PrimitiveDescriptor] = [:]
    var workspaces: [Int: Form] = [:]
    /// The gradients of poolings that those of taps make row by row.
    var pooledGradients: [Graph.Value: PooledGradient] = [:]
    /// The taps filtered along both axes of weights.
    var planeTaps: [BufferID: Form] = [:]
    var denseSources: [Graph.Value: MemoryDescriptor] = [:]
    /// The few pixels that are not zero of gradients that are added to others.
    var compactGradients: [Int: Form] = [:]

    /// - Parameter activationLayout: how images are stored, `nil` for what is fastest.
    init(
        graph: Graph, engine: Engine, activationLayout: CPUBackend.ActivationLayout?,
        precision: CPUBackend.Precision, convolutionAlgorithm: CPUBackend.ConvolutionAlgorithm?,
        recomputesActivations: Bool
    ) {
        self.graph = graph
        self.engine = engine
        self.precision = precision
        self.convolutionAlgorithm = convolutionAlgorithm
        self.activationLayout = activationLayout ?? (engine.hasAVX512 ? .channelsLast : .blocked)
        usesBatchInnermost =
            activationLayout == .batchInnermost
            || activationLayout == nil && Self.isFasterBatchInnermost(graph)
        isLive = graph.liveNodes()
        var readers = [[Int]](repeating: [], count: graph.valueCount)
        for (position, node) in graph.nodes.enumerated() where isLive[position] {
            for input in Set(node.inputs) { readers[input.index].append(position) }
        }
        self.readers = readers
        fusion = Fusion(
            graph, readers: readers, isLive: isLive, hasPoolKernels: usesBatchInnermost,
            hasStridedSums: self.activationLayout == .channelsLast,
            isFloat32: precision == .float32)
        recomputation =
            recomputesActivations
            ? Recomputation(graph, readers: readers, isLive: isLive, fusion: fusion) : .none
        joining = Joining(
            graph, fusion: fusion, readers: readers, isLive: isLive, hasPoolKernels: usesBatchInnermost,
            isFloat32: precision == .float32)
        combinations = Combinations(
            graph, readers: readers, isLive: isLive, fusion: fusion, isFloat32: precision == .float32)
        gating = Gating(
            graph, readers: readers, isLive: isLive, fusion: fusion, combinations: combinations,
            isFloat32: precision == .float32)
        siblings =
            precision == .float32 && self.activationLayout == .channelsLast && !usesBatchInnermost
            ? Siblings(
                graph, readers: readers, isLive: isLive, fusion: fusion, combinations: combinations,
                isProduct: Self.isMatrixProduct)
            : .none
        var isAssigned = [Bool](repeating: false, count: graph.variables.count)
        for assignment in graph.assignments { isAssigned[assignment.variable] = true }
        self.isAssigned = isAssigned
        homes = Array(repeating: nil, count: graph.variables.count)
        forms = Array(repeating: [], count: graph.valueCount)
    }

    /// Lowers every node whose result is wanted, then the outputs, then the updates.
    mutating func lower() throws(PlanError) {
        for input in graph.inputs {
            let type = graph.type(of: input.value)
            let buffer = addBuffer(max(type.byteCount, 4), place: .persistent)
            inputBuffers.append(buffer)
            forms[input.value.index] = [Form(layout: .plain(type.shape.dimensions), buffer: buffer)]
        }
        var isBackward = false
        for (position, node) in graph.nodes.enumerated()
        where isLive[position] && node.phase != .update && !fusion.absorbed.contains(position)
            && !combinations.absorbed.contains(position) && !gating.absorbed.contains(position)
            && !siblings.absorbed.contains(position)
        {
            if node.phase == .backward, !isBackward {
                isBackward = true
                forgetActivations()
            }
            do {
                try lower(node, at: position)
                if isBackward { try orderGradients(of: node) }
                for member in siblings.families[position]?.members ?? [] {
                    try orderGradients(of: graph.nodes[member.parameterGradient])
                }
            } catch {
                throw PlanError(path: node.path, error.message)
            }
        }
        for output in graph.outputs {
            var form = try plainForm(of: output.value)
            if buffers[form.buffer.index].place == .persistent {
                form = try copy(form, path: "output")
            }
            buffers[form.buffer.index].isOutput = true
            outputForms.append(form)
        }
        try lowerUpdates()
        try lowerOtherAssignments()
        for position in graph.variables.indices where homes[position] == nil {
            _ = try home(ofVariable: position, preferring: nil)
        }
        steps = BlockChain.ordered(steps)
    }

    mutating func lower(_ node: Graph.Node, at position: Int) throws(PlanError) {
        if var combination = combinations.endings[position] {
            combination.operands.removeAll { siblings.absorbedValues.contains($0) }
            return try lowerCombination(combination, node, at: position)
        }
        if let family = siblings.families[position] { return try lowerSiblings(family) }
        if let product = gating.products[position] {
            return try lowerGatedGradient(product, node, at: position)
        }
        if let sum = fusion.stridedSums[position] { return try lowerStridedSum(sum, node, at: position) }
        if let sum = gating.sums[position] { return try lowerGateGradient(sum, node) }
        switch node.operation {
        case .constant(let constant): try lowerConstant(constant, node)
        case .convolution(let convolution): try lowerConvolution(convolution, node, at: position)
        case .convolutionInputGradient(let gradient):
            try lowerConvolutionInputGradient(gradient, node, at: position)
        case .convolutionParameterGradient(let gradient):
            try lowerConvolutionParameterGradient(gradient, node)
        case .dense: try lowerDense(node, at: position)
        case .denseInputGradient: try lowerDenseInputGradient(node)
        case .denseParameterGradient: try lowerDenseParameterGradient(node)
        case .pool(let pool): try lowerPool(pool, node, at: position)
        case .poolGradient(let gradient): try lowerPoolGradient(gradient, node, at: position)
        case .activation(let activation): try lowerActivation(activation, node)
        case .activationGradient(let gradient): try lowerActivationGradient(gradient, node)
        case .parametricReLU: try lowerParametricReLU(node)
        case .parametricReLUGradient: try lowerParametricReLUGradient(node)
        case .batchNorm(let batchNorm): try lowerBatchNorm(batchNorm, node, at: position)
        case .batchNormGradient(let gradient): try lowerBatchNormGradient(gradient, node, at: position)
        case .batchNormInference(let batchNorm): try lowerBatchNormInference(batchNorm, node, at: position)
        case .groupNorm(let norm): try lowerGroupNorm(norm, node)
        case .groupNormGradient(let gradient): try lowerGroupNormGradient(gradient, node)
        case .localResponseNorm(let norm): try lowerLocalResponseNorm(norm, node, at: position)
        case .localResponseNormGradient(let gradient): try lowerLocalResponseNormGradient(gradient, node)
        case .add: try lowerBinary(FOVEA_ADD, node, at: position)
        case .multiply: try lowerMultiply(node, at: position)
        case .scale(let scale): try lowerScale(scale, node)
        case .broadcast: try lowerBroadcast(node)
        case .reduceSum: try lowerReduceSum(node)
        case .concatenate(let concatenate): try lowerConcatenate(concatenate, node, at: position)
        case .slice(let slice): try lowerSlice(slice, node, at: position)
        case .reshape(let reshape): try lowerReshape(reshape, node)
        case .dropout(let dropout): try lowerDropout(dropout, node)
        case .softmax: try lowerSoftmax(node)
        case .softmaxGradient: try lowerSoftmaxGradient(node)
        case .softmaxCrossEntropy: try lowerSoftmaxCrossEntropy(node)
        case .softmaxCrossEntropyGradient: try lowerSoftmaxCrossEntropyGradient(node)
        case .meanSquaredError: try lowerMeanSquaredError(node)
        case .meanSquaredErrorGradient: try lowerMeanSquaredErrorGradient(node)
        case .sumOfSquares: try lowerSumOfSquares(node)
        case .sgd, .adam:
            throw PlanError(
                "an optimizer update must be added in the update phase and assigned to its variable")
        }
    }

    // MARK: Buffers and forms

    mutating func addBuffer(_ byteCount: Int, place: Buffer.Place = .arena, isStatic: Bool = false)
        -> BufferID
    {
        buffers.append(Buffer(byteCount: byteCount, place: place, isStatic: isStatic))
        return BufferID(index: buffers.count - 1)
    }

    /// A new buffer in the given layout.
    mutating func makeForm(_ layout: MemoryDescriptor) -> Form {
        Form(layout: layout, buffer: addBuffer(layout.byteCount))
    }

    /// A new buffer in row-major order for a value of the given shape.
    mutating func makePlainForm(_ shape: Shape) -> Form {
        makeForm(.plain(shape.dimensions))
    }

    /// Says where `value` is found.
    mutating func define(_ value: Graph.Value, as form: Form) {
        forms[value.index].insert(form, at: 0)
    }

    /// Where `value` was put by the step that computes it, of whatever type; a copy if that is among other channels.
    mutating func storedForm(of value: Graph.Value) throws(PlanError) -> Form {
        try recall(value)
        if let form = forms[value.index].first { return form }
        if let part = parts[value] { return try form(of: value, in: part.alone) }
        guard case .variable(let position) = graph.origin(of: value) else {
            throw PlanError("\(graph.description(of: value)) is used before it is computed")
        }
        return try home(ofVariable: position, preferring: nil)
    }

    /// `value` in float32: where the step that computes it put it, or converted.
    mutating func form(of value: Graph.Value) throws(PlanError) -> Form {
        try form(of: value, storing: .float32)
    }

    /// `value` in elements of the given type, in the order in which it is stored if that can be.
    mutating func form(of value: Graph.Value, storing dtype: DType) throws(PlanError) -> Form {
        let present = try storedForm(of: value)
        guard present.layout.dtype != dtype else { return present }
        return try form(of: value, in: present.layout.storing(dtype))
    }

    /// `value` in the given layout, whose extents may group its axes in another way than the value's shape.
    mutating func form(of value: Graph.Value, in layout: MemoryDescriptor) throws(PlanError) -> Form {
        try recall(value)
        if forms[value.index].isEmpty, case .variable(let position) = graph.origin(of: value) {
            _ = try home(ofVariable: position, preferring: layout)
        }
        if let form = forms[value.index].first(where: { $0.layout == layout }) {
            // Equal layouts may differ in the strides of axes of extent 1, by which oneDNN chooses its implementation.
            return Form(layout: layout, buffer: form.buffer)
        }
        let source = forms[value.index].first { $0.layout.dimensions == layout.dimensions }
        let result: Form
        if source == nil, let part = parts[value], part.alone.dimensions == layout.dimensions {
            result = try copy(part, as: layout, path: describePath(value))
        } else if let source {
            result = try reorder(source, to: layout, path: describePath(value))
        } else {
            // Other extents mean the same elements in row-major order.
            let plain = try plainForm(of: value)
            let regrouped = Form(layout: .plain(layout.dimensions), buffer: plain.buffer)
            result =
                regrouped.layout == layout
                ? regrouped : try reorder(regrouped, to: layout, path: describePath(value))
        }
        forms[value.index].append(result)
        return result
    }

    /// `value` where oneDNN can work on it, of whatever type: channels-last instead of with the batch innermost.
    mutating func oneDNNForm(of value: Graph.Value) throws(PlanError) -> Form {
        try form(of: value, in: try oneDNNLayout(of: value))
    }

    /// The layout of the form that oneDNN can work on, which need not be there.
    mutating func oneDNNLayout(of value: Graph.Value) throws(PlanError) -> MemoryDescriptor {
        let layout = try storedLayout(of: value)
        return layout.isBatchInnermost ? .channelsLast(layout.dimensions) : layout
    }

    /// The layout in which `value` is stored, or was before it was forgotten.
    mutating func storedLayout(of value: Graph.Value) throws(PlanError) -> MemoryDescriptor {
        if let layout = forgotten[value] ?? parts[value]?.alone { return layout }
        return try storedForm(of: value).layout
    }

    /// Whether the graph changes the variable that `value` reads, so that a packed copy would not stay valid.
    func isAssigned(_ value: Graph.Value) -> Bool {
        if case .variable(let position) = graph.origin(of: value) { isAssigned[position] } else { false }
    }

    /// `value` in row-major order of its own shape, in float32.
    mutating func plainForm(of value: Graph.Value) throws(PlanError) -> Form {
        let present = try storedPart(of: value).alone
        let layout = MemoryDescriptor.plain(graph.shape(of: value).dimensions)
        if present.dimensions == layout.dimensions { return try form(of: value, in: layout) }
        let plain = try form(of: value, in: .plain(present.dimensions))
        let regrouped = Form(layout: layout, buffer: plain.buffer)
        forms[value.index].append(regrouped)
        return regrouped
    }

    /// Where the variable at `position` lives, in float32: in the layout that its first user prefers if the graph changes
    /// it, else in row-major order, with packed copies made once.
    mutating func home(
        ofVariable position: Int, preferring layout: MemoryDescriptor?
    ) throws(PlanError) -> Form {
        if let home = homes[position] { return home }
        let plain = MemoryDescriptor.plain(graph.variables[position].type.shape.dimensions)
        let chosen = if let layout, isAssigned[position], layout.dtype == .float32 { layout } else { plain }
        let buffer = addBuffer(chosen.byteCount, place: .persistent, isStatic: !isAssigned[position])
        let home = Form(layout: chosen, buffer: buffer)
        homes[position] = home
        forms[graph.value(ofVariable: position).index].insert(home, at: 0)
        return home
    }

    private func describePath(_ value: Graph.Value) -> String {
        switch graph.origin(of: value) {
        case .input(let position): graph.inputs[position].name
        case .variable(let position): graph.variables[position].key
        case .node(let position, _): graph.nodes[position].path
        }
    }

    /// The activation that is fused into the node at `position`, and the value that it gives.
    func fusedActivation(at position: Int) -> (function: ActivationFunction, result: Graph.Value)? {
        guard let activation = fusion.chains[position]?.activation,
            case .activation(let operation) = graph.nodes[activation].operation
        else { return nil }
        return (operation.function, graph.nodes[activation].outputs[0])
    }

    // MARK: Steps

    /// Adds a step that runs a primitive.
    mutating func emit(
        _ name: String, _ node: Graph.Node, _ descriptor: PrimitiveDescriptor,
        reading inputs: [(Int32, Form)], writing outputs: [(Int32, Form)],
        inPlace: (output: Form, input: Form)? = nil, flops: Int? = nil
    ) {
        let arguments = (inputs + outputs).map { Step.Argument(number: $0.0, form: $0.1) }
        let layouts =
            (inputs.prefix(2).map { "\($0.1.layout)" }).joined(separator: " ") + " > "
            + (outputs.first.map { "\($0.1.layout)" } ?? "")
        add(
            Step(
                name: stepName(name), path: node.path, body: .primitive(descriptor, arguments: arguments),
                reads: inputs.map(\.1.buffer), writes: outputs.map(\.1.buffer),
                flops: flops ?? graph.cost(of: node).flops,
                byteCount: Self.byteCount((inputs + outputs).map(\.1)),
                inPlace: inPlace.map { ($0.output.buffer, $0.input.buffer) }, layouts: layouts))
    }

    /// Adds a step that runs a closure made from the addresses of the first elements of `inputs`, `shared`, `outputs` and `scratch`.
    ///
    /// With several `blocks` of the batch there is a closure for each, made from the addresses of its slices of the inputs and
    /// outputs.
    mutating func emitKernel(
        _ name: String, path: String, implementation: String = "fovea", blocks: Int = 1,
        reading inputs: [Form], sharing shared: [Form] = [], writing outputs: [Form],
        scratch: [Form] = [], flops: Int = 0, inPlace: (output: Form, input: Form)? = nil,
        _ makeBody: @escaping ([UnsafeMutableRawPointer]) -> () -> Void
    ) {
        let forms = inputs + shared + outputs + scratch
        let offsets = forms.map { $0.layout.offset * $0.layout.dtype.size }
        let body = { (starts: [UnsafeMutableRawPointer]) in makeBody(zip(starts, offsets).map { $0 + $1 }) }
        add(
            Step(
                name: stepName(name), path: path, body: .kernel(body, implementation: implementation),
                reads: (inputs + shared).map(\.buffer), writes: (outputs + scratch).map(\.buffer),
                flops: flops, byteCount: Self.byteCount(inputs + shared + outputs), blocks: blocks,
                isSliced: inputs.map { _ in true } + shared.map { _ in false } + outputs.map { _ in true }
                    + scratch.map { _ in false },
                inPlace: inPlace.map { ($0.output.buffer, $0.input.buffer) },
                layouts: (inputs.first.map { "\($0.layout)" } ?? "") + " > "
                    + (outputs.first.map { "\($0.layout)" } ?? "")))
    }

    /// Adds a step that runs closures made from the addresses of the first elements of `inputs`, `outputs` and `scratch`.
    ///
    /// They may run at the same time, also with those of neighbouring steps.
    mutating func emitParts(
        _ name: String, path: String, implementation: String = "fovea", reading inputs: [Form],
        writing outputs: [Form], scratch: [Form] = [], flops: Int = 0,
        _ makeParts: @escaping ([UnsafeMutableRawPointer]) -> [() -> Void]
    ) {
        let offsets = (inputs + outputs + scratch).map { $0.layout.offset * $0.layout.dtype.size }
        let parts = { (starts: [UnsafeMutableRawPointer]) in makeParts(zip(starts, offsets).map { $0 + $1 }) }
        add(
            Step(
                name: stepName(name), path: path, body: .parts(parts, implementation: implementation),
                reads: inputs.map(\.buffer), writes: (outputs + scratch).map(\.buffer), flops: flops,
                byteCount: Self.byteCount(inputs + outputs),
                layouts: (inputs.first.map { "\($0.layout)" } ?? "") + " > "
                    + (outputs.first.map { "\($0.layout)" } ?? "")))
    }

    private func stepName(_ name: String) -> String { isRecomputing ? Step.recomputed + name : name }

    /// The bytes of some arguments, each once whether read or written.
    static func byteCount(_ forms: [Form]) -> Int {
        struct Place: Hashable { var buffer: BufferID, offset: Int }
        let sizes = forms.map { (Place(buffer: $0.buffer, offset: $0.layout.offset), $0.layout.byteCount) }
        return Dictionary(sizes) { max($0, $1) }.values.reduce(0, +)
    }

    mutating func add(_ step: Step) {
        // Others write the rest of a buffer that holds parts in every run.
        let isStatic =
            step.reads.allSatisfy { buffers[$0.index].isStatic }
            && !step.writes.contains { buffers[$0.index].holdsParts }
        if isStatic {
            for output in step.writes where buffers[output.index].place == .arena {
                buffers[output.index].isStatic = true
                buffers[output.index].place = .persistent
            }
        }
        steps.append(step)
    }

    // MARK: Updates

    /// Puts gradients that only an update reads in the order of their weights at once, so that a gradient takes the memory
    /// of two for two steps only.
    private mutating func orderGradients(of node: Graph.Node) throws(PlanError) {
        for gradient in node.outputs where readers[gradient.index].count == 1 && !graph.isWanted(gradient) {
            let update = graph.nodes[readers[gradient.index][0]]
            guard update.phase == .update, update.inputs.count > 1, update.inputs[1] == gradient,
                case .variable(let position) = graph.origin(of: update.inputs[0]), let home = homes[position]
            else { continue }
            _ = try form(of: gradient, in: home.layout)
        }
    }

    /// Makes one step of all updates with the same hyper-parameters: weights, gradients and slots are laid out in flat
    /// arenas in the same order, so that the update is one pass over memory.
    private mutating func lowerUpdates() throws(PlanError) {
        var groups: [(key: UpdateKey, nodes: [Graph.Node])] = []
        for (position, node) in graph.nodes.enumerated() where isLive[position] && node.phase == .update {
            let scalars: [Graph.Value]
            switch node.operation {
            case .sgd: scalars = [node.inputs.last!]
            case .adam: scalars = Array(node.inputs.suffix(2))
            default:
                try lower(node, at: position)
                continue
            }
            let key = UpdateKey(operation: node.operation, scalars: scalars)
            if let index = groups.firstIndex(where: { $0.key == key }) {
                groups[index].nodes.append(node)
            } else {
                groups.append((key, [node]))
            }
        }
        for group in groups { try lowerUpdate(group.key, group.nodes) }
    }

    private struct UpdateKey: Equatable {
        var operation: Operation
        var scalars: [Graph.Value]
    }

    private mutating func lowerUpdate(_ key: UpdateKey, _ nodes: [Graph.Node]) throws(PlanError) {
        let tensorCount = nodes[0].inputs.count - key.scalars.count
        let firstArena = flatArenas.count
        var reads: [Form] = []
        var writes: [Form] = []
        var offset = 0
        for node in nodes {
            let weight = try updatedHome(of: node.inputs[0], assigned: node.outputs[0], preferring: nil)
            let layout = weight.layout
            var gradient = try form(of: node.inputs[1], in: layout)
            if buffers[gradient.buffer.index].place != .arena || buffers[gradient.buffer.index].isOutput {
                gradient = try copy(gradient, path: node.path)
            }
            var tensors = [weight, gradient]
            for slot in 2..<max(tensorCount, 2) {
                tensors.append(
                    try updatedHome(
                        of: node.inputs[slot], assigned: node.outputs[slot - 1], preferring: layout))
            }
            for (index, form) in tensors.enumerated() {
                buffers[form.buffer.index].place = .flat(arena: firstArena + index, offset: offset)
            }
            offset += MemoryPlanner.aligned(layout.byteCount)
            reads.append(gradient)
            writes += tensors
        }
        flatArenas += Array(repeating: offset, count: tensorCount)
        gradientArenas.insert(firstArena + 1)
        let scalars = try key.scalars.map { value throws(PlanError) in try form(of: value) }
        emitUpdate(key.operation, count: offset / 4, scalars: scalars, gradients: reads, tensors: writes)
    }

    /// The home of the variable that `value` reads, after checking that the graph assigns it `assigned`.
    private mutating func updatedHome(
        of value: Graph.Value, assigned: Graph.Value, preferring layout: MemoryDescriptor?
    ) throws(PlanError) -> Form {
        guard case .variable(let position) = graph.origin(of: value),
            graph.assignments.contains(where: { $0.variable == position && $0.value == assigned })
        else { throw PlanError("an optimizer update must be assigned to the variable that it reads") }
        let home = try home(ofVariable: position, preferring: layout)
        if let layout, home.layout != layout {
            throw PlanError("the slot '\(graph.variables[position].key)' is used outside of its update")
        }
        return home
    }

    /// Copies what is assigned to variables other than by an optimizer, such as running statistics.
    private mutating func lowerOtherAssignments() throws(PlanError) {
        for assignment in graph.assignments {
            if case .node(let position, _) = graph.origin(of: assignment.value) {
                switch graph.nodes[position].operation {
                case .sgd, .adam: continue
                default: break
                }
            }
            let home = try home(ofVariable: assignment.variable, preferring: nil)
            let value = try form(of: assignment.value, in: home.layout)
            if value.buffer == home.buffer { continue }
            let byteCount = home.layout.byteCount
            let path = graph.variables[assignment.variable].key
            emitKernel("assign", path: path, reading: [value], writing: [home]) { pointers in
                { pointers[1].copyMemory(from: pointers[0], byteCount: byteCount) }
            }
        }
    }
}
