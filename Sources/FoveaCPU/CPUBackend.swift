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

    /// A backend that runs plans on `threads` threads, by default one for each core.
    public init(threads: Int? = nil, activationLayout: ActivationLayout? = nil) {
        self.threads = max(1, threads ?? Self.coreCount)
        self.activationLayout = activationLayout
    }

    /// A plan of oneDNN primitives and kernels.
    ///
    /// - Throws: `GraphError` where the graph breaks a rule, `PlanError` where oneDNN or the memory does not allow it.
    public func compile(_ graph: Graph) throws -> any Plan {
        try graph.verify()
        fovea_set_threads(Int32(threads))
        let engine = try Engine()
        var compiler = Compiler(graph: graph, engine: engine, activationLayout: activationLayout)
        try compiler.lower()
        return try CPUPlan(compiler)
    }

    /// The number of cores that this process may use.
    public static var coreCount: Int { Int(fovea_core_count()) }
}
