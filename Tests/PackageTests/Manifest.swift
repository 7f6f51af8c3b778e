import Foundation

/// The targets of `Package.swift`, read from its text: asking SwiftPM would lock the build folder that the
/// tests run in.
struct Manifest {
    struct Target {
        let kind: String
        let name: String
        let path: String?
        let dependencies: [String]
    }

    /// The folder of the package.
    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    let targets: [Target]

    init() throws {
        try self.init(
            text: String(contentsOf: Self.root.appendingPathComponent("Package.swift"), encoding: .utf8))
    }

    init(text: String) throws {
        let code = Self.withoutComments(text)
        var targets: [Target] = []
        for kind in [
            "systemLibrary", "target", "executableTarget", "testTarget", "plugin", "macro", "binaryTarget",
        ] {
            var rest = code[...]
            while let start = rest.range(of: ".\(kind)(") {
                let arguments = Self.balanced(rest[start.upperBound...], closing: ")")
                if let name = Self.argument("name", of: arguments) {
                    targets.append(
                        Target(
                            kind: kind, name: name, path: Self.argument("path", of: arguments),
                            dependencies: Self.dependencies(of: arguments)))
                }
                rest = rest[start.upperBound...]
            }
        }
        self.targets = targets
    }

    /// What the target may import by what the manifest says: its dependencies and theirs.
    func reachable(from name: String) -> Set<String> {
        var result = Set<String>()
        var open = [name]
        while let next = open.popLast() {
            for dependency in targets.first(where: { $0.name == next })?.dependencies ?? []
            where result.insert(dependency).inserted {
                open.append(dependency)
            }
        }
        return result
    }

    private static func withoutComments(_ text: String) -> String {
        text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
            var isInString = false
            var previous: Character = " "
            for index in line.indices {
                if line[index] == "\"" { isInString.toggle() }
                if !isInString, previous == "/", line[index] == "/" {
                    return String(line[..<line.index(before: index)])
                }
                previous = line[index]
            }
            return String(line)
        }.joined(separator: "\n")
    }

    /// The text up to the bracket that closes what is open at its start.
    private static func balanced(_ text: Substring, closing: Character) -> Substring {
        var depth = 0
        var isInString = false
        for index in text.indices {
            let character = text[index]
            if character == "\"" { isInString.toggle() }
            guard !isInString else { continue }
            if "([".contains(character) { depth += 1 }
            if ")]".contains(character) {
                if depth == 0, character == closing { return text[..<index] }
                depth -= 1
            }
        }
        return text
    }

    /// The string given as the argument `label`.
    private static func argument(_ label: String, of arguments: Substring) -> String? {
        guard let start = arguments.range(of: "\(label): \"") else { return nil }
        return arguments[start.upperBound...].split(separator: "\"", omittingEmptySubsequences: false).first
            .map(String.init)
    }

    /// The names in `dependencies: [...]`: plain, or of a product of another package.
    private static func dependencies(of arguments: Substring) -> [String] {
        guard let start = arguments.range(of: "dependencies: [") else { return [] }
        let list = balanced(arguments[start.upperBound...], closing: "]")
        let parts = list.split(separator: "\"", omittingEmptySubsequences: false)
        // Odd parts are strings; that after `package:` names where a product comes from, not what is
        // imported.
        return parts.indices.filter { $0 % 2 == 1 && !parts[$0 - 1].hasSuffix("package: ") }.map {
            String(parts[$0])
        }
    }
}

/// The files under `folder` of the package with the given ending.
func files(in folder: String, ending: String = ".swift") -> [URL] {
    let start = Manifest.root.appendingPathComponent(folder)
    let all = FileManager.default.enumerator(at: start, includingPropertiesForKeys: nil)
    return (all?.compactMap { $0 as? URL } ?? []).filter { $0.lastPathComponent.hasSuffix(ending) }
}

/// The whole text of all Swift files under `folder`.
func text(of folder: String) throws -> String {
    try files(in: folder).map { try String(contentsOf: $0, encoding: .utf8) }.joined(separator: "\n")
}
