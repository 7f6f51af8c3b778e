import ArgumentParser
import Fovea

/// `fovea data`: what a data set holds.
struct DataCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "data", abstract: "Show what a data set holds: counts, shapes, classes, ranges, defects."
    )

    @Argument(help: ArgumentHelp("A built-in name or a directory.", valueName: "data"))
    var data: String

    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
        let summary = DataSummary(try DataSource(data).load(), name: data)
        if json { return try writeJSON(summary) }
        try StandardOutput.write(text(summary))
    }

    private func text(_ summary: DataSummary) -> String {
        var lines = [
            "\(summary.name): "
                + summary.parts.map { "\(Format.grouped($0.count)) \($0.name)" }.joined(separator: ", ")
        ]
        for part in summary.parts {
            lines += [
                "", part.name,
                "  samples     \(Format.grouped(part.count)) of \(part.shape.map(String.init).joined(separator: "x")), \(part.type)",
                "  range       \(Format.short(part.minimum)) to \(Format.short(part.maximum))",
                "  mean        \(list(part.mean))",
                "  deviation   \(list(part.deviation))",
                "  constant    \(Format.grouped(part.constantPositions)) positions have the same number in every sample",
            ]
            if part.duplicates > 0 {
                lines.append(
                    "  duplicates  \(Format.grouped(part.duplicates)) samples equal an earlier one, "
                        + "\(Format.grouped(part.conflictingDuplicates)) of them with another target")
            }
            if part.nonFinite > 0 { lines.append("  not finite  \(Format.grouped(part.nonFinite)) numbers") }
        }
        if summary.sharedSamples > 0 {
            lines += [
                "", "\(Format.grouped(summary.sharedSamples)) test samples are in the training part, too",
            ]
        }
        var text = lines.joined(separator: "\n") + "\n"
        if !summary.classes.isEmpty {
            let rows = summary.classes.enumerated().prefix(100).map { index, name in
                [String(index), name] + summary.parts.map { Format.grouped($0.classCounts[index]) }
            }
            text +=
                "\n"
                + Format.table(
                    ["class", "name"] + summary.parts.map(\.name), rows, numbers: [0, 2, 3])
            if summary.classes.count > 100 { text += "and \(summary.classes.count - 100) more classes\n" }
        }
        return text
    }

    private func list(_ numbers: [Double]) -> String {
        numbers.prefix(8).map(Format.short).joined(separator: ", ") + (numbers.count > 8 ? ", …" : "")
    }
}
