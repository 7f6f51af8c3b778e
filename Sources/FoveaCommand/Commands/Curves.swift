import ArgumentParser
import Fovea

/// `fovea curves`: several runs side by side.
struct Curves: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Draw the courses of runs side by side.",
        discussion: """
            Reads metrics.jsonl of each run directory, finished or not, and prints a table of where the runs ended. With \
            --output it leaves curves.svg and report.md in a directory.
            """)

    @Argument(help: ArgumentHelp("Run directories.", valueName: "run"))
    var runs: [String]

    @Option(help: ArgumentHelp("Where to leave the picture and the report.", valueName: "directory"))
    var output: String?

    @Option(help: "What the curves show; error where there are classes.")
    var metric: RunComparison.Ordinate?

    @Option(help: "What the curves run along.")
    var against: RunComparison.Abscissa = .epochs

    @Option(help: ArgumentHelp("The heading of the report.", valueName: "text"))
    var title = "Runs side by side"

    func run() throws {
        let comparison = RunComparison(
            try runs.map { try RunCurves(RunDirectory($0)) }, abscissa: against, ordinate: metric)
        if let output { try comparison.write(to: output, title: title) }
        try StandardOutput.write(comparison.markdown)
    }
}

extension RunComparison.Ordinate: ExpressibleByArgument {}
extension RunComparison.Abscissa: ExpressibleByArgument {}
