import FoveaGraph
import FoveaNN

/// The memory that the plans of a network hold on this machine, known before any of it is used.
public struct PlannedMemory: Hashable, Sendable, Encodable {
    /// The bytes of a plan of a training step: weights, gradients, the optimizer's memory, activations, scratch.
    public var training: Int
    /// The bytes of a plan of a prediction.
    public var prediction: Int
    /// The bytes that the process holds besides: its code, and data read before.
    public var process: Int

    /// The plans for `batchSize` samples in training, and `predictionBatchSize` (as many unless given) in prediction.
    ///
    /// The plans are compiled and thrown away; their memory is asked for and never touched. A backend that plans no memory
    /// gives 0.
    ///
    /// - Throws: what ``TrainingGraph/make(network:batchSize:optimizer:frozen:)`` and the backend throw.
    public init(
        of network: Network, batchSize: Int, predictionBatchSize: Int? = nil,
        optimizer: any Optimizer = SGD(momentum: 0.9), frozen: [KeyPattern] = [],
        backend: any Backend = StandardBackend.make()
    ) throws {
        func byteCount(_ graph: Graph) throws -> Int {
            (try backend.compile(graph) as? any MeasuredPlan)?.plannedByteCount ?? 0
        }
        training = try byteCount(
            TrainingGraph.make(network: network, batchSize: batchSize, optimizer: optimizer, frozen: frozen)
                .graph)
        prediction = try byteCount(network.predictionGraph(batchSize: predictionBatchSize ?? batchSize))
        process = PeakMemory.byteCount ?? 0
    }
}
