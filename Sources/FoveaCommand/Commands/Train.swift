import ArgumentParser
import Foundation
import Fovea

/// `fovea train`: trains a model and leaves a run directory.
struct Train: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Train a model on a data set.",
        discussion: """
            Settings come from the options, then from the file given with --config, then from the model's recipe. \
            Everything that can be wrong is checked before the first epoch. The run directory gets config.yaml \
            (all settings), metrics.jsonl, checkpoints/, model.safetensors and report.md; with a test part in the data \
            set, the trained model is evaluated on it at the end.

            SIGINT and SIGTERM finish the step, write a checkpoint and end the command with status 130 or 143. \
            --resume goes on from there, to the same numbers as never having stopped.
            """)

    @Option(
        help: ArgumentHelp(
            "A name, an architecture in notation, or a model file to begin with.", valueName: "model"))
    var model: String?

    @Option(help: ArgumentHelp("A built-in name or a directory.", valueName: "data"))
    var data: String?

    @Option(help: ArgumentHelp("A file of settings, such as the config.yaml of a run.", valueName: "file"))
    var config: String?

    @Option(help: ArgumentHelp("The run directory; runs/MODEL unless given.", valueName: "directory"))
    var output: String?

    @Option(help: ArgumentHelp("The directory of a run to go on with.", valueName: "directory"))
    var resume: String?

    @OptionGroup(title: "Settings") var options: TrainingOptions

    @OptionGroup var threads: ThreadOptions

    @Flag(help: "Print JSON.")
    var json = false

    func validate() throws {
        if resume != nil {
            guard model == nil, data == nil, config == nil, output == nil, options.isEmpty,
                threads.threads == nil
            else {
                throw ValidationError("--resume takes all settings from the run; leave the other options out")
            }
        } else if config == nil, model == nil || data == nil {
            throw ValidationError("give --model and --data, or --config, or --resume")
        }
    }

    func run() throws {
        let clock = ContinuousClock()
        let start = clock.now
        let outcome = try resume.map(resume) ?? begin()
        let seconds =
            Double((clock.now - start).components.seconds)
            + Double((clock.now - start).components.attoseconds) * 1e-18
        if case .interrupted(let signal) = outcome.history.outcome {
            StandardError.write(
                "fovea: stopped by \(signal == SIGINT ? "SIGINT" : "SIGTERM") after step \(outcome.history.steps); go on "
                    + "with: fovea train --resume \(Self.quoted(outcome.directory.path))\n")
            throw ExitCode(128 + signal)
        }
        let test = try evaluate(outcome)
        if json {
            try writeJSON(Report(outcome, test: test, seconds: seconds))
        } else {
            try StandardOutput.write(text(outcome, test: test))
        }
    }

    private struct Outcome {
        var run: RunConfiguration
        var directory: RunDirectory
        var model: Model
        var data: DatasetParts
        var training: TrainingConfiguration
        var history: TrainingHistory
    }

    // MARK: A new run

    private func begin() throws -> Outcome {
        let run = try configuration()
        let directory = RunDirectory(output ?? Self.directory(for: run), command: Self.command)
        return try train(run, in: directory)
    }

    private func configuration() throws -> RunConfiguration {
        let file = try config.map(RunFile.init)
        let names = try file?.names()
        guard let model = model ?? names?.model, let data = data ?? names?.data else {
            throw Failure(
                .badData, "\(config ?? ""): there is no model or no data; add 'model: …' and 'data: …'")
        }
        var run = RunConfiguration(model: model, data: data)
        try file?.apply(to: &run)
        run.model = model
        run.data = data
        options.apply(to: &run)
        // The last bits of a sum depend on the number of threads, so a repetition needs it.
        run.threads = threads.threads ?? run.threads ?? CPUBackend.coreCount
        return run
    }

    private func train(_ run: RunConfiguration, in directory: RunDirectory) throws -> Outcome {
        let backend = Self.backend(for: run)
        let preflight = try parsing { try Preflight(run, backend: backend) }
        try directory.prepare(configuration: RunFile.text(for: run))
        StandardError.write("run \(directory.path), about \(Format.bytes(preflight.memory)) of memory\n")

        var model = preflight.model
        let display = TrainingDisplay()
        let request = StopRequest()
        let watcher = SignalWatcher(request)
        let trainer = Trainer(
            preflight.training, runDirectory: directory, stopRequest: request, onEvent: display.show)
        let history = try withExtendedLifetime(watcher) {
            defer { display.clear() }
            return try trainer.fit(&model, on: preflight.data.train, validation: run.validationPart)
        }
        return Outcome(
            run: run, directory: directory, model: model, data: preflight.data, training: preflight.training,
            history: history)
    }

    private static func backend(for run: RunConfiguration) -> CPUBackend {
        CPUBackend(
            threads: run.threads, precision: run.precision, convolutionAlgorithm: run.convolution,
            recomputesActivations: run.recompute)
    }

    /// `runs/NAME`, or with a number behind it where that is taken.
    private static func directory(for run: RunConfiguration) -> String {
        let isName = Zoo.entries.contains { $0.card.name == run.model }
        let name = "runs/" + (isName ? run.model : "run")
        var number = 1
        var path = name
        while FileManager.default.fileExists(atPath: path) {
            number += 1
            path = "\(name)-\(number)"
        }
        return path
    }

    // MARK: An old run

    private func resume(_ path: String) throws -> Outcome {
        var directory = RunDirectory(path)
        let file = try RunFile(contentsOf: directory.configurationPath)
        let names = try file.names()
        guard let model = names.model, let data = names.data else {
            throw Failure(
                .badData, "\(directory.configurationPath): there is no model or no data; it is not a run's")
        }
        var run = RunConfiguration(model: model, data: data)
        try file.apply(to: &run)
        directory.command = "fovea train --config \(Self.quoted(directory.configurationPath))"
        guard !directory.checkpoints().isEmpty else {
            // The run ended before its first checkpoint: there is nothing to go on with, so it begins again.
            directory.clearUnstarted()
            return try train(run, in: directory)
        }
        let backend = Self.backend(for: run)
        // The checkpoint holds the numbers; the file that the run began with may be gone.
        (run.weights, run.replaceHead) = (nil, false)
        let preflight = try Preflight(run, backend: backend)
        let display = TrainingDisplay()
        let request = StopRequest()
        let watcher = SignalWatcher(request)
        let (trained, history) = try withExtendedLifetime(watcher) {
            defer { display.clear() }
            return try Trainer.resume(
                from: directory, on: preflight.data.train, backend: backend, stopRequest: request,
                onEvent: display.show)
        }
        return Outcome(
            run: run, directory: directory, model: trained, data: preflight.data,
            training: preflight.training,
            history: history)
    }

    // MARK: Results

    /// Evaluates on the test part, where there is one, and adds the result to the report.
    private func evaluate(_ outcome: Outcome) throws -> Evaluation? {
        guard let part = outcome.data.test else { return nil }
        let test = try outcome.model.evaluate(on: try outcome.model.matching(part))
        try RunReport(
            model: outcome.model, configuration: outcome.training, data: outcome.data.train,
            history: outcome.history,
            test: test
        ).write(to: outcome.directory)
        return test
    }

    private func text(_ outcome: Outcome, test: Evaluation?) -> String {
        var lines: [String] = []
        if let test {
            var text = "test    loss \(Format.fixed(test.loss))"
            if let metrics = test.classification { text += ", accuracy \(Format.fixed(metrics.accuracy))" }
            if let metrics = test.regression {
                text += ", RMSE \(Format.fixed(metrics.rootMeanSquaredError))"
            }
            lines.append(text + " on \(Format.grouped(test.samples)) samples")
        }
        lines += ["model   \(outcome.directory.modelPath)", "report  \(outcome.directory.reportPath)"]
        return lines.joined(separator: "\n") + "\n"
    }

    private struct Report: Encodable {
        var model: String
        var report: String
        var outcome: String
        var epochs: Int
        var steps: Int
        var bestEpoch: Int
        var seconds: Double
        var validation: [String: Double]
        var test: EvaluationReport?

        init(_ outcome: Outcome, test: Evaluation?, seconds: Double) {
            model = outcome.directory.modelPath
            report = outcome.directory.reportPath
            self.outcome = outcome.history.outcome.name
            epochs = outcome.history.epochs.count
            steps = outcome.history.steps
            bestEpoch = outcome.history.bestEpoch
            self.seconds = seconds
            validation = outcome.history.validation
            self.test = test.map { EvaluationReport($0, labels: outcome.model.labels) }
        }
    }

    /// The command as it was given, to be repeated.
    private static var command: String {
        (["fovea"] + CommandLine.arguments.dropFirst()).map(quoted).joined(separator: " ")
    }

    /// `text` as a shell takes it.
    private static func quoted(_ text: String) -> String {
        let isPlain =
            !text.isEmpty
            && text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "-_./=,:+".contains($0)) }
        return isPlain
            ? text
            : "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''")
                + "'"
    }
}
