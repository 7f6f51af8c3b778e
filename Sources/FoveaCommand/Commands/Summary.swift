import ArgumentParser
import Fovea

/// `fovea summary`: what a model costs and sees, layer by layer.
struct SummaryCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "summary",
        abstract: "Show a model layer by layer: shapes, receptive field, weights, MACs, bytes.",
        discussion: """
            Nothing is allocated. A notation needs --input and may be a part of a network, such as "conv 1 k5". Columns: \
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
        if json { return try writeJSON(summary) }
        let text =
            weights
            ? (markdown ? summary.weightsMarkdown() : summary.weightsTable())
            : (markdown ? summary.markdown() : summary.textTable())
        try StandardOutput.write(text)
    }
}
