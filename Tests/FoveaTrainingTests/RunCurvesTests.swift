import Foundation
import FoveaFormats
import FoveaTensor
import Testing

import FoveaTraining

#if canImport(FoundationXML)
    import FoundationXML
#endif

@Suite struct RunCurvesTests {
    /// A run on disk, and what it was.
    static func run(_ folder: String, _ name: String, epochs: Int) throws -> (RunDirectory, TrainingHistory) {
        var configuration = TrainingConfiguration()
        configuration.epochs = epochs
        configuration.batchSize = 8
        var model = try Model(Networks.perceptron(), seed: 1, backend: TestBackend.cpu.make())
        let directory = RunDirectory(folder + "/" + name)
        let history = try Trainer(configuration, runDirectory: directory)
            .fit(&model, on: Samples.blobs(40), validation: .fraction(0.25))
        return (directory, history)
    }

    @Test func readsWhatTheRunWrote() throws {
        try withTemporaryFolder { folder in
            let (directory, history) = try Self.run(folder, "one", epochs: 3)
            let curves = try RunCurves(directory)
            #expect(curves.name == "one")
            #expect(curves.epochs == history.epochs)
            #expect(curves.start.samples == 30)
            // A line that a killed run had not finished is left out; one that is no event is an error.
            var text = try String(contentsOfFile: directory.metricsPath, encoding: .utf8)
            text += "{\"event\":\"epo"
            try AtomicFile.write(text, to: directory.metricsPath)
            #expect(try RunCurves(directory).epochs == history.epochs)
            try AtomicFile.write(text + "\n", to: directory.metricsPath)
            let error = #expect(throws: FormatError.self) { try RunCurves(directory) }
            let line = text.split(separator: "\n").count
            #expect(error?.description.contains("line \(line)") == true)
        }
    }

    @Test func refusesWhatIsNoRun() throws {
        try withTemporaryFolder { folder in
            #expect(throws: FormatError.self) { try RunCurves(RunDirectory(folder + "/none")) }
            try AtomicFile.write("", to: folder + "/metrics.jsonl")
            #expect(throws: TrainingError.self) { try RunCurves(RunDirectory(folder)) }
        }
    }

    @Test(arguments: RunComparison.Abscissa.allCases, RunComparison.Ordinate.allCases)
    func drawsAndTabulates(abscissa: RunComparison.Abscissa, ordinate: RunComparison.Ordinate) throws {
        try withTemporaryFolder { folder in
            let (one, history) = try Self.run(folder, "one", epochs: 3)
            let (two, _) = try Self.run(folder, "a<b & c|d", epochs: 1)
            let comparison = RunComparison(
                try [one, two].map { try RunCurves($0) }, abscissa: abscissa, ordinate: ordinate)
            let parser = XMLParser(data: Data(comparison.svg.utf8))
            #expect(parser.parse())
            #expect(comparison.svg.split(separator: "<polyline").count == 5)
            #expect(comparison.svg.contains("a&lt;b &amp; c|d"))
            let last = try #require(history.epochs.last)
            let accuracy = try #require(last.accuracy)
            let value =
                ordinate == .error
                ? String(format: "%.2f", 100 * (1 - accuracy)) : String(format: "%.4f", last.loss)
            #expect(comparison.markdown.contains("| one | 67 | 3 | \(value) |"))
            #expect(comparison.markdown.contains("a<b & c\\|d"))
        }
    }
}
