import Foundation
import Testing

/// That each operation has its file, its kernel, its lowering and its rows, as
/// `Documentation/AddingAnOperation.md` says.
@Suite struct OperationPlaceTests {
    /// The cases of `Operation`, from its text.
    private func operations() throws -> [(name: String, type: String)] {
        let text = try String(
            contentsOf: Manifest.root.appendingPathComponent("Sources/FoveaGraph/Operation.swift"),
            encoding: .utf8)
        return text.split(separator: "\n").compactMap { line in
            guard line.hasPrefix("    case "), line.hasSuffix(")"), let open = line.firstIndex(of: "(") else {
                return nil
            }
            let name = line[line.index(line.startIndex, offsetBy: 9)..<open]
            return (String(name), String(line[line.index(after: open)...].dropLast()))
        }
    }

    @Test func everyOperationHasItsRules() throws {
        let operations = try operations()
        #expect(operations.count > 25)
        let list = try text(of: "Sources/FoveaGraph/Operation.swift".deletingFile)
        let rules = try text(of: "Sources/FoveaGraph/Operations")
        for operation in operations {
            #expect(list.contains("\"\(operation.name)\""), "\(operation.name) is not in Operation.allNames")
            #expect(
                rules.contains("struct \(operation.type): OperationRule"),
                "\(operation.type) is not in Operations/")
            #expect(
                rules.contains("var name: String { \"\(operation.name)\" }"),
                "no rule is named \(operation.name)")
        }
    }

    @Test(arguments: ["Sources/FoveaReference", "Sources/FoveaCPU"])
    func everyOperationIsComputed(folder: String) throws {
        let code = try text(of: folder)
        for operation in try operations() {
            let isHandled =
                ["(", ":", ",", " "].contains { code.contains("case .\(operation.name)\($0)") }
                || [":", ","].contains { code.contains(", .\(operation.name)\($0)") }
            #expect(isHandled, "\(operation.name) is not in \(folder)")
        }
    }

    @Test func theInterpreterForgetsNothing() throws {
        // Without a default the compiler finds what is missing.
        #expect(try !text(of: "Sources/FoveaReference").contains("default:"))
    }

    @Test func everyOperationIsTested() throws {
        let coverage = try text(of: "Tests/FoveaGraphTests")
        for operation in try operations() {
            #expect(
                coverage.contains("\"\(operation.name)\": ."),
                "\(operation.name) has no row in DerivativeTests")
        }
        // Every family of cases is run on the processor's backend too.
        #expect(try text(of: "Tests/FoveaCPUTests").contains("OperationFamily.allCases"))
    }

    @Test func filesAreReadInOneSitting() throws {
        for file in files(in: "Sources") + files(in: "Tests") {
            let lines = try String(contentsOf: file, encoding: .utf8).split(
                separator: "\n", omittingEmptySubsequences: false)
            #expect(lines.count <= 600, "\(file.lastPathComponent) has \(lines.count) lines")
        }
    }
}

extension String {
    /// The path without its last component.
    fileprivate var deletingFile: String { split(separator: "/").dropLast().joined(separator: "/") }
}
