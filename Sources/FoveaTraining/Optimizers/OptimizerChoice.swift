/// An optimizer as it stands in a configuration: its name beside its settings, `{name: adam, beta1: 0.9}`.
///
/// The optimizers of this library can be read back; one of your own can be written, and must be given anew
/// where a run is resumed.
public struct OptimizerChoice: Sendable, Hashable, Codable {
    /// The optimizer.
    public var optimizer: any Optimizer

    /// The given optimizer.
    public init(_ optimizer: any Optimizer) {
        self.optimizer = optimizer
    }

    /// The optimizers that a configuration can name.
    public static let known: [any Optimizer.Type] = [SGD.self, Adam.self, AdamW.self]

    /// Under which a decoder finds an optimizer of the user's own.
    static let given = CodingUserInfoKey(rawValue: "fovea.optimizer")!

    private enum CodingKeys: String, CodingKey {
        case name
    }

    /// Reads the settings, with the defaults for those that are missing.
    public init(from decoder: any Decoder) throws {
        let name = try decoder.container(keyedBy: CodingKeys.self).decode(String.self, forKey: .name)
        if let given = decoder.userInfo[Self.given] as? any Optimizer, Swift.type(of: given).name == name {
            optimizer = given
            return
        }
        guard let type = Self.known.first(where: { $0.name == name }) else {
            let names = Self.known.map { $0.name }.joined(separator: ", ")
            throw TrainingError(
                .configuration,
                "there is no optimizer '\(name)' here; the optimizers are \(names), and one of your own "
                    + "is given in code")
        }
        optimizer = try type.init(from: decoder)
    }

    /// Writes the settings.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(Swift.type(of: optimizer).name, forKey: .name)
        try optimizer.encode(to: encoder)
    }

    /// Whether both are of one kind with equal settings.
    public static func == (left: OptimizerChoice, right: OptimizerChoice) -> Bool {
        AnyHashable(left.optimizer) == AnyHashable(right.optimizer)
    }

    /// Hashes the kind and the settings.
    public func hash(into hasher: inout Hasher) {
        optimizer.hash(into: &hasher)
    }
}
