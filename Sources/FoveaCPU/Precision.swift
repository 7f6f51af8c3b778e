import FoveaGraph
import FoveaTensor

/// In which type a value is stored (`Documentation/Decisions/0009-bfloat16.md`).
extension Compiler {
    /// What convolutions and dense products multiply.
    var productType: DType { precision == .bfloat16 ? .bfloat16 : .float32 }

    /// The primitive that `make` makes in the preferred type if oneDNN has more for that than a plain loop, else the one in
    /// float32.
    mutating func inBestType(
        preferring preferred: DType, _ make: (inout Compiler, DType) throws(PlanError) -> PrimitiveDescriptor
    ) throws(PlanError) -> PrimitiveDescriptor {
        if preferred != .float32, let descriptor = try? make(&self, preferred), !descriptor.isReferenceLoop {
            return descriptor
        }
        return try make(&self, .float32)
    }

    /// The type in which a product of `dtype` stores `value`: float32 for what is wanted outside or only read in that.
    func resultType(of value: Graph.Value, computedIn dtype: DType) -> DType {
        guard dtype == .bfloat16, !graph.isWanted(value) else { return .float32 }
        return readers[value.index].allSatisfy { graph.nodes[$0].operation.readsFloat32 }
            ? .float32 : .bfloat16
    }

    /// `value` where oneDNN can work on it, in float32.
    mutating func imageForm(of value: Graph.Value) throws(PlanError) -> Form {
        let present = try oneDNNForm(of: value)
        return present.layout.dtype == .float32 ? present : try form(of: value, storing: .float32)
    }

    /// Gives the variable that `weight` reads its home in `layout`, that of its gradient, where its users read packed copies
    /// in bfloat16.
    mutating func settle(_ weight: Graph.Value, in layout: MemoryDescriptor) throws(PlanError) {
        guard case .variable(let position) = graph.origin(of: weight), isAssigned[position] else { return }
        _ = try home(ofVariable: position, preferring: layout)
    }
}

extension Operation {
    /// Whether the lowering reads values in float32 only.
    fileprivate var readsFloat32: Bool {
        switch self {
        case .softmax, .softmaxGradient, .softmaxCrossEntropy, .softmaxCrossEntropyGradient,
            .meanSquaredError, .meanSquaredErrorGradient, .sumOfSquares, .reduceSum, .dropout, .groupNorm,
            .groupNormGradient, .localResponseNorm, .localResponseNormGradient, .parametricReLU,
            .parametricReLUGradient, .broadcast, .sgd, .adam:
            true
        case .constant, .convolution, .convolutionInputGradient, .convolutionParameterGradient, .dense,
            .denseInputGradient, .denseParameterGradient, .pool, .poolGradient, .activation,
            .activationGradient, .batchNorm, .batchNormGradient, .batchNormInference, .add, .multiply,
            .scale, .concatenate, .slice, .reshape:
            false
        }
    }
}
