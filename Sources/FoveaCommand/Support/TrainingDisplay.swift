import Foundation
import Fovea

/// Shows the course of a training on standard error: a bar on a terminal, a line for each epoch elsewhere.
final class TrainingDisplay {
    private let isTerminal = StandardError.isTerminal
    private let clock = ContinuousClock()
    private var start: TrainingStart?
    private var lastDrawn: ContinuousClock.Instant?
    private var isBarShown = false

    func show(_ event: TrainingEvent) {
        switch event {
        case .started(let start):
            self.start = start
            var text =
                "\(Format.grouped(start.parameters)) parameters, "
                + (start.frozenParameters > 0
                    ? "\(Format.grouped(start.frozenParameters)) of them frozen, " : "")
                + "\(Format.grouped(start.samples)) training and "
                + "\(Format.grouped(start.validationSamples)) validation samples, "
                + "\(start.epochs) epochs, \(Format.grouped(start.steps)) steps of \(start.batchSize)"
            if start.stepsMade > 0 { text += ", going on after step \(Format.grouped(start.stepsMade))" }
            line(text)
        case .step(let record): drawBar(record)
        case .epoch(let record): line(text(record))
        case .checkpoint: break
        case .ended(let outcome):
            if case .stoppedEarly = outcome {
                line("stopped early: no epoch was better for as long as the patience allows")
            }
        }
    }

    /// Removes the bar, before something else is written.
    func clear() {
        if isBarShown { StandardError.write("\r\u{1B}[K") }
        isBarShown = false
    }

    private func line(_ text: String) {
        clear()
        StandardError.write(text + "\n")
    }

    private func text(_ record: EpochRecord) -> String {
        let width = String(start?.epochs ?? 0).count
        let number = String(record.epoch)
        var parts = [
            "epoch " + String(repeating: " ", count: max(0, width - number.count))
                + "\(number)/\(start?.epochs ?? 0)",
            "loss \(Format.fixed(record.loss))",
        ]
        if let accuracy = record.accuracy { parts.append("accuracy \(Format.fixed(accuracy))") }
        if let validation = record.validation {
            if let loss = validation["loss"] { parts.append("validation loss \(Format.fixed(loss))") }
            if let accuracy = validation["accuracy"] { parts.append("accuracy \(Format.fixed(accuracy))") }
            if let error = validation["rootMeanSquaredError"] { parts.append("RMSE \(Format.fixed(error))") }
        }
        parts.append("\(Format.rate(record.samplesPerSecond)) samples/s")
        parts.append(Format.seconds(record.seconds))
        if record.isBest { parts.append("best") }
        return parts.joined(separator: "  ")
    }

    private func drawBar(_ record: StepRecord) {
        guard isTerminal, let start else { return }
        let now = clock.now
        // Ten times a second is as much as an eye follows.
        if let lastDrawn, now - lastDrawn < .milliseconds(100) { return }
        lastDrawn = now
        isBarShown = true

        let stepsPerEpoch = max(1, start.steps / max(1, start.epochs))
        let share = Double(record.step - (record.epoch - 1) * stepsPerEpoch) / Double(stepsPerEpoch)
        let left =
            Double(start.steps - record.step) * Double(start.batchSize) / max(record.samplesPerSecond, 1e-9)
        let head = "epoch \(record.epoch)/\(start.epochs) "
        var tail = " \(Int(100 * share)) %  loss \(Format.fixed(record.meanLoss))"
        if let accuracy = record.meanAccuracy { tail += "  accuracy \(Format.fixed(accuracy))" }
        tail += "  \(Format.rate(record.samplesPerSecond)) samples/s  \(Format.clock(left)) left"
        let room = min(40, Self.columns - head.count - tail.count - 3)
        var bar = ""
        if room >= 8 {
            let done = Int(Double(room) * min(max(share, 0), 1))
            bar = "[" + String(repeating: "#", count: done) + String(repeating: ".", count: room - done) + "]"
        }
        StandardError.write("\r\u{1B}[K" + String((head + bar + tail).prefix(max(Self.columns - 1, 20))))
    }

    /// The width of the terminal.
    private static var columns: Int {
        var size = winsize()
        guard ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
        return Int(size.ws_col)
    }
}
