import Foundation
import FoveaFormats

/// The course of a run, as its log tells it.
public struct RunCurves: Sendable {
    /// What the run is called: the last part of its folder's path.
    public var name: String
    /// The extent of the run.
    public var start: TrainingStart
    /// The epochs.
    public var epochs: [EpochRecord]

    /// The course of the run in `directory`; a last line that was cut off in writing is left out.
    ///
    /// - Throws: `FormatError` where there is no log or a line is none of a log, `TrainingError` where no epoch is over.
    public init(_ directory: RunDirectory) throws {
        let path = directory.metricsPath
        let text = String(decoding: try FileContents.read(path, limit: 1 << 30), as: UTF8.self)
        var start: TrainingStart?
        epochs = []
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        for (number, line) in lines.dropLast().enumerated() {
            do {
                switch try JSON.value(Event.self, from: String(line)).event {
                case "start" where start == nil: start = try JSON.value(from: String(line))
                case "epoch": epochs.append(try JSON.value(from: String(line)))
                default: break
                }
            } catch {
                throw FormatError(
                    .badData, source: path, received: "line \(number + 1) is no event of a run",
                    remedy: "give the folder of a run, as fovea train leaves it")
            }
        }
        guard let start, !epochs.isEmpty else {
            throw TrainingError(.data, "\(path): no epoch of the run is over yet")
        }
        self.start = start
        name =
            (directory.path as NSString).standardizingPath.split(separator: "/").last.map(String.init)
            ?? "run"
    }

    private struct Event: Decodable {
        var event: String
    }
}

/// Several runs side by side: their curves in one picture and their ends in one table.
public struct RunComparison: Sendable {
    /// What the curves run along.
    public enum Abscissa: String, CaseIterable, Sendable {
        case epochs, steps, seconds
    }

    /// What the curves show.
    public enum Ordinate: String, CaseIterable, Sendable {
        /// The share of samples whose class was not predicted.
        case error
        /// The mean loss without penalties.
        case loss
    }

    /// The runs, in the order in which they are shown.
    public var runs: [RunCurves]
    /// What the curves run along.
    public var abscissa: Abscissa
    /// What the curves show.
    public var ordinate: Ordinate

    /// A comparison of `runs`; of losses where one of them is a regression.
    public init(_ runs: [RunCurves], abscissa: Abscissa = .epochs, ordinate: Ordinate? = nil) {
        self.runs = runs
        self.abscissa = abscissa
        let isRegression = runs.contains { $0.epochs.contains { $0.accuracy == nil } }
        self.ordinate = ordinate ?? (isRegression ? .loss : .error)
    }

    /// The curves of training and, where there are any, of validation side by side, as an SVG document.
    public var svg: String {
        let charts = [chart("Training \(ordinate.rawValue)") { value($0) }]
        let hasValidation = runs.contains { $0.epochs.contains { $0.validation != nil } }
        return LineChart.svg(
            charts + (hasValidation ? [chart("Validation \(ordinate.rawValue)") { validationValue($0) }] : [])
        )
    }

    private func chart(_ title: String, _ value: (EpochRecord) -> Double?) -> LineChart {
        let series = runs.enumerated().map { number, run in
            var seconds = 0.0
            let points = run.epochs.compactMap { epoch in
                seconds += epoch.seconds
                let x: Double =
                    switch abscissa {
                    case .epochs: Double(epoch.epoch)
                    case .steps: Double(epoch.step)
                    case .seconds: seconds
                    }
                return value(epoch).map { LineChart.Point(x, $0) }
            }
            return LineChart.Series(run.name, points, color: number)
        }
        return LineChart(
            title: title, xLabel: abscissa == .seconds ? "seconds of training" : abscissa.rawValue,
            yLabel: ordinate == .error ? "error, %" : "loss", series: series)
    }

    /// The training value of an epoch, errors in percent.
    private func value(_ epoch: EpochRecord) -> Double? {
        ordinate == .loss ? epoch.loss : epoch.accuracy.map { 100 * (1 - $0) }
    }

    private func validationValue(_ epoch: EpochRecord) -> Double? {
        ordinate == .loss
            ? epoch.validation?["loss"] : epoch.validation?["accuracy"].map { 100 * (1 - $0) }
    }

    /// The end of each run, and how it was on the validation set at its best, as a Markdown table.
    public var markdown: String {
        let unit = ordinate == .error ? " error, %" : " loss"
        var lines = [
            "| run | parameters | epochs | training\(unit) | validation\(unit), last | best | seconds |",
            "|---|---:|---:|---:|---:|---:|---:|",
        ]
        func text(_ value: Double?) -> String {
            value.map { String(format: ordinate == .error ? "%.2f" : "%.4f", $0) } ?? ""
        }
        for run in runs {
            let last = run.epochs[run.epochs.count - 1]
            let cells = [
                run.name.replacing("|", with: "\\|"), String(run.start.parameters), String(last.epoch),
                text(value(last)), text(validationValue(last)),
                text(run.epochs.compactMap(validationValue).min()),
                String(format: "%.0f", run.epochs.map(\.seconds).reduce(0, +)),
            ]
            lines.append("| " + cells.joined(separator: " | ") + " |")
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// The table with the picture of the given name, as a page in Markdown.
    public func report(title: String, picture: String) -> String {
        """
        # \(title)

        ![Training and validation curves](\(picture))

        \(markdown)
        Training values are means over the last epoch, each step's before its update and on the images as they were \
        changed by the augmentation, if there was one.

        """
    }
}

extension RunComparison {
    /// Leaves `curves.svg` and `report.md` in `directory`, which is made where it is missing.
    ///
    /// - Throws: `FormatError` where they cannot be written.
    public func write(to directory: String, title: String) throws {
        do {
            try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        } catch {
            throw FormatError(
                .cannotWrite, source: directory,
                received: "the folder cannot be made: \(error.localizedDescription)",
                remedy: "choose a place that may be written")
        }
        try AtomicFile.write(svg, to: directory + "/curves.svg")
        try AtomicFile.write(report(title: title, picture: "curves.svg"), to: directory + "/report.md")
    }
}
