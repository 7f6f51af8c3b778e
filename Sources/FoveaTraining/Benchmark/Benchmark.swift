import FoveaGraph
import FoveaNN
import FoveaTensor

/// How fast a network trains or predicts on this machine.
///
/// Times whole steps as a training or a prediction makes them, on random data that lie in memory already: the batch is copied
/// into the plan, the plan runs, and the loss or the result is read.
public struct Benchmark: Sendable {
    /// What is timed.
    public enum Mode: String, CaseIterable, Sendable, Codable {
        /// Forward, loss, gradients and update.
        case train
        /// Forward.
        case infer
    }

    /// The network.
    public var network: Network
    /// What is timed.
    public var mode: Mode
    /// The number of samples of a step.
    public var batchSize: Int
    /// The optimizer of a training step.
    public var optimizer: any Optimizer
    /// What computes.
    public var backend: any Backend
    /// The number of steps to time; `nil` for as many as fit ``seconds``, and at least 3.
    public var steps: Int?
    /// The time to spend where the number of steps is not given.
    public var seconds = 3.0
    /// Whether the steps of the plan are timed as well, which costs a little, and then once more each by itself.
    public var isProfiling = false

    /// A benchmark of `network`.
    public init(
        _ network: Network, mode: Mode, batchSize: Int, optimizer: any Optimizer = SGD(momentum: 0.9),
        backend: any Backend = StandardBackend.make()
    ) {
        self.network = network
        self.mode = mode
        self.batchSize = batchSize
        self.optimizer = optimizer
        self.backend = backend
    }

    /// Compiles the plan, makes a few steps to warm up, and times the following ones.
    ///
    /// - Throws: ``TrainingError`` where a number has no meaning, what the graph and the backend throw.
    public func run() throws -> BenchmarkResult {
        guard (1...1_000_000).contains(batchSize), steps.map({ (1...10_000_000).contains($0) }) ?? true else {
            throw TrainingError(
                .configuration,
                "a batch of \(batchSize) and \(steps.map(String.init) ?? "unset") steps; both are positive")
        }
        guard seconds >= 0, seconds <= 1e6 else {
            throw TrainingError(.configuration, "\(seconds) s to spend; they are in 0 ... 1000000")
        }
        let clock = ContinuousClock()
        let start = clock.now
        switch mode {
        case .train:
            let training = try TrainingPlan(
                network: network, batchSize: batchSize, optimizer: optimizer, backend: backend, seed: 0)
            let compilation = clock.now - start
            Self.initialize(training.plan)
            let batch = RandomBatch(network: network, batchSize: batchSize)
            return try time(training.plan, compilation: compilation) { step in
                training.set(learningRate: 1e-3, step: step)
                training.withBatch { batch.copy(samples: $0, answers: $1) }
                try training.plan.execute()
                return training.lastLoss
            }
        case .infer:
            let prediction = try PredictionPlan(network: network, batchSize: batchSize, backend: backend)
            let compilation = clock.now - start
            Self.initialize(prediction.plan)
            let batch = RandomBatch(network: network, batchSize: batchSize)
            return try time(prediction.plan, compilation: compilation) { _ in
                var first: Float = 0
                try prediction.run(.raw) {
                    batch.copySamples(to: UnsafeMutableRawBufferPointer($0))
                } read: {
                    first = $0[0]
                }
                return first
            }
        }
    }

    /// Gives each variable its initial value, one after the other, so that the peak of memory is the plan's.
    private static func initialize(_ plan: any Plan) {
        let source = RandomSource(seed: 0)
        for (position, variable) in plan.graph.variables.enumerated() {
            plan.setVariable(
                position,
                to: variable.initial.tensor(
                    shape: variable.type.shape, stream: source.stream(.initialization(position))))
        }
    }

