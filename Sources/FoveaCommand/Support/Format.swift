import Foundation

/// Numbers for people.
enum Format {
    /// `1.234 ms`.
    static func seconds(_ seconds: Double) -> String {
        switch seconds {
        case ..<1e-3: String(format: "%.1f µs", seconds * 1e6)
        case ..<1: String(format: "%.2f ms", seconds * 1e3)
        default: String(format: "%.3f s", seconds)
        }
    }

    /// `12,345` or `12.3`.
    static func rate(_ rate: Double) -> String {
        rate < 1000 ? String(format: "%.1f", rate) : grouped(Int(rate.rounded()))
    }

    /// `12.3 MB`.
    static func bytes(_ count: Int) -> String {
        switch Double(count) {
        case let count where count < 1e6: String(format: "%.1f kB", count / 1e3)
        case let count where count < 1e9: String(format: "%.1f MB", count / 1e6)
        case let count: String(format: "%.2f GB", count / 1e9)
        }
    }

    /// `0.9072`.
    static func fixed(_ number: Double) -> String { String(format: "%.4f", number) }

    /// `97.3 %`.
    static func percent(_ share: Double) -> String { String(format: "%.1f %%", 100 * share) }

    /// Five digits and no more than needed.
    static func short(_ number: Double) -> String { String(format: "%.5g", number) }

    /// `1:23` or `1:02:03`.
    static func clock(_ seconds: Double) -> String {
        let seconds = Int(max(0, min(seconds, 1e7)).rounded(.up))
        let (minutes, hours) = (seconds / 60 % 60, seconds / 3600)
        return hours > 0
            ? String(format: "%d:%02d:%02d", hours, minutes, seconds % 60)
            : String(format: "%d:%02d", minutes, seconds % 60)
    }

    /// Aligned columns under their headings, those at `numbers` to the right.
    static func table(_ headings: [String], _ rows: [[String]], numbers: Set<Int>) -> String {
        let all = [headings] + rows
        let widths = headings.indices.map { column in all.map { $0[column].count }.max() ?? 0 }
        return all.map { row in
            var line = row.enumerated().map { column, cell in
                let blanks = String(repeating: " ", count: widths[column] - cell.count)
                return numbers.contains(column) ? blanks + cell : cell + blanks
            }.joined(separator: "  ")
            while line.last == " " { line.removeLast() }
            return line + "\n"
        }.joined()
    }

    /// `1,234,567`.
    static func grouped(_ number: Int) -> String {
        var groups: [Substring] = []
        var digits = Substring(String(number.magnitude))
        while digits.count > 3 {
            groups.insert(digits.suffix(3), at: 0)
            digits = digits.dropLast(3)
        }
        return (number < 0 ? "-" : "") + ([digits] + groups).joined(separator: ",")
    }
}
