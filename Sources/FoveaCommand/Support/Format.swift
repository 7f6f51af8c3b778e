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
