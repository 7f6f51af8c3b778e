extension Summary {
    /// The summary as a table of plain text, with aligned columns and the totals below.
    public func textTable() -> String {
        let rows = [Self.headings] + layers.map(Self.cells)
        let widths = Self.headings.indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        var lines = rows.map { row in
            zip(row, widths).enumerated().map { column, cell in
                let blanks = String(repeating: " ", count: cell.1 - cell.0.count)
                return column < Self.textColumns ? cell.0 + blanks : blanks + cell.0
            }.joined(separator: "  ").trimmingTrailingBlanks()
        }
        let rule = String(repeating: "-", count: widths.reduce(0, +) + 2 * (widths.count - 1))
        lines.insert(rule, at: 1)
        lines.append(rule)
        return (lines + totals.map { "\($0): \($1)" }).joined(separator: "\n") + "\n"
    }

    /// The summary as a Markdown table with the totals below.
    public func markdown() -> String {
        var lines = [
            "| " + Self.headings.joined(separator: " | ") + " |",
            "|" + Self.headings.indices.map { $0 < Self.textColumns ? "---|" : "---:|" }.joined(),
        ]
        lines += layers.map { "| " + Self.cells($0).joined(separator: " | ") + " |" }
        lines.append("")
        lines += totals.map { "- \($0): \($1)" }
        return lines.joined(separator: "\n") + "\n"
    }

    private static let headings = [
        "layer", "kind", "output", "kernel", "stride", "padding", "field", "jump", "weights", "MACs", "bytes",
    ]
    // The columns that are words; the others are numbers and stand to the right.
    private static let textColumns = 3

    private static func cells(_ layer: Layer) -> [String] {
        [
            layer.path.isEmpty ? "-" : layer.path, layer.kind,
            layer.outputShape.map(String.init).joined(separator: "x"),
            layer.window.map { pair($0.kernel) } ?? "", layer.window.map { pair($0.stride) } ?? "",
            layer.window.map { padding($0.padding) } ?? "", layer.receptiveField.map { pair($0.size) } ?? "",
            layer.receptiveField.map { pair($0.jump) } ?? "",
            layer.parameters == 0 ? "" : grouped(layer.parameters),
            layer.macs == 0 ? "" : grouped(layer.macs), grouped(layer.activationBytes),
        ]
    }

    private var totals: [(String, String)] {
        var totals = [
            (
                "parameters",
                Self.grouped(parameters)
                    + (statistics == 0 ? "" : " (and \(Self.grouped(statistics)) statistics)")
            ),
            ("MACs", Self.grouped(macs)), ("FLOPs", Self.grouped(flops)),
            ("activation bytes", Self.grouped(activationBytes)),
        ]
        if let receptiveField { totals.append(("receptive field", Self.pair(receptiveField.size))) }
        return totals
    }

    private static func pair(_ sides: [Int]) -> String {
        sides[0] == sides[1] ? "\(sides[0])" : "\(sides[0])x\(sides[1])"
    }

    private static func padding(_ sides: [Int]) -> String {
        sides[0] == sides[2] && sides[1] == sides[3]
            ? pair(sides) : sides.map(String.init).joined(separator: ",")
    }

    /// `number` with a comma between groups of three digits.
    private static func grouped(_ number: Int) -> String {
        var result = ""
        let digits = String(number)
        for (position, digit) in digits.enumerated() {
            if position > 0, (digits.count - position) % 3 == 0 { result += "," }
            result.append(digit)
        }
        return result
    }
}

extension String {
    fileprivate func trimmingTrailingBlanks() -> String {
        var text = self
        while text.last == " " { text.removeLast() }
        return text
    }
}
