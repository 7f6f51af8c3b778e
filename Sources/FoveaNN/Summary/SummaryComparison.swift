/// Two summaries side by side: totals, differences and ratios.
public struct SummaryComparison: Hashable, Sendable, Encodable {
    /// The totals of one model.
    public struct Totals: Hashable, Sendable, Encodable {
        /// What the model is called.
        public var model: String
        /// The shape of the input, the batch first.
        public var inputShape: [Int]
        /// The shape of the output, the batch first.
        public var outputShape: [Int]
        /// The size of the receptive field, height and width; `nil` without feature maps.
        public var receptiveField: [Int]?
        /// The numbers, each under its name in ``Summary``.
        public var numbers: [String: Int]
    }

    /// The first model.
    public var first: Totals
    /// The second model.
    public var second: Totals
    /// For each number, the second's minus the first's.
    public var differences: [String: Int]
    /// For each number, the second's over the first's; left out where the first's is 0.
    public var ratios: [String: Double]

    /// `first` beside `second`, under the names that are given.
    public init(_ first: (name: String, summary: Summary), _ second: (name: String, summary: Summary)) {
        self.first = Totals(model: first.name, first.summary)
        self.second = Totals(model: second.name, second.summary)
        (differences, ratios) = ([:], [:])
        for (name, number) in self.first.numbers {
            guard let other = self.second.numbers[name] else { continue }
            differences[name] = other - number
            if number != 0 { ratios[name] = Double(other) / Double(number) }
        }
    }

    /// The comparison as a table of plain text.
    public func textTable() -> String { table.text + notes.joined(separator: "\n") + "\n" }

    /// The comparison as a Markdown table.
    public func markdown() -> String {
        table.markdown + "\n" + notes.map { "- \($0)" }.joined(separator: "\n") + "\n"
    }

    private var notes: [String] { ["A: \(first.model)", "B: \(second.model)"] }

    private var table: TextTable {
        func shape(_ extents: [Int]) -> String { extents.map(String.init).joined(separator: "x") }
        var rows = [
            ["input", shape(first.inputShape), shape(second.inputShape), "", ""],
            ["output", shape(first.outputShape), shape(second.outputShape), "", ""],
        ]
        for (name, label) in Totals.labels {
            guard first.numbers[name] != nil || second.numbers[name] != nil else { continue }
            let difference = differences[name].map { ($0 > 0 ? "+" : "") + $0.grouped }
            rows.append([
                label, first.numbers[name]?.grouped ?? "-", second.numbers[name]?.grouped ?? "-",
                difference ?? "-", ratios[name].map(Self.ratio) ?? "-",
            ])
        }
        let fields = [first, second].map { $0.receptiveField.map(Summary.pair) ?? "-" }
        if fields != ["-", "-"] { rows.append(["receptive field"] + fields + ["", ""]) }
        return TextTable(headings: ["", "A", "B", "B - A", "B / A"], rows: rows, wordColumns: 1)
    }

    /// Three digits after the point, or more where the ratio is small.
    private static func ratio(_ ratio: Double) -> String {
        var (scale, digits) = (1000.0, 3)
        while ratio * scale < 100, digits < 8 { (scale, digits) = (scale * 10, digits + 1) }
        let whole = String(Int((min(ratio, 1e9) * scale).rounded()))
        let padded = String(repeating: "0", count: max(0, digits + 1 - whole.count)) + whole
        return padded.dropLast(digits) + "." + padded.suffix(digits)
    }
}

extension SummaryComparison.Totals {
    /// The names of the numbers with the words of the table, in its order.
    fileprivate static let labels = [
        ("weights", "weights"), ("biases", "biases"), ("parameters", "parameters"), ("macs", "MACs"),
        ("flops", "FLOPs"), ("activationBytes", "activation bytes"), ("keptBytes", "bytes kept"),
        ("trainingBytes", "training bytes"), ("predictionBytes", "prediction bytes"),
    ]

    fileprivate init(model: String, _ summary: Summary) {
        self.model = model
        inputShape = summary.inputShape
        outputShape = summary.outputShape
        receptiveField = summary.receptiveField?.size
        numbers = [
            "weights": summary.weights, "biases": summary.biases, "parameters": summary.parameters,
            "macs": summary.macs, "flops": summary.flops, "activationBytes": summary.activationBytes,
            "predictionBytes": summary.predictionBytes,
        ]
        numbers["keptBytes"] = summary.keptBytes
        numbers["trainingBytes"] = summary.trainingBytes
    }
}
