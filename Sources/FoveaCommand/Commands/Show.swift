import ArgumentParser
import Fovea

/// `fovea show`: pictures of what a network has learned and sees, as PNG files.
struct Show: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Draw filters, feature maps, receptive fields and class activations as PNG files.",
        subcommands: [Filters.self, Maps.self, Field.self, ActivationMap.self])

    /// `fovea show filters`.
    struct Filters: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Draw the kernels of a convolution, the first one unless told otherwise.",
            discussion: """
                Each kernel on a scale of its own, zero being the middle grey; kernels on three channels in colour, on other \
                numbers of channels a row for each kernel with a tile for each channel.
                """)

        @OptionGroup var model: ShownModel

        @Option(help: ArgumentHelp("The path of the convolution.", valueName: "path"))
        var layer: String?

        @OptionGroup var picture: PictureFile

        func run() throws {
            let model = try model.load()
            let shape = try parsing { try model.filters(ofLayer: layer) }.shape
            try picture.write(
                try model.filterSheet(ofLayer: layer), named: "filters.png",
                "\(shape[0]) kernels of \(shape[1])x\(shape[2])x\(shape[3])")
        }
    }

    /// `fovea show maps`.
    struct Maps: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Draw the feature maps that a layer gives for an image.",
            discussion:
                "Each map on a scale of its own, from its smallest number, dark, to its largest, bright.")

        @OptionGroup var model: ShownModel

        @Option(help: ArgumentHelp("The path of a layer, such as conv1, or of a block.", valueName: "path"))
        var layer: String

        @OptionGroup var sample: ShownSample

        @OptionGroup var picture: PictureFile

        func run() throws {
            let model = try model.load()
            let sample = try sample.read(for: model)
            let sheet = try parsing { try model.featureMapSheet(of: sample, layer: layer) }
            let shape = try model.featureMaps(of: sample, layer: layer).shape
            try picture.write(sheet, named: "maps.png", "\(shape[0]) maps of \(shape[1])x\(shape[2])")
        }
    }

    /// `fovea show field`.
    struct Field: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Draw what a unit of a feature map sees of the input.",
            discussion: """
                A rectangle on the input, through all branches of the network. What of it lies in the padding is dashed, the \
                padding hatched; what is not seen is dimmed.
                """)

        @OptionGroup var model: ShownModel

        @Option(help: ArgumentHelp("The path of a layer or block.", valueName: "path"))
        var layer: String

        @Option(
            help: ArgumentHelp(
                "The row and column of the unit; the middle one unless given.", valueName: "y,x"))
        var unit: UnitPlace?

        @OptionGroup var sample: ShownSample

        @OptionGroup var picture: PictureFile

        @Flag(help: "Print JSON.")
        var json = false

        func run() throws {
            let model = try model.load()
            let network = model.network
            let field = try parsing {
                guard let unit else {
                    let first = try network.receptiveField(ofLayer: layer, row: 0, column: 0)
                    return try network.receptiveField(
                        ofLayer: layer, row: first.mapExtents[0] / 2, column: first.mapExtents[1] / 2)
                }
                return try network.receptiveField(ofLayer: layer, row: unit.row, column: unit.column)
            }
            let image = try sample.isGiven ? Image(showing: sample.read(for: model)) : nil
            let drawn = try field.picture(on: image, padding: model.preprocessing?.padding ?? 0)
            let path = try picture.save(drawn, named: "field.png")
            if json { return try writeJSON(field) }
            try StandardOutput.write(
                "\(path): unit \(field.unit[0]),\(field.unit[1]) of \(field.mapExtents[0])x\(field.mapExtents[1]) in "
                    + "\(layer) sees \(text(field.rows, "rows", "above", "below")) and "
                    + "\(text(field.columns, "columns", "left of", "right of"))\n")
        }

        private func text(_ span: UnitField.Span, _ name: String, _ before: String, _ beyond: String)
            -> String
        {
            var parts: [String] = []
            if span.before > 0 { parts.append("\(span.before) \(before) it") }
            if span.beyond > 0 { parts.append("\(span.beyond) \(beyond) it") }
            return "\(name) \(span.first) to \(span.last) of the input's \(span.inputExtent)"
                + (parts.isEmpty ? "" : " (\(parts.joined(separator: ", ")))")
        }
    }

    /// `fovea show cam`.
    struct ActivationMap: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "cam",
            abstract: "Draw where an image has what speaks for a class (Grad-CAM).",
            discussion: """
                The maps of a layer, weighted by the mean derivative of the class's logit, negative numbers left out, over the \
                image: bright speaks for the class, dark does not.
                """)

        @OptionGroup var model: ShownModel

        @Option(
            name: .customLong("class"),
            help: ArgumentHelp(
                "The name or number of a class; the likeliest unless given.", valueName: "name"))
        var label: String?

        @Option(
            help: ArgumentHelp(
                "The path of a layer or block; the last one with maps, before pooling, unless given.",
                valueName: "path"))
        var layer: String?

        @OptionGroup var sample: ShownSample

        @OptionGroup var picture: PictureFile

        func run() throws {
            let model = try model.load()
            let sample = try sample.read(for: model)
            let index = try label.map { try number(of: $0, in: model) }
            let activation = try parsing { try model.classActivation(of: sample, class: index, layer: layer) }
            let class_ = activation.prediction
            try picture.write(
                try activation.picture(over: try Image(showing: sample)), named: "cam.png",
                "\(class_.label) (\(Format.percent(Double(class_.probability)))) by \(activation.layer)")
        }

        private func number(of label: String, in model: Model) throws -> Int {
            if let index = model.labels.firstIndex(of: label) { return index }
            if let index = Int(label), (0..<model.network.task.width).contains(index) { return index }
            let close = Spelling.closest(to: label, in: model.labels)
            throw Failure(
                .usage,
                "there is no class '\(label)'; "
                    + (!close.isEmpty
                        ? "did you mean \(close.joined(separator: " or "))?"
                        : model.labels.isEmpty
                            ? "the classes are 0 to \(model.network.task.width - 1)"
                            : "the classes are \(model.labels.prefix(12).joined(separator: ", "))"))
        }
    }
}

