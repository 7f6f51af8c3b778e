import FoveaGraph

extension Summary {
    /// The summary as a table of plain text, with aligned columns and the totals below.
    ///
    /// Columns: the layer and its kind; the output with the batch first; kernel, stride, padding, dilation and groups of
    /// the window; size, jump and centre of the receptive field; the axes that a normalization averages over; weights,
    /// biases (and all other parameters); MACs; bytes of the output, what of it training keeps, and what is alive in
    /// prediction meanwhile. Dilation, groups and axes are left out where they are 1 or none throughout.
    public func textTable() -> String {
        table.text + totals.map { "\($0): \($1)" }.joined(separator: "\n") + "\n"
    }

    /// The summary as a Markdown table with the totals below.
    public func markdown() -> String {
        table.markdown + "\n" + totals.map { "- \($0): \($1)" }.joined(separator: "\n") + "\n"
    }

    /// What local windows and shared kernels save, for each convolution, as a table of plain text.
    public func weightsTable() -> String {
        connectivityTable.text + Self.connectivityNotes.joined(separator: "\n") + "\n"
    }

    /// What local windows and shared kernels save, for each convolution, as a Markdown table.
    public func weightsMarkdown() -> String {
        connectivityTable.markdown + "\n- " + Self.connectivityNotes.joined(separator: "\n- ") + "\n"
    }

    /// How the extent of an output follows, with `p` the padding of both sides together.
    static let sizeFormula =
        "o = floor((i + p - d (k - 1) - 1) / s) + 1, p the padding of both sides together"

    private var table: TextTable {
        let table = TextTable(
            headings: [
                "layer", "kind", "output", "kernel", "stride", "padding", "dilation", "groups", "field",
                "jump",
                "center", "axes", "weights", "biases", "MACs", "bytes", "kept", "live",
            ], rows: layers.map(Self.cells), wordColumns: 3)
        var absent = Set<Int>()
        if layers.allSatisfy({ ($0.window?.dilation ?? [1, 1]) == [1, 1] }) { absent.insert(6) }
        if layers.allSatisfy({ ($0.groups ?? 1) == 1 }) { absent.insert(7) }
        if layers.allSatisfy({ $0.averagedAxes == nil }) { absent.insert(11) }
        return table.without(absent)
    }

    private static func cells(_ layer: Layer) -> [String] {
        func counted(_ number: Int) -> String { number == 0 ? "" : number.grouped }
        return [
            layer.path.isEmpty ? "-" : layer.path,
            layer.kind + (layer.isTrainingOnly ? ", training only" : ""),
            layer.outputShape.map(String.init).joined(separator: "x"),
            layer.window.map { pair($0.kernel) } ?? "", layer.window.map { pair($0.stride) } ?? "",
            layer.window.map { padding($0.padding) } ?? "", layer.window.map { pair($0.dilation) } ?? "",
            layer.groups.map(String.init) ?? "", layer.receptiveField.map { pair($0.size) } ?? "",
            layer.receptiveField.map { pair($0.jump) } ?? "",
            layer.receptiveField.map { center($0.center) } ?? "",
            layer.averagedAxes.map { $0.joined(separator: ",") } ?? "", counted(layer.weights),
            counted(layer.biases), counted(layer.macs), layer.activationBytes.grouped,
            layer.keptBytes.map(counted) ?? "?", layer.liveBytes?.grouped ?? "",
        ]
    }

    private var totals: [(String, String)] {
        var parts = "\(weights.grouped) weights, \(biases.grouped) biases and scales"
        if trainingOnlyParameters > 0 {
            parts += "; \(trainingOnlyParameters.grouped) of them in training only"
        }
        if statistics > 0 { parts += "; and \(statistics.grouped) statistics" }
        var totals = [
            ("parameters", "\(parameters.grouped) (\(parts))"), ("MACs", macs.grouped),
            ("FLOPs", flops.grouped),
            ("activation bytes", activationBytes.grouped),
        ]
        if let keptBytes, let trainingBytes {
            totals.append(
                (
                    "training bytes",
                    "\(trainingBytes.grouped) alive at most, \(keptBytes.grouped) kept for the backward pass"
                ))
        } else {
            totals.append(("training bytes", "none, since there is no training on a batch of this size"))
        }
        totals.append(("prediction bytes", "\(predictionBytes.grouped) alive at most"))
        if let receptiveField { totals.append(("receptive field", Self.pair(receptiveField.size))) }
        if layers.contains(where: { $0.window != nil }) { totals.append(("output size", Self.sizeFormula)) }
        return totals
    }

    private var connectivityTable: TextTable {
        var sums = (shared: 0, local: 0, full: 0)
        var rows: [[String]] = []
        for layer in layers {
            guard let counts = layer.connectivity else { continue }
            sums.shared = sums.shared.adding(counts.shared)
            sums.local = sums.local.adding(counts.locallyConnected)
            sums.full = sums.full.adding(counts.fullyConnected)
            rows.append([
                layer.path.isEmpty ? "-" : layer.path,
                layer.outputShape.map(String.init).joined(separator: "x"),
                layer.window.map { Self.pair($0.kernel) } ?? "", counts.fullyConnected.grouped,
                counts.locallyConnected.grouped, counts.shared.grouped,
            ])
        }
        if rows.count > 1 {
            rows.append(["all", "", "", sums.full.grouped, sums.local.grouped, sums.shared.grouped])
        }
        return TextTable(
            headings: ["layer", "output", "kernel", "fully connected", "locally connected", "shared"],
            rows: rows,
            wordColumns: 2)
    }

    private static let connectivityNotes = [
        "without biases, for C maps of H x W before and K maps of H' x W' after, in G groups:",
        "fully connected: C H W * K H' W'", "locally connected: kH kW C/G * K H' W'", "shared: kH kW C/G * K",
    ]

    static func pair(_ sides: [Int]) -> String {
        sides[0] == sides[1] ? "\(sides[0])" : "\(sides[0])x\(sides[1])"
    }

    private static func padding(_ sides: [Int]) -> String {
        sides[0] == sides[2] && sides[1] == sides[3]
            ? pair(sides) : sides.map(String.init).joined(separator: ",")
    }

    private static func center(_ place: [Double]) -> String {
        func text(_ number: Double) -> String {
            number == number.rounded() ? String(Int(number)) : String(number)
        }
        return place[0] == place[1] ? text(place[0]) : "\(text(place[0])),\(text(place[1]))"
    }
}
