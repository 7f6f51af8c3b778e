import ArgumentParser
import Fovea

/// `fovea bench`: how fast a model trains or predicts here.
struct Bench: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Time training or prediction steps of a model.",
        discussion: """
            Whole steps on random data that lie in memory already: the batch is copied into the plan, the plan runs (for \
            training: forward, loss, gradients, update), and the loss or the result is read. Prints the median step.
            """)

    enum OptimizerName: String, CaseIterable, ExpressibleByArgument {
        case sgd, adam
    }

    @OptionGroup var architecture: ArchitectureOptions

    @Option(help: "What to time: a whole training step, or a prediction.")
    var mode: Benchmark.Mode = .train

    @Option(help: ArgumentHelp("The number of samples of a step.", valueName: "count"))
    var batch = 16

    @Option(
        help: ArgumentHelp(
            "The number of steps to time; as many as fit --seconds unless given.", valueName: "count"))
    var steps: Int?

    @Option(
        help: ArgumentHelp(
            "The time to spend on the steps, at least 3 of them, where --steps is not given.", valueName: "s")
    )
    var seconds = 3.0

    @Option(help: "The optimizer of a training step: sgd has a momentum of 0.9.")
    var optimizer: OptimizerName = .sgd

    @Flag(help: "Print the plan's steps with the time of each, within the whole and alone.")
    var profile = false

    @OptionGroup var computing: ComputingOptions

    @Flag(help: CPUBackend.recomputationHelp)
    var recompute = false

    @Flag(help: "Print JSON.")
    var json = false

    func validate() throws {
        guard (1...1_000_000).contains(batch) else {
            throw ValidationError("--batch is \(batch); it is in 1 ... 1000000")
        }
        if let steps, !(1...10_000_000).contains(steps) {
            throw ValidationError("--steps is \(steps); it is in 1 ... 10000000")
        }
        guard !recompute || mode == .train else {
            throw ValidationError("--recompute goes with --mode train: a prediction keeps no activations")
        }
        guard seconds >= 0, seconds <= 1e6 else {
            throw ValidationError("--seconds is \(seconds); it is in 0 ... 1000000")
        }
    }

    func run() throws {
        let network = try architecture.network()
        var benchmark = Benchmark(
            network, mode: mode, batchSize: batch, optimizer: optimizer == .sgd ? SGD(momentum: 0.9) : Adam(),
            backend: computing.makeBackend(recomputes: recompute))
        benchmark.steps = steps
        benchmark.seconds = seconds
        benchmark.isProfiling = profile
        let result = try parsing { try benchmark.run() }
        if json {
            try writeJSON(Report(result, of: self))
        } else {
            if let profile = result.profile { try StandardOutput.write(profile.table + "\n") }
            try StandardOutput.write(text(result))
        }
    }

    private func text(_ result: BenchmarkResult) -> String {
        var lines = [
            "\(architecture.model), \(mode.rawValue), batch \(batch), \(computing.precision.rawValue), "
                + (recompute ? "recomputing activations, " : "")
                + "\(result.steps) steps on \(threadCount) threads",
            "step        \(Format.seconds(result.secondsPerStep)) median, \(Format.seconds(result.bestSecondsPerStep)) best",
            "speed       \(Format.rate(result.samplesPerSecond)) samples/s",
            "compilation \(Format.seconds(result.compileSeconds))",
        ]
        var memory: [String] = []
        if let bytes = result.peakBytes { memory.append("\(Format.bytes(bytes)) peak of the process") }
        if let bytes = result.plannedBytes { memory.append("\(Format.bytes(bytes)) of it in the plan") }
        if !memory.isEmpty { lines.append("memory      \(memory.joined(separator: ", "))") }
        if let profile = result.profile, let overhead = result.overhead {
            lines.append(
                "sum of steps alone \(Format.seconds(profile.secondsAlone)), whole step "
                    + "\(Format.seconds(result.secondsPerStep)), overhead \(Format.percent(overhead))")
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private var threadCount: Int { computing.threads.threads ?? CPUBackend.coreCount }

    private struct Report: Encodable {
        var model: String
        var mode: String
        var batch: Int
        var precision: String
        var recompute: Bool
        var threads: Int
        var optimizer: String?
        var steps: Int
        var secondsPerStep: Double
        var bestSecondsPerStep: Double
        var samplesPerSecond: Double
        var compileSeconds: Double
        var peakBytes: Int?
        var plannedBytes: Int?
        var sumOfStepsAloneSeconds: Double?
        var overhead: Double?
        var profile: [Step]?

        init(_ result: BenchmarkResult, of command: Bench) {
            model = command.architecture.model
            mode = command.mode.rawValue
            batch = command.batch
            precision = command.computing.precision.rawValue
            recompute = command.recompute
            threads = command.threadCount
            optimizer = command.mode == .train ? command.optimizer.rawValue : nil
            steps = result.steps
            secondsPerStep = result.secondsPerStep
            bestSecondsPerStep = result.bestSecondsPerStep
            samplesPerSecond = result.samplesPerSecond
            compileSeconds = result.compileSeconds
            peakBytes = result.peakBytes
            plannedBytes = result.plannedBytes
            sumOfStepsAloneSeconds = result.profile?.secondsAlone
            overhead = result.overhead
            profile = result.profile?.steps.map(Step.init)
        }

        struct Step: Encodable {
            var operation: String
            var layer: String
            var implementation: String
            var bytes: Int
            var flops: Int
            var seconds: Double?
            var secondsAlone: Double?
            var bytesPerSecond: Double?
            var flopsPerSecond: Double?

            init(_ step: StepProfile) {
                operation = step.operation
                layer = step.path
                implementation = step.implementation
                bytes = step.byteCount
                flops = step.flops
                seconds = step.seconds
                secondsAlone = step.secondsAlone
                bytesPerSecond = step.bytesPerSecond
                flopsPerSecond = step.flopsPerSecond
            }
        }
    }
}

extension Benchmark.Mode: ExpressibleByArgument {}
