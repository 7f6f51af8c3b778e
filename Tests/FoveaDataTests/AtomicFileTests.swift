import FoveaFormats
import Foundation
import Testing

@Suite struct AtomicFileTests {
    @Test func createsAndReplaces() throws {
        let folder = try TemporaryFolder()
        let path = folder.file("a.txt")
        try AtomicFile.write("one", to: path)
        #expect(try FileContents.read(path) == Array("one".utf8))
        try FileManager.default.setAttributes([.posixPermissions: 0o640], ofItemAtPath: path)
        try AtomicFile.write("two", to: path)
        #expect(try FileContents.read(path) == Array("two".utf8))
        let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
        #expect(mode == 0o640)
        #expect(folder.names == ["a.txt"])
    }

    @Test func aFailureLeavesWhatWasThere() throws {
        let folder = try TemporaryFolder()
        let path = folder.file("a.txt")
        try AtomicFile.write("one", to: path)
        let failure = FormatError(source: "x", received: "stop")
        #expect(throws: failure) {
            try AtomicFile.write(to: path) { (file) throws(FormatError) in
                try file.append(Array("two".utf8))
                throw failure
            }
        }
        #expect(try FileContents.read(path) == Array("one".utf8))
        #expect(folder.names == ["a.txt"])
    }

    @Test func followsLinksAndWritesDevices() throws {
        let folder = try TemporaryFolder()
        try AtomicFile.write("one", to: folder.file("target"))
        try FileManager.default.createSymbolicLink(
            atPath: folder.file("link"), withDestinationPath: folder.file("target"))
        try AtomicFile.write("two", to: folder.file("link"))
        #expect(try FileContents.read(folder.file("target")) == Array("two".utf8))
        let type =
            try FileManager.default.attributesOfItem(atPath: folder.file("link"))[.type] as? FileAttributeType
        #expect(type == .typeSymbolicLink)
        try AtomicFile.write("gone", to: "/dev/null")
        #expect(FileManager.default.fileExists(atPath: "/dev/null"))
    }

    @Test func tellsWhatWentWrong() throws {
        let folder = try TemporaryFolder()
        let missing = #expect(throws: FormatError.self) {
            try AtomicFile.write("", to: folder.file("no/a.txt"))
        }
        #expect(missing?.kind == .cannotWrite)
        #expect(missing?.description.contains("no such file or directory") == true)
        let directory = #expect(throws: FormatError.self) { try AtomicFile.write("", to: folder.path) }
        #expect(directory?.kind == .cannotWrite)
        for path in ["", folder.path + "/new/"] {
            #expect(throws: FormatError.self) { try AtomicFile.write("", to: path) }
        }
        let long = folder.file(String(repeating: "x", count: 300))
        #expect(throws: FormatError.self) { try AtomicFile.write("", to: long) }
        #expect(folder.names.isEmpty)
    }

    #if os(Linux)
        @Test func aFullDevice() {
            // Always full, for any user.
            let error = #expect(throws: FormatError.self) { try AtomicFile.write("text", to: "/dev/full") }
            #expect(error?.kind == .inputOutput)
            #expect(error?.description.contains("no space left") == true)
        }
    #endif

    @Test func readingWhatIsNoFile() throws {
        let folder = try TemporaryFolder()
        let kinds = [folder.path, folder.file("none"), "/dev/null"].map { path in
            #expect(throws: FormatError.self) { try FileContents.read(path) }?.kind
        }
        #expect(kinds == [.missingInput, .missingInput, .missingInput])
    }
}
