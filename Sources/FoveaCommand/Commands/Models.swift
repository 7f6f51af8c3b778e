import ArgumentParser
import Fovea

/// `fovea models`: the named architectures.
struct Models: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "List the named architectures with their parameters, MACs and input.")

    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
        let cards = Zoo.entries.map(\.card)
        if json { return try writeJSON(Report(models: cards.map(Entry.init))) }
        let rows = cards.map { card in
            [
                card.name, card.input.dimensions.map(String.init).joined(separator: "x"),
                String(card.classes),
                Format.grouped(card.parameters), Format.grouped(card.macs), card.source,
            ]
        }
        try StandardOutput.write(
            Format.table(
                ["name", "input", "classes", "parameters", "MACs", "source"], rows, numbers: [2, 3, 4]))
    }

    private struct Report: Encodable {
        var models: [Entry]
    }

    private struct Entry: Encodable {
        var name: String
        var input: [Int]
        var classes: Int
        var parameters: Int
        var macs: Int
        var source: String
        var deviations: [String]

        init(_ card: ModelCard) {
            name = card.name
            input = card.input.dimensions
            classes = card.classes
            parameters = card.parameters
            macs = card.macs
            source = card.source
            deviations = card.deviations
        }
    }
}
