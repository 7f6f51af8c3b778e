/// A data set that is known by name and looked for where systems keep it.
public enum BuiltInDataset: String, CaseIterable, Sendable {
    /// 60,000 + 10,000 grey images of 28x28 of 10 kinds of clothes (Xiao, Rasul, Vollgraf 2017, arXiv:1708.07747).
    case fashionMNIST = "fashion-mnist"

    /// The names of the classes.
    public var classNames: [String] {
        switch self {
        case .fashionMNIST:
            [
                "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag",
                "Ankle boot",
            ]
        }
    }

    /// The directories it is looked for in, in this order: `$FOVEA_DATA`, `~/.local/share/fovea/datasets`,
    /// `/usr/local/share/datasets`, `/usr/share/datasets`, each with the name appended.
    public var candidates: [String] {
        var roots: [String] = []
        if let root = FileSystem.environment("FOVEA_DATA") { roots.append(root) }
        if let home = FileSystem.environment("HOME") { roots.append(home + "/.local/share/fovea/datasets") }
        roots += ["/usr/local/share/datasets", "/usr/share/datasets"]
        return roots.map { $0 + "/" + rawValue }
    }

    /// The first of ``candidates`` that is a directory.
    ///
    /// - Throws: `DataError` that names them all where none is.
    public func directory() throws(DataError) -> String {
        for candidate in candidates where FileSystem.isDirectory(candidate) { return candidate }
        throw DataError(
            .missingInput,
            "\(rawValue): not found in \(candidates.joined(separator: ", ")); run Scripts/setup, "
                + "or set FOVEA_DATA to the folder that holds \(rawValue)")
    }
}
