import ArgumentParser
import Fovea

/// The shape of a sample as an argument writes it: `3x224x224`, or `13` for a vector.
struct InputShape: ExpressibleByArgument, CustomStringConvertible {
    let shape: Shape

    init?(argument: String) {
        let extents = argument.lowercased().split(separator: "x", omittingEmptySubsequences: false).map {
            Int($0)
        }
        guard [1, 3].contains(extents.count), extents.allSatisfy({ $0.map { 1...1_000_000 ~= $0 } ?? false })
        else {
            return nil
        }
        shape = Shape(extents.map { $0! })
    }

    var description: String { shape.dimensions.map(String.init).joined(separator: "x") }
}

/// What computes.
enum BackendName: String, CaseIterable, ExpressibleByArgument {
    case cpu, reference

    /// Convolutions are computed by their definition unless asked otherwise: who compares numbers wants the fewest roundings.
    func make(_ computing: ComputingOptions) -> any Backend {
        switch self {
        case .cpu:
            CPUBackend(
                threads: computing.threads.threads, precision: computing.precision,
                convolutionAlgorithm: computing.convolution ?? .direct)
        case .reference: ReferenceBackend()
        }
    }
}

extension CPUBackend.Precision: ExpressibleByArgument {
    /// The help of `--precision`.
    static let help: ArgumentHelp = """
        The arithmetic: f32, or bf16 for activations and weights in products, which needs a processor with AVX-512 BF16 or \
        AMX BF16.
        """

    /// Throws where this processor cannot compute so.
    func validate() throws {
        do {
            try CPUBackend.check(self)
        } catch {
            throw ValidationError("--precision: \(error.message)")
        }
    }
}

extension CPUBackend.ConvolutionAlgorithm: ExpressibleByArgument {
    static let help: ArgumentHelp = """
        How 3x3, 5x5, 1x7 and 1x3 convolutions are computed: direct, by their definition, or winograd, with a quarter to \
        57 % of the multiplications and more rounding. The faster for each unless given; direct for forward and gradients.
        """
}

extension CPUBackend {
    /// The help of `--recompute`.
    static let recomputationHelp: ArgumentHelp = """
        Save memory in training: compute cheap activations, such as batch normalizations with their ReLU, once more for the \
        gradients instead of keeping them. It changes no number.
        """
}

/// The number of threads.
struct ThreadOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The number of threads; one for each core unless given.", valueName: "count"))
    var threads: Int?

    func validate() throws {
        if let threads, !(1...1024).contains(threads) {
            throw ValidationError("--threads is \(threads); it is in 1 ... 1024")
        }
    }

    var backend: any Backend { CPUBackend(threads: threads) }
}

/// The number of threads and the arithmetic.
struct ComputingOptions: ParsableArguments {
    @OptionGroup var threads: ThreadOptions

    @Option(help: CPUBackend.Precision.help)
    var precision: CPUBackend.Precision = .float32

    @Option(help: CPUBackend.ConvolutionAlgorithm.help)
    var convolution: CPUBackend.ConvolutionAlgorithm?

    func validate() throws { try precision.validate() }

    var backend: any Backend { makeBackend() }

    func makeBackend(recomputes: Bool = false) -> CPUBackend {
        CPUBackend(
            threads: threads.threads, precision: precision, convolutionAlgorithm: convolution,
            recomputesActivations: recomputes)
    }
}

/// A model with the shape of its sample and its number of classes.
struct ArchitectureOptions: ParsableArguments {
    @Argument(help: ArgumentHelp("A name, an architecture in notation, or a model file.", valueName: "model"))
    var model: String

    @Option(help: ArgumentHelp("The shape of a sample; the model's own unless given.", valueName: "CxHxW"))
    var input: InputShape?

    @Option(help: ArgumentHelp("The number of classes; the model's own unless given.", valueName: "count"))
    var classes: Int?

    func network() throws -> Network {
        try parsing {
            try ModelSource(model).architecture(
                input: input?.shape, task: classes.map { .classification(classes: $0) }
            )
            .network()
        }
    }
}
