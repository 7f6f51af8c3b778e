import ArgumentParser
import Foundation

/// The command `fovea`.
@main
struct FoveaCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fovea",
        abstract: "Deep learning: train, evaluate and use neural networks.",
        discussion: """
            MODEL is a name (`fovea models` lists them), an architecture in notation such as \
            "[conv 32 k3 - relu - maxpool 2] x 2 - fc 10", or a model file (.safetensors).
            DATA is a built-in name (fashion-mnist), a directory of IDX or .npy files, or one with a folder of images for \
            each class.

            Results go to standard output, everything else to standard error. Exit status: 0 done, 64 wrong usage, \
            65 bad data, 66 missing input, 70 internal error, 73 cannot write, 74 input or output failed, 130 or 143 \
            stopped by a signal.
            """,
        version: "0.1.0",
        subcommands: [
            Models.self, SummaryCommand.self, Train.self, Evaluate.self, Predict.self, Forward.self,
            Gradients.self,
            Bench.self, DataCommand.self, Show.self, Curves.self,
        ])

    static func main() {
        #if os(Linux)
            ThreadWaiting.limitSpinning()
        #endif
        do {
            var command = try parseAsRoot()
            try command.run()
        } catch {
            Foundation.exit(Failure.report(error))
        }
    }
}
