/// Rows under headings, for people: as plain text or in Markdown.
struct TextTable {
    /// The headings of the columns.
    var headings: [String]
    /// The rows, each with as many cells as there are headings.
    var rows: [[String]]
    /// The number of leading columns that hold words and stand to the left; the others are numbers.
    var wordColumns: Int

    /// Aligned columns of plain text with a rule below the headings, and one below the rows.
    var text: String {
        let all = [headings] + rows
        let widths = headings.indices.map { column in all.map { $0[column].count }.max() ?? 0 }
        var lines = all.map { row in
            zip(row, widths).enumerated().map { column, cell in
                let blanks = String(repeating: " ", count: cell.1 - cell.0.count)
                return column < wordColumns ? cell.0 + blanks : blanks + cell.0
            }.joined(separator: "  ").trimmingTrailingBlanks()
        }
        let rule = String(repeating: "-", count: widths.reduce(0, +) + 2 * (widths.count - 1))
        lines.insert(rule, at: 1)
        lines.append(rule)
        return lines.joined(separator: "\n") + "\n"
    }

    /// A Markdown table.
    var markdown: String {
        var lines = [
            "| " + headings.joined(separator: " | ") + " |",
            "|" + headings.indices.map { $0 < wordColumns ? "---|" : "---:|" }.joined(),
        ]
        lines += rows.map { "| " + $0.joined(separator: " | ") + " |" }
        return lines.joined(separator: "\n") + "\n"
    }

    /// The table without the columns at `positions`.
    func without(_ positions: Set<Int>) -> TextTable {
        func rest(_ cells: [String]) -> [String] {
            cells.indices.filter { !positions.contains($0) }.map { cells[$0] }
        }
        return TextTable(
            headings: rest(headings), rows: rows.map(rest),
            wordColumns: wordColumns - positions.count { $0 < wordColumns })
    }
}

extension Int {
    /// The digits with a comma between groups of three.
    var grouped: String {
        var result = ""
        let digits = String(magnitude)
        for (position, digit) in digits.enumerated() {
            if position > 0, (digits.count - position) % 3 == 0 { result += "," }
            result.append(digit)
        }
        return (self < 0 ? "-" : "") + result
    }

    /// The sum, or the largest number where that is beyond it: the layers of a hostile network may each be huge.
    func adding(_ other: Int) -> Int {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? .max : sum
    }
}

extension String {
    fileprivate func trimmingTrailingBlanks() -> String {
        var text = self
        while text.last == " " { text.removeLast() }
        return text
    }
}
