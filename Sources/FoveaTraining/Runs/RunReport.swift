import FoveaCPU
import FoveaData
import FoveaFormats
import FoveaGraph
import FoveaNN
import FoveaTensor

/// What a run was and what came of it, for people: `report.md`.
public struct RunReport: Sendable {
    /// The model that came of it.
    public var model: Model
    /// The settings.
    public var configuration: TrainingConfiguration
    /// What was trained on.
    public var data: Dataset
    /// The course of it.
    public var history: TrainingHistory
    /// How the model does on the test set; `nil` before the test.
    public var test: Evaluation?

    /// The report of a run.
    public init(
        model: Model, configuration: TrainingConfiguration, data: Dataset, history: TrainingHistory,
        test: Evaluation? = nil
    ) {
        self.model = model
        self.configuration = configuration
        self.data = data
        self.history = history
        self.test = test
    }

    /// Writes the report into `directory`.
    ///
    /// - Throws: `FormatError` where it cannot be written, `GraphError` where the network has no meaning.
    public func write(to directory: RunDirectory) throws {
        try AtomicFile.write(try markdown(command: directory.command), to: directory.reportPath)
    }

    /// The report in Markdown.
    ///
    /// - Parameter command: what repeats the run; empty to leave it out.
    /// - Throws: `GraphError` where the network has no meaning.
    public func markdown(command: String = "") throws -> String {
        var sections = [
            "# Training report", dataSection, try networkSection(), settingsSection, try courseSection(),
        ]
        if let test { sections.append(testSection(test)) }
        if !command.isEmpty { sections.append("## To repeat\n\n```\n\(command)\n```") }
        return sections.joined(separator: "\n\n") + "\n"
    }

    private var dataSection: String {
        var rows = [
            ["name", data.name], ["samples", String(data.count)], ["sample", data.sampleShape.description],
            ["type", data.samples.dtype.rawValue],
        ]
        if let names = data.classNames { rows.append(["classes", String(names.count)]) }
        if let preprocessing = model.preprocessing {
            rows.append(["scale", Self.text(preprocessing.scale)])
            rows.append(["mean", Self.list(preprocessing.mean)])
            rows.append(["deviation", Self.list(preprocessing.deviation)])
            if preprocessing.padding > 0 { rows.append(["padding", String(preprocessing.padding)]) }
        }
        return "## Data\n\n" + Self.table(["", ""], rows)
    }

    private func networkSection() throws -> String {
        let graph = try model.network.predictionGraph(batchSize: 1)
        let variables = try model.network.variables()
        let rows = variables.map {
            [$0.key, $0.type.shape.description, String($0.type.shape.count), "\($0.role)"]
        }
        let parameters = variables.filter { $0.role == .parameter }.map(\.type.shape.count).reduce(0, +)
        let macs = graph.nodes.map { graph.cost(of: $0).macs }.reduce(0, +)
        let title = model.architecture.map { "`\($0.text)`, " } ?? ""
        return "## Network\n\n\(title)\(model.network.task), input \(model.network.inputShape), "
            + "\(parameters) parameters, \(macs) multiply-adds a sample.\n\n"
            + Self.table(["key", "shape", "numbers", "role"], rows)
    }

    private var settingsSection: String {
        var rows = [
            ["epochs", String(configuration.epochs)], ["batch size", String(configuration.batchSize)],
            ["optimizer", "\(configuration.optimizer.optimizer)"],
            ["learning rate", "\(configuration.learningRate)"],
            ["seed", String(configuration.seed)], ["shuffled", configuration.shuffles ? "yes" : "no"],
            ["monitored", configuration.monitor.rawValue],
            ["best epoch restored", configuration.restoresBest ? "yes" : "no"],
        ]
        if let backend = model.backend as? CPUBackend {
            rows.append(["precision", backend.precision.rawValue])
            rows.append(["convolutions", backend.convolutionAlgorithm?.rawValue ?? "the faster for each"])
            rows.append(["activations recomputed", backend.recomputesActivations ? "yes" : "no"])
        }
        if !configuration.frozen.isEmpty {
            rows.append(["frozen", configuration.frozen.map { "`\($0.text)`" }.joined(separator: ", ")])
        }
        if let augmentation = configuration.augmentation {
            rows.append(["augmentation", "\(augmentation)"])
        }
        if let patience = configuration.patience { rows.append(["patience", "\(patience) epochs"]) }
        return "## Settings\n\n" + Self.table(["", ""], rows)
    }

    private func courseSection() throws -> String {
        let names = history.epochs.first?.validation?.keys.sorted() ?? []
        let shown = names.filter { ["loss", "accuracy", "rootMeanSquaredError", "rSquared"].contains($0) }
        let largest = history.epochs.map(\.loss).max() ?? 0
        let rows = history.epochs.map { epoch in
            [
                String(epoch.epoch), Self.text(epoch.loss), epoch.accuracy.map(Self.text) ?? "",
            ] + shown.map { epoch.validation?[$0].map(Self.text) ?? "" } + [
                String(Int(epoch.samplesPerSecond.rounded())),
                String(repeating: "#", count: largest > 0 ? Int((epoch.loss / largest * 30).rounded()) : 0),
            ]
        }
        var text = "## Course\n\n"
        text += Self.table(
            ["epoch", "loss", "accuracy"] + shown.map { "validation \($0)" } + [
                "samples/s", "loss, to scale",
            ], rows)
        text += "\n\n\(history.steps) steps, \(history.outcome.name)"
        if history.bestEpoch > 0 { text += "; epoch \(history.bestEpoch) was the best on the validation set" }
        return text + "."
    }

    private func testSection(_ test: Evaluation) -> String {
        var text = "## Test\n\n\(test.samples) samples.\n\n"
        text += Self.table(["metric", "value"], test.values.map { [$0.name, Self.text($0.value)] })
        if let metrics = test.classification {
            let rows = metrics.classes.enumerated().map { index, values in
                [
                    model.labels.indices.contains(index) ? model.labels[index] : String(index),
                    Self.text(values.precision), Self.text(values.recall), Self.text(values.f1),
                    String(values.samples),
                ]
            }
            text += "\n\n" + Self.table(["class", "precision", "recall", "F1", "samples"], rows)
        }
        return text
    }

    private static func table(_ head: [String], _ rows: [[String]]) -> String {
        func line(_ cells: [String]) -> String {
            "| " + cells.map { $0.replacing("|", with: "\\|") }.joined(separator: " | ") + " |"
        }
        return ([line(head), line(head.map { _ in "---" })] + rows.map(line)).joined(separator: "\n")
    }

    private static func list(_ numbers: [Double]) -> String {
        numbers.prefix(8).map(text).joined(separator: ", ") + (numbers.count > 8 ? ", …" : "")
    }

    /// Four decimals, or the number as it is where they would say nothing.
    private static func text(_ number: Double) -> String {
        guard number.isFinite, number.magnitude < 1e9 else { return "\(number)" }
        let rounded = (number * 10_000).rounded() / 10_000
        return rounded == 0 && number != 0 ? "\(Float(number))" : "\(rounded)"
    }
}