    private func time(
        _ plan: any Plan, compilation: Duration, step: (Int) throws -> Float
    ) throws -> BenchmarkResult {
        let clock = ContinuousClock()
        var count = 0
        // Caches, clocks and threads settle within some steps; a step of seconds needs one only.
        let warmUp = clock.now
        repeat {
            _ = try step(count)
            count += 1
        } while count < 3 && (clock.now - warmUp).seconds < 2 || (clock.now - warmUp).seconds < 0.3

        if isProfiling { (plan as? any MeasuredPlan)?.isProfiling = true }
        var times: [Double] = []
        times.reserveCapacity(steps ?? 100_000)
        var last: Float = 0
        let start = clock.now
        var now = start
        while steps.map({ times.count < $0 }) ?? (times.count < 3 || (now - start).seconds < seconds) {
            last = try step(count)
            let end = clock.now
            times.append((end - now).seconds)
            now = end
            count += 1
        }
        times.sort()
        let median = (times[(times.count - 1) / 2] + times[times.count / 2]) / 2
        let measured = plan as? any MeasuredPlan
        var result = BenchmarkResult(
            steps: times.count, secondsPerStep: median, bestSecondsPerStep: times[0],
            samplesPerSecond: Double(batchSize) / median, compileSeconds: compilation.seconds,
            peakBytes: PeakMemory.byteCount, plannedBytes: measured?.plannedByteCount, lastValue: last)
        if isProfiling, let measured {
            // After the peak was read: what a step writes is held twice meanwhile.
            try measured.executeStepsAlone()
            result.profile = BenchmarkProfile(steps: measured.stepProfiles, table: plan.explain())
        }
        return result
    }
}

/// What a ``Benchmark`` found.
public struct BenchmarkResult: Hashable, Sendable {
    /// The number of steps timed.
    public var steps: Int
    /// The median of their times.
    public var secondsPerStep: Double
    /// The shortest of their times.
    public var bestSecondsPerStep: Double
    /// The batch size over the median.
    public var samplesPerSecond: Double
    /// The time that making the plan took.
    public var compileSeconds: Double
    /// The most memory that the process has held, in bytes; `nil` where the system does not say.
    public var peakBytes: Int?
    /// The memory that the plan holds, in bytes; `nil` where it does not say.
    public var plannedBytes: Int?
    /// The loss of the last training step, or the first result of the last prediction.
    public var lastValue: Float
    /// The plan's steps with their times, where asked for.
    public var profile: BenchmarkProfile?

    /// The part by which a whole step takes longer than the plan's steps timed alone: `secondsPerStep / secondsAlone - 1`.
    ///
    /// Copying the batch, calling the primitives, and caches that another step has filled. Negative where the steps in
    /// a row find their data nearer than alone, or where the machine was disturbed.
    public var overhead: Double? {
        profile.flatMap { $0.secondsAlone > 0 ? secondsPerStep / $0.secondsAlone - 1 : nil }
    }
}

/// What the steps of a plan cost, each within the whole and by itself.
public struct BenchmarkProfile: Hashable, Sendable {
    /// The steps of the plan in order.
    public var steps: [StepProfile]
    /// The steps as a table to read.
    public var table: String

    /// The sum of the steps' times alone.
    public var secondsAlone: Double { steps.reduce(0) { $0 + ($1.secondsAlone ?? 0) } }
}

/// One batch of random numbers, uniform in [-1, 1), and random answers.
private struct RandomBatch {
    private let samples: Tensor
    private let answers: Tensor

    init(network: Network, batchSize: Int) {
        let source = RandomSource(seed: 1)
        let stream = source.stream(.other(0))
        samples = Tensor(shape: Shape([batchSize] + network.inputShape.dimensions), of: Float.self) {
            target in
            for index in target.indices { target[index] = 2 * stream.uniform(at: index) - 1 }
        }
        let other = source.stream(.other(1))
        switch network.task {
        case .classification(let classes):
            answers = Tensor(
                (0..<batchSize).map { Int32(other.bits(at: $0) % UInt32(clamping: classes)) },
                shape: [batchSize])
        case .regression(let outputs):
            answers = Tensor(
                (0..<batchSize * outputs).map { other.uniform(at: $0) }, shape: [batchSize, outputs])
        }
    }

    func copySamples(to target: UnsafeMutableRawBufferPointer) {
        samples.withUnsafeBytes { target.copyMemory(from: $0) }
    }

    func copy(samples: UnsafeMutableRawBufferPointer, answers: UnsafeMutableRawBufferPointer) {
        copySamples(to: samples)
        self.answers.withUnsafeBytes { answers.copyMemory(from: $0) }
    }
}

extension Duration {
    /// The duration in seconds.
    var seconds: Double {
        Double(components.seconds) + Double(components.attoseconds) * 1e-18
    }
}