/// A model to make pictures of.
struct ShownModel: ParsableArguments {
    @Argument(help: ArgumentHelp("A model file, a name, or an architecture in notation.", valueName: "model"))
    var model: String

    @Option(
        help: ArgumentHelp(
            "Weights (.safetensors) for a name or notation; initial ones unless given.", valueName: "file"))
    var weights: String?

    @Option(help: ArgumentHelp("The shape of a sample, where the model does not say it.", valueName: "CxHxW"))
    var shape: InputShape?

    @Option(help: ArgumentHelp("The number of classes; the model's own unless given.", valueName: "count"))
    var classes: Int?

    @OptionGroup var threads: ThreadOptions

    func load() throws -> Model {
        let source = try parsing { try ModelSource(model) }
        if case .file(let path) = source, weights == nil {
            return try Model(contentsOf: path, backend: threads.backend)
        }
        let architecture = try parsing {
            try source.architecture(input: shape?.shape, task: classes.map { .classification(classes: $0) })
        }
        var result = try parsing { try Model(architecture, seed: 0, backend: threads.backend) }
        if let weights { try result.loadWeights(from: weights) }
        return result
    }
}

/// A sample to make pictures with.
struct ShownSample: ParsableArguments {
    @Option(help: ArgumentHelp("A PNG, JPEG or .npy file with one sample.", valueName: "file"))
    var input: String?

    @Option(
        help: ArgumentHelp(
            "Take the sample from the test part of a data set, or else its first part.", valueName: "data"))
    var data: String?

    @Option(help: ArgumentHelp("The number of the sample in the data set, from 0.", valueName: "number"))
    var sample = 0

    var isGiven: Bool { input != nil || data != nil }

    func validate() throws {
        guard input == nil || data == nil else {
            throw ValidationError("--input and --data exclude each other")
        }
    }

    /// The sample, `[C, H, W]` or `[F]`, as it is before preprocessing.
    func read(for model: Model) throws -> Tensor {
        let samples: Tensor
        if let input {
            samples = try SampleFile.read(input, for: model)
            guard samples.shape[0] == 1 else {
                throw Failure(.badData, "\(input): \(samples.shape[0]) samples; expected one")
            }
        } else if let data {
            let parts = try DataSource(data, imageShape: model.sampleShape).load()
            let part = parts.test ?? parts.train
            guard (0..<part.count).contains(sample) else {
                throw Failure(
                    .usage, "\(part.name) has no sample \(sample); the numbers are 0 to \(part.count - 1)")
            }
            samples = try part.subset(at: [sample]).samples
        } else {
            throw Failure(
                .usage,
                "a picture of what a layer gives needs a sample; give --input FILE, or --data and --sample")
        }
        return samples.reshaped(to: Shape(Array(samples.shape.dimensions.dropFirst())))
    }
}

/// Where a picture goes.
struct PictureFile: ParsableArguments {
    @Option(
        help: ArgumentHelp("The PNG file to write; named after the picture unless given.", valueName: "file"))
    var output: String?

    /// Writes `image` and says where it is and what it shows.
    func write(_ image: Image, named name: String, _ text: String) throws {
        try StandardOutput.write("\(try save(image, named: name)): \(text)\n")
    }

    /// Writes `image` and gives the path.
    func save(_ image: Image, named name: String) throws -> String {
        let path = output ?? name
        try AtomicFile.write(try PNG.data(for: image), to: path)
        return path
    }
}

/// The place of a unit as an argument writes it: `3,4`.
struct UnitPlace: ExpressibleByArgument {
    var row: Int
    var column: Int

    init?(argument: String) {
        let numbers = argument.split(separator: ",", omittingEmptySubsequences: false).map { Int($0) }
        guard numbers.count == 2, let row = numbers[0], let column = numbers[1] else { return nil }
        (self.row, self.column) = (row, column)
    }
}
