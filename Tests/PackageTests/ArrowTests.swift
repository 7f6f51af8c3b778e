import Foundation
import Testing

/// The house: for each target what it may import, from the bottom up.
///
/// A target may import only those above it in this list.
private let mayImport: [(target: String, own: Set<String>, foreign: Set<String>)] = [
    ("COneDNN", [], []),
    ("CZlib", [], []),
    ("CPNG", [], []),
    ("CTurboJPEG", [], []),
    ("CFoveaKernels", [], []),
    ("FoveaTensor", [], []),
    ("FoveaGraph", ["FoveaTensor"], []),
    ("FoveaReference", ["FoveaGraph", "FoveaTensor"], []),
    ("FoveaCPU", ["FoveaGraph", "FoveaTensor", "COneDNN", "CFoveaKernels"], []),
    ("FoveaNN", ["FoveaGraph", "FoveaTensor"], []),
    ("FoveaZoo", ["FoveaNN", "FoveaGraph", "FoveaTensor"], []),
    ("FoveaFormats", ["FoveaGraph", "FoveaTensor"], ["Foundation"]),
    (
        "FoveaData", ["FoveaFormats", "FoveaTensor", "CZlib", "CFoveaKernels"],
        ["Foundation", "Dispatch", "Synchronization"]
    ),
    ("FoveaImages", ["FoveaTensor", "CPNG", "CTurboJPEG"], ["Foundation"]),
    (
        "FoveaTraining",
        [
            "FoveaTensor", "FoveaGraph", "FoveaReference", "FoveaCPU", "FoveaNN", "FoveaZoo", "FoveaFormats",
            "FoveaData",
            "FoveaImages",
        ], ["Foundation", "Dispatch", "Synchronization", "Logging"]
    ),
    (
        "Fovea",
        [
            "FoveaTensor", "FoveaGraph", "FoveaReference", "FoveaCPU", "FoveaNN", "FoveaZoo", "FoveaFormats",
            "FoveaData",
            "FoveaImages", "FoveaTraining",
        ], []
    ),
    (
        "FoveaCommand",
        [
            "FoveaTensor", "FoveaGraph", "FoveaReference", "FoveaCPU", "FoveaNN", "FoveaZoo", "FoveaFormats",
            "FoveaData",
            "FoveaImages", "FoveaTraining", "Fovea",
        ], ["ArgumentParser", "Yams", "Foundation", "Dispatch", "Synchronization", "Logging"]
    ),
]

/// The C library, under the name that it has on each system.
private let systemLibraries: Set<String> = ["Glibc", "Musl", "Darwin", "Android"]

@Suite struct ArrowTests {
    @Test func theTableItselfPointsDownward() {
        var below = Set<String>()
        for row in mayImport {
            #expect(row.own.isSubset(of: below), "\(row.target) reaches up to \(row.own.subtracting(below))")
            below.insert(row.target)
        }
    }

    @Test func everyTargetHasARow() throws {
        let names = try Manifest().targets.filter { $0.kind != "testTarget" && !isForTests($0) }.map(\.name)
        #expect(names.count > 10)
        #expect(Set(names).subtracting(mayImport.map(\.target)) == [], "targets without a row in `mayImport`")
        #expect(Set(mayImport.map(\.target)).subtracting(names) == [], "rows of targets that are gone")
    }

    @Test func dependenciesPointDownward() throws {
        let manifest = try Manifest()
        for row in mayImport {
            for target in manifest.targets where target.name == row.target {
                let upward = Set(target.dependencies).subtracting(row.own).subtracting(row.foreign)
                #expect(upward == [], "\(row.target) must not depend on \(upward)")
            }
        }
    }

    @Test func importsMatchTheManifest() throws {
        let manifest = try Manifest()
        for row in mayImport {
            let reachable = manifest.reachable(from: row.target)
            var missing = Set<String>()
            for file in files(in: "Sources/\(row.target)") {
                for module in imports(of: try String(contentsOf: file, encoding: .utf8)) {
                    if systemLibraries.contains(module) { continue }
                    let isAllowed = row.own.contains(module) || row.foreign.contains(module)
                    #expect(isAllowed, "\(file.lastPathComponent) of \(row.target) must not import \(module)")
                    if row.own.contains(module), !reachable.contains(module) { missing.insert(module) }
                }
            }
            #expect(missing == [], "\(row.target) imports \(missing) and does not depend on it")
        }
    }

    @Test func nothingThatShipsDependsOnTests() throws {
        let manifest = try Manifest()
        let forTests = Set(manifest.targets.filter { $0.kind == "testTarget" || isForTests($0) }.map(\.name))
        for row in mayImport { #expect(manifest.reachable(from: row.target).isDisjoint(with: forTests)) }
    }

    @Test func aBrokenArrowIsSeen() throws {
        let manifest = try Manifest(
            text: """
                let package = Package(dependencies: [.package(url: "https://x/y", from: "1.0.0")], targets: [
                    // .target(name: "Commented"),
                    .target(name: "A"), .target(
                        name: "B", dependencies: [ "A", .product(name: "P", package: "p-kit"),
                        ], path: "Tests/B"),
                    .testTarget(name: "C", dependencies: ["B"]),
                ])
                """)
        #expect(manifest.targets.map(\.name) == ["A", "B", "C"])
        #expect(manifest.targets[1].dependencies == ["A", "P"])
        #expect(manifest.targets[1].path == "Tests/B")
        #expect(manifest.reachable(from: "C") == ["A", "B", "P"])
        #expect(
            imports(
                of:
                    "import A\n@_exported import B\npublic import struct C.D\n    import Glibc\n// import E\nlet import1 = 0"
            )
                == ["A", "B", "C", "Glibc"])
    }

    private func isForTests(_ target: Manifest.Target) -> Bool { target.path?.hasPrefix("Tests/") ?? false }

    /// The modules that a source file imports.
    private func imports(of text: String) -> [String] {
        text.split(separator: "\n").compactMap { line in
            let words = line.split(separator: " ").map(String.init)
            guard let position = words.firstIndex(of: "import"), position + 1 < words.count,
                words[..<position].allSatisfy({
                    $0.hasPrefix("@")
                        || ["public", "package", "internal", "private", "fileprivate"].contains($0)
                })
            else { return nil }
            let kinds = ["struct", "class", "enum", "protocol", "func", "var", "let", "typealias"]
            let next = words[position + 1]
            let name = kinds.contains(next) && position + 2 < words.count ? words[position + 2] : next
            return name.split(separator: ".").first.map(String.init)
        }
    }
}
