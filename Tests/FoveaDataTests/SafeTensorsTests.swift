import FoveaFormats
import FoveaTensor
import Foundation
import Testing

@Suite struct SafeTensorsTests {
    func file(_ header: String, _ elements: [UInt8] = []) -> [UInt8] {
        littleEndian(UInt64(header.utf8.count)) + Array(header.utf8) + elements
    }

    let model: [(name: String, tensor: Tensor)] = [
        ("conv.bias", Tensor([1, 2] as [UInt8], shape: [2])),
        ("conv.weight", Tensor((0..<6).map { Float($0) }, shape: [2, 3])),
        ("odd \"name\" \u{1F600}\n", Tensor([0.5] as [Double], shape: [])),
        ("empty", Tensor(zeros: [0, 3])),
    ]

    @Test func roundTrip() throws {
        let metadata = ["format": "pt", "labels": "[\"a\\b\", \"\u{1}é\"]"]
        let bytes = try SafeTensors.data(for: model, metadata: metadata)
        #expect(try bytes == SafeTensors.data(for: model, metadata: metadata))
        let read = try SafeTensors(bytes)
        #expect(read.metadata == metadata)
        #expect(read.entries.count == 4)
        for (name, tensor) in model { #expect(try read.tensor(named: name) == tensor) }
        #expect(try read.tensor(named: "other") == nil)
        // The wider elements first, and the header fills 8-byte words.
        #expect(read.entries.map(\.dtype) == [.float64, .float32, .float32, .uint8])
        #expect((bytes[0] & 7) == 0)
        // Any JSON reader understands the header.
        let length = Int(bytes[0]) | Int(bytes[1]) << 8
        let object = try JSONSerialization.jsonObject(with: Data(bytes[8..<8 + length])) as? [String: Any]
        #expect(object?.keys.count == 5)
    }

    @Test func filesOnDisk() throws {
        let folder = try TemporaryFolder()
        let path = folder.file("model.safetensors")
        try SafeTensors.write(model, metadata: ["a": "b"], to: path)
        #expect(try FileContents.read(path) == SafeTensors.data(for: model, metadata: ["a": "b"]))
        let read = try SafeTensors(contentsOf: path)
        for (name, tensor) in try read.tensors() {
            #expect(tensor == model.first { $0.name == name }?.tensor)
        }
        let missing = #expect(throws: FormatError.self) { try SafeTensors(contentsOf: folder.file("none")) }
        #expect(missing?.kind == .missingInput)
    }

    @Test func typesOfOthers() throws {
        let header = #"""
            {"n":{"dtype":"I64","shape":[],"data_offsets":[0,8]},"h":{"dtype":"F16","shape":[2],"data_offsets":[8,12]},
            "b":{"dtype":"BF16","shape":[1],"data_offsets":[12,14]},"t":{"dtype":"BOOL","shape":[2],"data_offsets":[14,16]}}
            """#
        let read = try SafeTensors(
            file(header, littleEndian(7) + [0, 0x3C, 0xFF, 0x7B] + [0x80, 0x3F] + [0, 1]))
        #expect(try read.tensor(named: "n") == Tensor([7] as [Int32], shape: []))
        #expect(try read.tensor(named: "h") == Tensor([1, 65504] as [Float], shape: [2]))
        #expect(try read.tensor(named: "b") == Tensor([1] as [Float], shape: [1]))
        #expect(try read.tensor(named: "t") == Tensor([0, 1] as [UInt8], shape: [2]))
    }

    @Test(arguments: [
        (#"{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,3]}}"#, "expected an extent that fits"),
        (#"{"a":{"dtype":"U8","shape":[3],"data_offsets":[1,4]}}"#, "begins here"),
        (#"{"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]}}"#, "the tensors end here"),
        (
            #"{"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]},"b":{"dtype":"U8","shape":[2],"data_offsets":[2,4]}}"#,
            "begins here"
        ),
        (
            #"{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"a":{"dtype":"U8","shape":[0],"data_offsets":[4,4]}}"#,
            "the key 'a' twice"
        ),
        (#"{"a":{"dtype":"U8","shape":[4],"data_offsets":[4,0]}}"#, "expected an extent that fits"),
        (
            #"{"a":{"dtype":"F64","shape":[4611686018427387904,4],"data_offsets":[0,4]}}"#,
            "expected an extent that fits"
        ),
        (#"{"a":{"dtype":"U8","shape":[-1],"data_offsets":[0,4]}}"#, "expected a whole number"),
        (#"{"a":{"dtype":"F8_E4M3","shape":[4],"data_offsets":[0,4]}}"#, "elements of type 'F8_E4M3'"),
        (
            #"{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,9223372036854775807]}}"#,
            "expected an extent that fits"
        ),
        (#"{"a":{"dtype":"U8","shape":[4],"offsets":[0,4]}}"#, "the key 'offsets'"),
        (#"{"a":{"dtype":"U8","shape":[4]}}"#, "an incomplete entry"),
        (#"{"__metadata__":{"a":1}}"#, "expected '\"'"),
        (#" {}"#, "expected '{'"), (#"{}x"#, "expected nothing more"), (#"{"a"#, "a string without an end"),
        (#"{"\ud800":{}}"#, "surrogate"), (#"{"a":[[[[[["#, "expected '{'"),
    ])
    func badHeaders(header: String, message: String) {
        let error = #expect(throws: FormatError.self) {
            try SafeTensors(file(header, [1, 2, 3, 4]), name: "m")
        }
        #expect(error?.description.contains(message) == true, "\(error?.description ?? "")")
    }

    @Test func integersBeyond32Bits() throws {
        let header = #"{"n":{"dtype":"I64","shape":[],"data_offsets":[0,8]}}"#
        let read = try SafeTensors(file(header, littleEndian(1 << 40)))
        let error = #expect(throws: FormatError.self) { try read.tensor(named: "n") }
        #expect(error?.description.contains("tensor 'n': the integer 1099511627776") == true)
    }

    @Test func namesThatCannotBe() {
        for names in [["a", "a"], ["__metadata__"], [""]] {
            let tensors = names.map { (name: $0, tensor: Tensor(zeros: [1])) }
            #expect(throws: FormatError.self) { try SafeTensors.data(for: tensors) }
        }
    }

    @Test func fuzzing() throws {
        let bytes = try SafeTensors.data(for: model, metadata: ["labels": "[\"a\",\"b\"]"])
        let refused = fuzz(bytes, seed: 3, bound: 4) { bytes in
            try SafeTensors(bytes).tensors().reduce(0) { $0 + $1.tensor.byteCount }
        }
        #expect(refused > 1500)
    }
}
