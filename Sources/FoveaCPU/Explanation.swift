import FoveaGraph

/// The table of a plan's steps.
struct Explanation {
    var preparation: [Runner]
    var runners: [Runner]
    var memory: MemoryUse

    var text: String {
        let isTimed = runners.contains { $0.runCount > 0 }
        var rows = [["step", "operation", "layer", "implementation", "layouts", "MB", "MFLOP"]]
        if isTimed { rows[0] += ["ms", "%", "GB/s", "GFLOP/s", "ms alone"] }
        let totalTime = runners.reduce(0.0) { $0 + $1.milliseconds }
        for (number, runner) in (preparation + runners).enumerated() {
            let isOnce = number < preparation.count
            var row = [
                isOnce ? "once" : "\(number - preparation.count)", runner.step.name, runner.step.path,
                runner.step.implementation, runner.step.layouts, Self.decimal(Double(runner.byteCount) / 1e6),
                Self.decimal(Double(runner.step.flops) / 1e6),
            ]
            if isTimed {
                let profile = runner.profile
                let time = runner.milliseconds
                row += [
                    Self.decimal(time, digits: 3), Self.decimal(100 * time / max(totalTime, 1e-9)),
                    profile.bytesPerSecond.map { Self.decimal($0 / 1e9) } ?? "",
                    profile.flopsPerSecond.map { Self.decimal($0 / 1e9) } ?? "",
                    profile.secondsAlone.map { Self.decimal($0 * 1e3, digits: 3) } ?? "",
                ]
            }
            rows.append(row)
        }
        func count(_ name: String) -> Int { runners.count { $0.step.name == name } }
        let (conversions, packed) = (count("convert"), count("pack"))
        let changes =
            conversions + packed == 0 ? "" : ", \(conversions) conversions, \(packed) weights packed"
        let recomputed = runners.count { $0.step.name.hasPrefix(Step.recomputed) }
        let again = recomputed == 0 ? "" : ", \(recomputed) recomputed"
        let chains = BlockChain.chains(of: runners.map(\.step)).map { chain in
            "\(chain.lowerBound) to \(chain.upperBound - 1) on each of \(runners[chain.lowerBound].step.blocks)"
        }
        var lines = Self.align(rows)
        lines.append(
            "\(runners.count) steps (\(count("reorder")) reorders\(changes)\(again)), \(preparation.count) once; memory: activations "
                + "\(Self.decimal(Double(memory.activations) / 1e6)) MB, variables "
                + "\(Self.decimal(Double(memory.variables) / 1e6)) MB, scratch "
                + "\(Self.decimal(Double(memory.scratch) / 1e6)) MB"
                + (isTimed ? "; sum of steps \(Self.decimal(totalTime, digits: 3)) ms" : ""))
        if !chains.isEmpty {
            lines.append("by blocks of the batch: steps \(chains.joined(separator: ", "))")
        }
        let groups = StepGroup.groups(of: runners.map(\.step)).map {
            "\($0.lowerBound) to \($0.upperBound - 1)"
        }
        if !groups.isEmpty { lines.append("at the same time: steps \(groups.joined(separator: ", "))") }
        if isTimed {
            lines.append(
                "MB and GB/s count each argument of a step once, whether read, written or both, and no scratch memory"
            )
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func align(_ rows: [[String]]) -> [String] {
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max()! }
        return rows.map { row in
            var line = ""
            for (column, cell) in row.enumerated() {
                let padding = String(repeating: " ", count: widths[column] - cell.count)
                // Text to the left, numbers to the right.
                line += column >= 1 && column <= 4 ? cell + padding : padding + cell
                if column < row.count - 1 { line += "  " }
            }
            return line
        }
    }

    private static func decimal(_ value: Double, digits: Int = 1) -> String {
        let scale = digits == 3 ? 1000.0 : 10.0
        let scaled = Int((value * scale).rounded())
        let fraction = String(scaled % Int(scale))
        return "\(scaled / Int(scale))." + String(repeating: "0", count: digits - fraction.count) + fraction
    }
}

extension Runner {
    /// The mean time of a run.
    var milliseconds: Double { (profile.seconds ?? 0) * 1e3 }
}
