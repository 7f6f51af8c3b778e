import ArgumentParser
import Fovea

/// `fovea summary`: what a model costs and sees, layer by layer.
struct SummaryCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "summary",
        abstract: "Show a model layer by layer: shapes, receptive field, weights, MACs, bytes.",
        discussion: """
            Nothing is allocated, also with --memory, which compiles the plans of this machine. A notation needs --input and may be a part of a network, such as "conv 1 k5". Columns: \
            output with the batch first; field, jump and center of the receptive field on the input; the axes that a \
            normalization averages over; weights of kernels; biases, with scales and shifts; MACs; bytes of the output; \
            kept, what of it training keeps for the backward pass; live, what is alive in prediction while the layer is \
            computed.
            """)

    @Argument(
        help: ArgumentHelp(
            "A name, an architecture in notation, or a model file; two of them with --compare.",
            valueName: "model"))
    var models: [String]

    @Option(help: ArgumentHelp("The shape of a sample; the model's own unless given.", valueName: "CxHxW"))
    var input: InputShape?

    @Option(help: ArgumentHelp("The number of classes; the model's own unless given.", valueName: "count"))
    var classes: Int?

    @Option(help: ArgumentHelp("The number of samples that MACs and bytes are for.", valueName: "count"))
    var batch = 1

    @Flag(help: "Compare two models: totals, differences, ratios.")
    var compare = false

    @Flag(help: "Show the weights of convolutions if they were fully or locally connected instead.")
    var weights = false

    @Flag(help: "Show what the plans for training (SGD with momentum) and prediction hold, too.")
    var memory = false

    @Flag(
        help:
            "With --memory: let the plan for training compute cheap activations once more instead of keeping them."
    )
    var recompute = false

    @OptionGroup var threads: ThreadOptions

    @Flag(help: "Print JSON.")
    var json = false

    @Flag(help: "Print a Markdown table.")
    var markdown = false

    func validate() throws {
        guard (1...1_000_000).contains(batch) else {
            throw ValidationError("--batch is \(batch); it is in 1 ... 1000000")
        }
        guard !(json && markdown) else { throw ValidationError("--json and --markdown exclude each other") }
        guard !(compare && weights) else {
            throw ValidationError("--compare and --weights exclude each other")
        }
        guard !(memory && (compare || weights)) else {
            throw ValidationError(
                "--memory goes with the table of one model, not with --compare or --weights")
        }
        guard memory || !recompute else { throw ValidationError("--recompute goes with --memory") }
        guard models.count == (compare ? 2 : 1) else {
            throw ValidationError(
                compare
                    ? "--compare takes two models, not \(models.count)"
                    : "summary takes one model, not \(models.count); give two with --compare")
        }
    }

    func run() throws {
        let summaries = try models.map { model in
            try parsing {
                try ModelSource(model).summary(
                    input: input?.shape, task: classes.map { .classification(classes: $0) }, batchSize: batch)
            }
        }
        if compare {
            let comparison = SummaryComparison((models[0], summaries[0]), (models[1], summaries[1]))
            if json { return try writeJSON(comparison) }
            return try StandardOutput.write(markdown ? comparison.markdown() : comparison.textTable())
        }
        let summary = summaries[0]
        let planned = memory ? try parsing { try plannedMemory() } : nil
        if json { return try writeJSON(Report(summary: summary, plannedMemory: planned)) }
        let text =
            weights
            ? (markdown ? summary.weightsMarkdown() : summary.weightsTable())
            : (markdown ? summary.markdown() : summary.textTable())
        try StandardOutput.write(text)
        guard let planned else { return }
        try StandardOutput.write(
            """
            planned for training: \(Format.bytes(planned.training)), \
            \(Format.bytes(planned.training + planned.process)) with the process
            planned for prediction: \(Format.bytes(planned.prediction)), \
            \(Format.bytes(planned.prediction + planned.process)) with the process

            """)
    }

    private func plannedMemory() throws -> PlannedMemory {
        try PlannedMemory(
            of: ModelSource(models[0]).architecture(
                input: input?.shape, task: classes.map { .classification(classes: $0) }
            ).network(),
            batchSize: batch,
            backend: CPUBackend(threads: threads.threads, recomputesActivations: recompute))
    }

    /// The summary, with what `--memory` adds beside it.
    private struct Report: Encodable {
        var summary: Summary
        var plannedMemory: PlannedMemory?

        enum CodingKeys: CodingKey {
            case plannedMemory
        }

        func encode(to encoder: any Encoder) throws {
            try summary.encode(to: encoder)
            guard let plannedMemory else { return }
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(plannedMemory, forKey: .plannedMemory)
        }
    }
}
