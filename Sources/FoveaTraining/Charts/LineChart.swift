import Foundation

/// Lines over a common axis, as a picture in SVG that needs nothing else.
public struct LineChart: Hashable, Sendable {
    /// A line through points, in the order of `x`.
    public struct Series: Hashable, Sendable {
        /// What the line is called, at its end.
        public var name: String
        /// The points; those that are not finite are left out.
        public var points: [Point]
        /// Whether the line is broken into dashes.
        public var isDashed: Bool
        /// The number of the line's colour, so that two lines can share one.
        public var color: Int

        /// A line through `points`.
        public init(_ name: String, _ points: [Point], color: Int, isDashed: Bool = false) {
            self.name = name
            self.points = points
            self.color = color
            self.isDashed = isDashed
        }
    }

    /// A place in the plane of the data.
    public struct Point: Hashable, Sendable {
        /// The place along the axis that all lines share.
        public var x: Double
        /// The value there.
        public var y: Double

        /// The place `(x, y)`.
        public init(_ x: Double, _ y: Double) {
            self.x = x
            self.y = y
        }
    }

    /// The heading.
    public var title: String
    /// What `x` is, with its unit.
    public var xLabel: String
    /// What `y` is, with its unit.
    public var yLabel: String
    /// The lines.
    public var series: [Series]

    /// A chart of `series`.
    public init(title: String, xLabel: String, yLabel: String, series: [Series]) {
        self.title = title
        self.xLabel = xLabel
        self.yLabel = yLabel
        self.series = series
    }

    /// The charts side by side, as one SVG document.
    public static func svg(_ charts: [LineChart]) -> String {
        let width = Frame.width * charts.count
        var lines = [
            """
            <svg xmlns="http://www.w3.org/2000/svg" width="\(width)" height="\(Frame.height)" \
            viewBox="0 0 \(width) \(Frame.height)" font-family="sans-serif" font-size="13">
            """,
            "<rect width=\"\(width)\" height=\"\(Frame.height)\" fill=\"white\"/>",
        ]
        for (position, chart) in charts.enumerated() {
            lines.append("<g transform=\"translate(\(position * Frame.width) 0)\">")
            lines += chart.elements
            lines.append("</g>")
        }
        return (lines + ["</svg>"]).joined(separator: "\n") + "\n"
    }

    /// The chart as an SVG document.
    public var svg: String { Self.svg([self]) }

    private enum Frame {
        static let width = 560
        static let height = 400
        static let left = 64.0
        static let right = 440.0
        static let top = 44.0
        static let bottom = 344.0
    }

    // Okabe and Ito 2008, told apart with any kind of colour vision; without the yellow, too light on white.
    private static let colors = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000"]

