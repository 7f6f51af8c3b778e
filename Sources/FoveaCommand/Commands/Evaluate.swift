import ArgumentParser
import Fovea

/// `fovea evaluate`: how well a trained model does.
struct Evaluate: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Evaluate a trained model on a part of a data set.",
        discussion: """
            Classes are matched by name: a data set whose classes the model does not know is refused. Data without names \
            for their classes are taken to be numbered as the model numbers them.
            """)

    @Option(help: ArgumentHelp("The model file.", valueName: "file"))
    var model: String

    @Option(help: ArgumentHelp("A built-in name or a directory.", valueName: "data"))
    var data: String

    @Option(help: "The part to evaluate on.")
    var split: DatasetParts.Part = .test

    @OptionGroup var computing: ComputingOptions

    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
        let model = try Model(contentsOf: model, backend: computing.backend)
        let data = try model.matching(try DataSource(data, imageShape: model.sampleShape).load(split))
        let evaluation = try model.evaluate(on: data)
        if json {
            try writeJSON(EvaluationReport(evaluation, labels: model.labels))
        } else {
            try StandardOutput.write(EvaluationText.text(evaluation, labels: model.labels))
        }
    }
}

extension DatasetParts.Part: ExpressibleByArgument {}

/// An evaluation in JSON: each metric by name, and more for each class.
struct EvaluationReport: Encodable {
    private struct PerClass: Encodable {
        var label: String
        var precision: Double
        var recall: Double
        var f1: Double
        var samples: Int
    }

    private let evaluation: Evaluation
    private let labels: [String]

    init(_ evaluation: Evaluation, labels: [String]) {
        self.evaluation = evaluation
        self.labels = labels
    }

    private struct Key: CodingKey {
        var stringValue: String
        var intValue: Int? { nil }

        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(evaluation.samples, forKey: Key(stringValue: "samples"))
        for (name, value) in evaluation.values { try container.encode(value, forKey: Key(stringValue: name)) }
        guard let metrics = evaluation.classification else { return }
        let classes = metrics.classes.enumerated().map { index, values in
            PerClass(
                label: labels.indices.contains(index) ? labels[index] : String(index),
                precision: values.precision,
                recall: values.recall, f1: values.f1, samples: values.samples)
        }
        try container.encode(classes, forKey: Key(stringValue: "classes"))
        try container.encode(metrics.confusion, forKey: Key(stringValue: "confusion"))
    }
}

/// An evaluation for people.
enum EvaluationText {
    static func text(_ evaluation: Evaluation, labels: [String]) -> String {
        var text = Format.table(
            ["metric", "value"],
            [["samples", Format.grouped(evaluation.samples)]]
                + evaluation.values.map { [$0.name, Format.fixed($0.value)] },
            numbers: [1])
        guard let metrics = evaluation.classification, metrics.classes.count <= 100 else { return text }
        let rows = metrics.classes.enumerated().map { index, values in
            [
                labels.indices.contains(index) ? labels[index] : String(index),
                Format.fixed(values.precision),
                Format.fixed(values.recall), Format.fixed(values.f1), Format.grouped(values.samples),
            ]
        }
        text +=
            "\n"
            + Format.table(["class", "precision", "recall", "F1", "samples"], rows, numbers: [1, 2, 3, 4])
        return text
    }
}
