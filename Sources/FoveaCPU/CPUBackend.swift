import CFoveaKernels
import FoveaGraph

/// The compiler to oneDNN.
public struct CPUBackend: Backend {
    /// The order in which image activations are stored.
    public enum ActivationLayout: Hashable, Sendable {
        /// The channels of a pixel side by side.
        case channelsLast
        /// Whatever each convolution runs fastest on, mostly blocks of 8 or 16 channels.
        case blocked
        /// The samples of a batch side by side, where the batch is a multiple of 8 and there is a kernel for it.
        case batchInnermost
    }

    /// The arithmetic of products, and what values are stored in between the steps of a plan.
    ///
    /// Variables, inputs and outputs are float32 in either
    /// (`Documentation/Decisions/0009-bfloat16.md`).
    public enum Precision: String, Hashable, Sendable, CaseIterable, Codable {
        /// float32 everywhere.
        case float32 = "f32"
        /// Activations and packed weights in bfloat16, products added up in float32; losses, statistics, gradients of
        /// parameters and updates in float32. For processors with AVX-512 BF16 or AMX BF16 instructions.
        case bfloat16 = "bf16"
    }

    /// How a convolution is computed.
    public enum ConvolutionAlgorithm: String, Hashable, Sendable, CaseIterable, Codable {
        /// By its definition, with all multiplications.
        case direct
        /// By Winograd's minimal filtering, where it has no stride, channels or groups of channels that fill vectors, and
        /// 3x3, 5x5, 1x3, 3x1, 1x7 or 7x1 taps: F(4x4, 3x3) and F(2x2, 5x5) with a quarter and 36 %, F(4, 3) and F(2, 7) with
        /// half and 57 % of the multiplications, all in float32. (In bfloat16 the faster for a convolution may be F(2x2, 3x3) in
        /// products of bfloat16 numbers, which cannot be asked for.)
        ///
        /// Rounding errors are about twice those of the definition, of weights' gradients up to four times with 1x7 taps
        /// (`Documentation/Decisions/0013-winograd.md`).
        case winograd
    }

    /// The name by which callers know it.
    public var name: String { "cpu" }

    /// The number of threads that plans run on.
    ///
    /// There is one pool in a process: the last plan compiled decides.
    public let threads: Int

    /// How image activations are stored, `nil` for the faster on this processor.
    ///
    /// Batch-innermost for networks of convolutions, poolings and activations with few channels
    /// (`Documentation/Decisions/0003-batch-innermost.md`); for others channels-last with 512-bit vectors, blocked without
    /// (`Documentation/Decisions/0002-activation-layout.md`).
    public let activationLayout: ActivationLayout?

    /// The arithmetic of products and the storage of values.
    public let precision: Precision

    /// How convolutions are computed, `nil` for the faster of the two for each.
    public let convolutionAlgorithm: ConvolutionAlgorithm?

    /// Whether training forgets activations that are cheap to make, and computes them once more where gradients need them.
    ///
    /// These are batch normalizations, elementwise functions, sums and products of what is kept anyway. It saves two fifths of the
    /// memory for activations of ResNet-50 and half of DenseNet-121's, takes some per cent of the time, and changes no bit of any
    /// result (`Documentation/Decisions/0011-recomputation.md`). Where nothing is cheap to make again, as in VGG-16, it does nothing.
    public let recomputesActivations: Bool

    /// A backend that runs plans on `threads` threads, by default one for each core.
    public init(
        threads: Int? = nil, activationLayout: ActivationLayout? = nil, precision: Precision = .float32,
        convolutionAlgorithm: ConvolutionAlgorithm? = nil, recomputesActivations: Bool = false
    ) {
        self.threads = max(1, threads ?? Self.coreCount)
        self.activationLayout = activationLayout
        self.precision = precision
        self.convolutionAlgorithm = convolutionAlgorithm
        self.recomputesActivations = recomputesActivations
    }

    /// Throws where this processor lacks the instructions that plans in `precision` run on.
    public static func check(_ precision: Precision) throws(PlanError) {
        guard precision == .float32 || Engine.hasBFloat16 else {
            throw PlanError(
                "bf16 needs a processor with AVX-512 BF16 or AMX BF16 instructions (Intel from Cooper Lake and Sapphire Rapids "
                    + "on, AMD from Zen 4 on) and oneDNN finds neither here; use f32")
        }
    }

    /// Whether kernels of Fovea's own multiply bfloat16 numbers here: on vectors, which AMX outruns.
    package static var hasBFloat16Kernels: Bool { !Engine.hasAMX && vectorsHaveBFloat16 }

    /// Whether kernels of Fovea's own read and write images in bfloat16 here.
    static var vectorsHaveBFloat16: Bool { fovea_vectors_have_bfloat16() != 0 }

    /// A plan of oneDNN primitives and kernels.
    ///
    /// - Throws: `GraphError` where the graph breaks a rule, `PlanError` where oneDNN, the processor or the memory does not
    ///   allow it.
    public func compile(_ graph: Graph) throws -> any Plan {
        try graph.verify()
        try Self.check(precision)
        fovea_set_threads(Int32(threads))
        let engine = try Engine()
        var compiler = Compiler(
            graph: graph, engine: engine, activationLayout: activationLayout, precision: precision,
            convolutionAlgorithm: convolutionAlgorithm, recomputesActivations: recomputesActivations)
        try compiler.lower()
        return try CPUPlan(compiler)
    }

    /// The number of cores that this process may use.
    public static var coreCount: Int { Int(fovea_core_count()) }
}