    private var elements: [String] {
        let drawn = series.map { line in line.points.filter { $0.x.isFinite && $0.y.isFinite } }
        let x = Axis(drawn.joined().map(\.x), from: Frame.left, to: Frame.right, startsAtZero: true)
        let y = Axis(drawn.joined().map(\.y), from: Frame.bottom, to: Frame.top, startsAtZero: true)
        var lines = [
            "<text x=\"\(Frame.left)\" y=\"24\" font-size=\"16\" font-weight=\"bold\">\(Self.escaped(title))</text>"
        ]
        for tick in y.ticks {
            let place = Self.text(y.place(tick))
            lines.append(
                "<line x1=\"\(Frame.left)\" x2=\"\(Frame.right)\" y1=\"\(place)\" y2=\"\(place)\" stroke=\"#ddd\"/>"
            )
            lines.append(
                "<text x=\"\(Frame.left - 8)\" y=\"\(place)\" dy=\"4\" text-anchor=\"end\">\(y.label(tick))</text>"
            )
        }
        for tick in x.ticks {
            let place = Self.text(x.place(tick))
            lines.append(
                """
                <line x1="\(place)" x2="\(place)" y1="\(Frame.bottom)" y2="\(Frame.bottom + 5)" stroke="#444"/>
                """)
            lines.append(
                "<text x=\"\(place)\" y=\"\(Frame.bottom + 20)\" text-anchor=\"middle\">\(x.label(tick))</text>"
            )
        }
        lines.append(
            "<line x1=\"\(Frame.left)\" x2=\"\(Frame.right)\" y1=\"\(Frame.bottom)\" y2=\"\(Frame.bottom)\" stroke=\"#444\"/>"
        )
        let middle = (Frame.left + Frame.right) / 2
        lines.append(
            "<text x=\"\(middle)\" y=\"\(Frame.bottom + 42)\" text-anchor=\"middle\">\(Self.escaped(xLabel))</text>"
        )
        let height = (Frame.top + Frame.bottom) / 2
        lines.append(
            """
            <text x="18" y="\(height)" text-anchor="middle" transform="rotate(-90 18 \(height))">\(Self.escaped(yLabel))</text>
            """)
        for (line, points) in zip(series, drawn) where !points.isEmpty {
            let path = points.map { "\(Self.text(x.place($0.x))),\(Self.text(y.place($0.y)))" }
            let color = Self.colors[line.color % Self.colors.count]
            lines.append(
                """
                <polyline fill="none" stroke="\(color)" stroke-width="2"\
                \(line.isDashed ? " stroke-dasharray=\"6 4\"" : "") points="\(path.joined(separator: " "))"/>
                """)
            if points.count == 1 {
                lines.append(
                    "<circle cx=\"\(Self.text(x.place(points[0].x)))\" cy=\"\(Self.text(y.place(points[0].y)))\" r=\"3\" fill=\"\(color)\"/>"
                )
            }
        }
        return lines + names(drawn, y)
    }

    /// The names of the lines to the right of their ends, moved apart where they would cover each other.
    private func names(_ drawn: [[Point]], _ y: Axis) -> [String] {
        var labels = zip(series, drawn).compactMap { line, points in
            points.last.map { (line: line, place: y.place($0.y)) }
        }.sorted { $0.place < $1.place }
        let distance = 16.0
        for position in labels.indices.dropFirst() {
            labels[position].place = max(labels[position].place, labels[position - 1].place + distance)
        }
        // From below again, so that the last ones stay in the frame.
        var limit = Frame.bottom
        for position in labels.indices.reversed() {
            labels[position].place = min(labels[position].place, limit)
            limit = labels[position].place - distance
        }
        return labels.map { line, place in
            let color = Self.colors[line.color % Self.colors.count]
            return
                "<text x=\"\(Frame.right + 8)\" y=\"\(Self.text(place))\" dy=\"4\" fill=\"\(color)\">\(Self.escaped(line.name))</text>"
        }
    }

    private static func text(_ place: Double) -> String { String(format: "%.1f", place) }

    static func escaped(_ text: String) -> String {
        text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
    }
}

/// A linear map from numbers to places, with round numbers along it.
private struct Axis {
    let ticks: [Double]
    private let low: Double
    private let high: Double
    private let start: Double
    private let end: Double
    private let digits: Int

    init(_ values: [Double], from start: Double, to end: Double, startsAtZero: Bool) {
        let largest = values.max() ?? 1
        let smallest = startsAtZero ? min(0, values.min() ?? 0) : values.min() ?? 0
        let span = max(largest - smallest, .leastNormalMagnitude)
        // About five steps of 1, 2 or 5 times a power of ten.
        let rough = span.isFinite && span > 1e-300 ? span / 5 : 0.2
        let power = pow(10, floor(log10(rough)))
        let step = [1, 2, 5, 10].map { $0 * power }.first { $0 >= rough * 0.999_999 } ?? 10 * power
        low = floor(smallest / step) * step
        high = max(ceil(largest / step - 1e-9) * step, low + step)
        self.start = start
        self.end = end
        digits = max(0, Int(-floor(log10(step) + 1e-9)))
        let (low, count) = (low, Int(((high - low) / step).rounded()))
        ticks = (0...max(1, min(count, 20))).map { low + Double($0) * step }
    }

    func place(_ value: Double) -> Double { start + (value - low) / (high - low) * (end - start) }

    func label(_ tick: Double) -> String { String(format: "%.\(min(digits, 9))f", tick) }
}
