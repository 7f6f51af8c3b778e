import ArgumentParser
import Fovea

/// `fovea predict`: what a trained model says of new samples.
struct Predict: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Predict the classes of images, or of samples in .npy files.",
        discussion: """
            A PNG or JPEG image is made grey or colour as the model wants it, scaled to the model's input, and prepared as \
            the model file says. A .npy file holds one sample or several, as they are before that preparation.
            """)

    @Option(help: ArgumentHelp("The model file.", valueName: "file"))
    var model: String

    @Argument(help: ArgumentHelp("PNG, JPEG or .npy files.", valueName: "input"))
    var inputs: [String]

    @Option(help: ArgumentHelp("How many of the likeliest classes to print.", valueName: "count"))
    var top = 1

    @OptionGroup var computing: ComputingOptions

    @Flag(help: "Print JSON.")
    var json = false

    func validate() throws {
        guard top >= 1 else { throw ValidationError("--top is \(top); it is 1 or more") }
    }

    func run() throws {
        var model = try Model(contentsOf: model)
        model.backend = try backend(for: model.network)
        // Read all inputs before anything is printed: a failed command leaves no half of a result.
        var predictions: [Entry] = []
        for input in inputs {
            let samples = try SampleFile.read(input, for: model)
            let isOne = samples.shape[0] == 1
            if case .classification = model.network.task {
                for (index, classes) in try model.classify(samples, top: top).enumerated() {
                    for (rank, prediction) in classes.enumerated() {
                        predictions.append(
                            Entry(
                                input: input, sample: isOne ? nil : index, rank: rank + 1,
                                label: prediction.label,
                                index: prediction.index, probability: prediction.probability))
                    }
                }
            } else {
                let width = model.network.task.width
                let values = try model.predict(samples).scalars(as: Float.self)
                for index in 0..<samples.shape[0] {
                    predictions.append(
                        Entry(
                            input: input, sample: isOne ? nil : index, rank: 1,
                            values: Array(values[index * width..<(index + 1) * width])))
                }
            }
        }
        if json {
            try writeJSON(Report(predictions: predictions))
        } else {
            try StandardOutput.write(text(predictions))
        }
    }

    /// Starting and joining threads takes longer than all the arithmetic of a small network.
    private func backend(for network: Network) throws -> CPUBackend {
        let isSmall = try Summary(of: network).macs < 20_000_000
        return CPUBackend(
            threads: computing.threads.threads ?? (isSmall ? 1 : nil), precision: computing.precision,
            convolutionAlgorithm: computing.convolution)
    }

    private func text(_ predictions: [Entry]) -> String {
        var text = ""
        for entry in predictions {
            let name = entry.sample.map { "\(entry.input)[\($0)]" } ?? entry.input
            if entry.rank == 1 { text += (text.isEmpty ? "" : "\n") + name + ":" } else { text += "," }
            if let label = entry.label, let probability = entry.probability {
                text += " \(label) \(Format.percent(Double(probability)))"
            } else if let values = entry.values {
                text += " " + values.map { "\($0)" }.joined(separator: " ")
            }
        }
        return text + "\n"
    }

    private struct Report: Encodable {
        var predictions: [Entry]
    }

    /// One class, or the numbers of a regression, for one sample.
    private struct Entry: Encodable {
        var input: String
        var sample: Int?
        var rank: Int
        var label: String?
        var index: Int?
        var probability: Float?
        var values: [Float]?
    }
}
