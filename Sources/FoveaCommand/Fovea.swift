import ArgumentParser

@main
struct FoveaCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "fovea")
}
