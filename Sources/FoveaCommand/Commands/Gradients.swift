import ArgumentParser
import Fovea

/// `fovea gradients`: the loss of a batch and its gradients.
struct Gradients: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Compute the loss of a batch and the gradient of each parameter; prints the loss.",
        discussion: """
            The mean cross-entropy as a training step sees it: batch normalization uses the statistics of the batch, \
            dropout is off. Input [N, C, H, W] or [N, F]; labels [N], integers; each gradient is written under the key \
            of its parameter. No preprocessing is applied.
            """)

    @OptionGroup var model: WeightedModelOptions

    @Option(help: ArgumentHelp("The samples.", valueName: "X.npy"))
    var input: String

    @Option(help: ArgumentHelp("The classes.", valueName: "L.npy"))
    var labels: String

    @Option(help: ArgumentHelp("Where the gradients go.", valueName: "G.safetensors"))
    var output: String

    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
        let samples = try NPY.read(contentsOf: input)
        let labels = try NPY.read(contentsOf: labels)
        let result = try model.load(for: samples).gradients(of: samples, labels: labels)
        try SafeTensors.write(result.gradients, to: output)
        if json {
            try writeJSON(Report(loss: result.loss, parameters: result.gradients.count))
        } else {
            try StandardOutput.write("loss \(result.loss)\n")
        }
    }

    private struct Report: Encodable {
        var loss: Float
        var parameters: Int
    }
}
