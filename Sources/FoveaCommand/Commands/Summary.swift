import ArgumentParser
import Fovea

/// `fovea summary`: what a model costs and sees, layer by layer.
struct SummaryCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "summary",
        abstract: "Show a model layer by layer: shapes, receptive field, weights, MACs, bytes.")

    @OptionGroup var architecture: ArchitectureOptions

    @Option(help: ArgumentHelp("The number of samples that MACs and bytes are for.", valueName: "count"))
    var batch = 1

    @Flag(help: "Print JSON.")
    var json = false

    @Flag(help: "Print a Markdown table.")
    var markdown = false

    func validate() throws {
        guard (1...1_000_000).contains(batch) else {
            throw ValidationError("--batch is \(batch); it is in 1 ... 1000000")
        }
        guard !(json && markdown) else { throw ValidationError("--json and --markdown exclude each other") }
    }

    func run() throws {
        let network = try architecture.network()
        let summary = try parsing { try Summary(of: network, batchSize: batch) }
        if json {
            try writeJSON(summary)
        } else {
            try StandardOutput.write(markdown ? summary.markdown() : summary.textTable())
        }
    }
}
