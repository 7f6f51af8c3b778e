import ArgumentParser
import Fovea

/// A model with given weights, for `forward` and `gradients`.
struct WeightedModelOptions: ParsableArguments {
    @Option(help: ArgumentHelp("A name, an architecture in notation, or a model file.", valueName: "model"))
    var model: String

    @Option(
        help: ArgumentHelp(
            "The weights (.safetensors), each under its key; every key must fit.", valueName: "file"))
    var weights: String?

    @Option(help: ArgumentHelp("The number of classes; the model's own unless given.", valueName: "count"))
    var classes: Int?

    @Option(help: ArgumentHelp("The seed of the initial weights where none are given.", valueName: "number"))
    var seed: UInt64 = 0

    @Option(help: "What computes.")
    var backend: BackendName = .cpu

    @OptionGroup var computing: ComputingOptions

    func validate() throws {
        guard backend == .cpu || computing.precision == .float32 else {
            throw ValidationError("--backend reference computes in f32; leave --precision out")
        }
        guard backend == .cpu || computing.convolution == nil else {
            throw ValidationError(
                "--backend reference computes convolutions by their definition; leave --convolution out")
        }
    }

    /// The model for a batch like `samples`.
    func load(for samples: Tensor) throws -> Model {
        let source = try parsing { try ModelSource(self.model) }
        let computer = backend.make(computing)
        if case .file(let path) = source, weights == nil {
            return try Model(contentsOf: path, backend: computer)
        }
        guard [2, 4].contains(samples.shape.rank) else {
            throw Failure(.badData, "the input is \(samples.shape); expected [N, C, H, W] or [N, F]")
        }
        let shape = Shape(Array(samples.shape.dimensions.dropFirst()))
        let architecture = try parsing {
            try source.architecture(input: shape, task: classes.map { .classification(classes: $0) })
        }
        // The shape is the input's, so that what does not fit it is bad data.
        var result = try Model(architecture, seed: seed, backend: computer)
        if let weights { try result.loadWeights(from: weights) }
        return result
    }
}

/// `fovea forward`: the outputs of a model for a batch.
struct Forward: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run a model in prediction on a batch: .npy in, logits in .npy out.",
        discussion: """
            Input [N, C, H, W] or [N, F]; output [N, classes], float32, before the softmax. No preprocessing is applied.
            """)

    @OptionGroup var model: WeightedModelOptions

    @Option(help: ArgumentHelp("The samples.", valueName: "X.npy"))
    var input: String

    @Option(help: ArgumentHelp("Where the outputs go.", valueName: "Y.npy"))
    var output: String

    func run() throws {
        let samples = try NPY.read(contentsOf: input)
        let result = try model.load(for: samples).forward(samples)
        try NPY.write(result, to: output)
    }
}
