import Foundation
import Fovea
import Testing

/// The pictures that `fovea show` writes.
@Suite struct ShowTests {
    let folder: Folder

    init() throws {
        folder = try Folder()
        try folder.writeData()
        var model = try Model(
            Architecture(
                "conv 4 k3 same - relu - maxpool 2 - fc 2", input: [1, 8, 8],
                task: .classification(classes: 2)),
            seed: 1, labels: ["above", "below"])
        model.preprocessing = .bytes
        try model.save(to: folder.path + "/m.safetensors")
        try folder.write(
            try PNG.data(
                for: try Image(height: 9, width: 7, channels: 1, pixels: (0..<63).map { UInt8($0 * 4) })),
            "x.png")
    }

    private func picture(_ name: String) throws -> Image {
        try Image(decoding: folder.read(name), name: name)
    }

    @Test func picturesAreWritten() throws {
        func output(_ arguments: String...) throws -> String {
            let result = try Command.run(["show"] + arguments, in: folder)
            #expect(result.status == 0, "\(result.errors)")
            return result.output
        }
        #expect(try output("filters", "m.safetensors", "--output", "f.png") == "f.png: 4 kernels of 1x3x3\n")
        #expect(try picture("f.png").width == 2 * 159 + 12)
        #expect(
            try output("maps", "m.safetensors", "--layer", "relu1", "--input", "x.png")
                == "maps.png: 4 maps of 8x8\n")
        #expect(try picture("maps.png").channels == 3)
        #expect(
            try output("field", "m.safetensors", "--layer", "pool1", "--unit", "0,3", "--input", "x.png")
                == "field.png: unit 0,3 of 4x4 in pool1 sees rows -1 to 2 of the input's 8 (1 above it) and columns 5 to 8 of "
                + "the input's 8 (1 right of it)\n")
        #expect(try picture("field.png").height == 43 * 11)
        let text = try output("cam", "m.safetensors", "--data", "data", "--sample", "3", "--class", "below")
        #expect(text.hasPrefix("cam.png: below (") && text.hasSuffix("%) by relu1\n"))
        #expect(try picture("cam.png").width == 2 * 416 + 12)
        // A network without numbers of its own has fields all the same.
        let result = try Command.run(
            ["show", "field", "resnet18", "--layer", "layer4", "--json", "--output", "deep.png"], in: folder)
        let rows = try #require(try result.json()["rows"] as? [String: Any])
        #expect(rows["inputExtent"] as? Int == 224)
        #expect(try picture("deep.png").channels == 3)
    }

    @Test(
        arguments: [
            (["maps", "m.safetensors", "--layer", "rellu1", "--input", "x.png"], 64, "did you mean relu1?"),
            (["maps", "m.safetensors", "--layer", "relu1"], 64, "give --input FILE, or --data and --sample"),
            (["maps", "m.safetensors", "--layer", "relu1", "--input", "none.png"], 66, "none.png"),
            (["cam", "m.safetensors", "--class", "abov", "--input", "x.png"], 64, "did you mean above"),
            (
                ["cam", "m.safetensors", "--data", "data", "--sample", "99"], 64,
                "has no sample 99; the numbers are 0 to 31"
            ),
            (["field", "m.safetensors", "--layer", "relu1", "--unit", "8,0"], 64, "have no unit 8,0"),
            (["field", "m.safetensors", "--layer", "relu1", "--unit", "8"], 64, "'8'"),
            (["filters", "m.safetensors", "--layer", "fc1"], 64, "the convolutions are conv1"),
            (["filters", "fc 3", "--shape", "4"], 64, "the network has no convolution"),
            (["filters", "m.safetensors", "--output", "nowhere/f.png"], 73, "nowhere"),
        ])
    func wrongUseIsOneLine(_ arguments: [String], _ status: Int32, _ text: String) throws {
        let result = try Command.run(["show"] + arguments, in: folder)
        #expect(result.status == status, "\(result.errors)")
        #expect(result.errorLine?.contains(text) ?? false, "\(result.errors)")
        #expect(try folder.names() == ["data", "m.safetensors", "x.png"])
    }
}
