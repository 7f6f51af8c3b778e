import FoveaGraph
import FoveaNN
import FoveaTensor
import Testing

@Suite("The notation")
struct NotationTests {
    @Test(
        "reads back its canonical text",
        arguments: [
            ("conv 32 k3", "conv 32 k3"),
            ("  conv   6 k5x5 s1 p2 g1 d1-tanh ", "conv 6 k5 p2 - tanh"),
            ("conv 8 k1x7 same s2", "conv 8 k1x7 s2 same"),
            ("conv 8 k3 p0", "conv 8 k3"),
            ("conv 8 k3 p0x3 d2 g4", "conv 8 k3 p0x3 d2 g4"),
            ("maxpool 3 ceil s2 p0 - avgpool 2 ceil", "maxpool 3 s2 ceil - avgpool 2 ceil"),
            ("maxpool 2 s2 - avgpool 3 s2 p1 - gap", "maxpool 2 - avgpool 3 s2 p1 - gap"),
            (
                "[conv 32 k3 - relu - maxpool 2] x 2 - [fc 128 - relu] x1 - fc 10 - softmax",
                "[conv 32 k3 - relu - maxpool 2] x 2 - [fc 128 - relu] x 1 - fc 10 - softmax"
            ),
            ("[[fc 3] x 2 - relu] x 0 - fc 2", "[[fc 3] x 2 - relu] x 0 - fc 2"),
            ("[fc 3]", "[fc 3] x 1"),
            ("ln - in - gn8 - gn08 - lrn", "ln - in - gn8 - gn8 - lrn"),
            ("leaky - leaky 0.010 - leaky .2 - leaky 0", "leaky - leaky - leaky 0.2 - leaky 0"),
            (
                "prelu - elu - gelu - gelutanh - swish - hardsigmoid - hardswish - softplus",
                "prelu - elu - gelu - gelutanh - swish - hardsigmoid - hardswish - softplus"
            ),
            (
                "dropout 0.50 - dropout .25 - dropout 0 - dropout 0.00001",
                "dropout 0.5 - dropout 0.25 - dropout 0 - dropout 0.00001"
            ),
        ])
    func canonical(text: String, canonical: String) throws {
        let notation = try Notation(text)
        #expect(notation.description == canonical)
        #expect(try Notation(canonical) == notation)
    }

    @Test("gives the layers it says, with names, sizes and implied flattening")
    func layers() throws {
        let notation = try Notation(
            "[conv 4 k3 - bn - relu - maxpool 2] x 2 - conv 6 k1 - tanh - [fc 8 - relu] x 1 - fc 5")
        let network = try Network(notation, inputShape: [1, 28, 28], task: .classification(classes: 5))
        let graph = try network.predictionGraph(batchSize: 3)
        #expect(
            graph.variables(.parameter).map { "\($0.key) \($0.type.shape)" } == [
                "conv1.weight [4, 1, 3, 3]", "bn1.weight [4]", "bn1.bias [4]",
                "conv2.weight [4, 4, 3, 3]", "bn2.weight [4]", "bn2.bias [4]",
                "conv3.weight [6, 4, 1, 1]", "conv3.bias [6]",
                "fc1.weight [8, 150]", "fc1.bias [8]", "fc2.weight [5, 8]", "fc2.bias [5]",
            ])
        let deviations = graph.variables.map { variable -> Float? in
            if case .normal(let deviation) = variable.initial { deviation } else { nil }
        }
        // He where a ReLU follows, Glorot (uniform) elsewhere.
        #expect(deviations[0] == Float((2.0 / 9).squareRoot()))
        #expect(
            graph.variables.first { $0.key == "conv3.weight" }.map {
                if case .uniform = $0.initial { true } else { false }
            } == true)
    }

    @Test("has every normalization and activation")
    func normalizationsAndActivations() throws {
        let words = [
            "ln", "in", "gn2", "lrn", "relu", "leaky 0.1", "prelu", "elu", "gelu", "gelutanh", "swish",
            "hardswish",
            "softplus", "tanh", "sigmoid", "hardsigmoid",
        ]
        for word in words {
            let notation = try Notation("conv 4 k3 - \(word) - maxpool 3 s2 ceil - fc 3")
            let network = try Network(notation, inputShape: [1, 8, 8], task: .classification(classes: 3))
            let graph = try network.trainingForward(batchSize: 2).graph
            let name = graph.nodes[1].path
            #expect(name == String(word.prefix { $0.isLetter }) + "1")
            // An instance norm takes the bias away.
            #expect(graph.variables.contains { $0.key == "conv1.bias" } == (word != "in"))
        }
    }

    @Test("means the same network as the zoo's mlp on images and on vectors")
    func perceptron() throws {
        let notation = try Notation("fc 512 - relu - fc 512 - relu - fc 10")
        for shape: Shape in [[1, 28, 28], [784]] {
            let graph = try Network(notation, inputShape: shape, task: .classification(classes: 10))
                .predictionGraph(batchSize: 2)
            #expect(graph.variables(.parameter).map(\.type.shape.count).reduce(0, +) == 669_706)
            #expect(
                graph.variables.map(\.key)
                    == ["fc1", "fc2", "fc3"].flatMap { ["\($0).weight", "\($0).bias"] })
        }
    }

    @Test("fills in placeholders, also inside of words and for words")
    func placeholders() throws {
        let text = "[conv {filters} k{kernel} - {act}] x {depth} - fc {filters}"
        #expect(Notation.placeholders(in: text) == ["filters", "kernel", "act", "depth"])
        let notation = try Notation(
            text, values: ["filters": "16", "kernel": "3", "act": "tanh", "depth": "2"])
        #expect(notation.description == "[conv 16 k3 - tanh] x 2 - fc 16")
        let error = #expect(throws: NotationError.self) {
            try Notation(text, values: ["filters": "16", "kernel": "3"])
        }
        #expect(error?.message == "there is no value for the placeholder '{act}'")
        #expect(error?.column == 29)
        for bad in ["", "1 - fc 2", "[", String(repeating: "1", count: 33), "ä"] {
            #expect(throws: NotationError.self) { try Notation("fc {n}", values: ["n": bad]) }
        }
    }

    @Test(
        "points at what is wrong",
        arguments: [
            ("fc 8 - rleu", 8, "did you mean 'relu'?"),
            ("", 1, "expected a layer"),
            ("fc 8 -", 7, "expected a layer"),
            ("fc 8 relu", 6, "is a '-' missing"),
            ("fc", 1, "the number of units is missing, as in 'fc 128'"),
            ("fc 0", 4, "in 1 ... 1000000, not '0'"),
            ("fc 99999999999999999999999", 4, "whole number"),
            ("conv 8", 1, "the kernel size is missing"),
            ("conv 8 k3 k5", 11, "says again"),
            ("conv 8 k3 z5", 11, "unexpected"),
            ("conv 8 k3 s0", 11, "the stride"),
            ("maxpool 2 k3", 11, "unexpected"),
            ("maxpool 3 ceil ceil", 16, "says again"),
            ("conv 8 k3 ceil", 11, "unexpected"),
            ("[fc 8 - relu x 2", 14, "takes no 'x'"),
            ("[fc 8 - relu", 1, "never closed"),
            ("fc 8]", 5, "']' without"),
            ("[fc 8] x", 8, "the number of repetitions"),
            ("[fc 8] x 1001", 10, "the number of repetitions"),
            ("[fc 8] 2", 8, "expected 'x'"),
            ("[fc 8 - [fc 8] x 1000] x 1000", 1, "more than 2000 layers"),
            ("dropout 1", 9, "0 ..< 1"),
            ("dropout 0.123456", 9, "0 ..< 1"),
            ("softmax - fc 8", 1, "the end of the network"),
            ("fc 8 - se", 8, "not there yet"),
            ("fc 8 - gn - relu", 8, "as in 'gn8', is a whole number"),
            ("fc 8 - gn0", 8, "as in 'gn8', is a whole number"),
            ("fc 8 - gnat", 8, "there is no layer 'gnat'"),
            ("fc 8 - leaky 1", 14, "the slope of a leaky ReLU is in 0 ..< 1"),
            ("fc 8 - elu 2", 12, "takes no '2'"),
            ("fc 8 - softplu", 8, "did you mean 'softplus'?"),
            ("fc 8 + relu", 6, "no meaning"),
            ("fc {n", 4, "placeholder is a name in braces"),
            (String(repeating: "[", count: 40), 18, "nested more than 16"),
        ])
    func errors(text: String, column: Int, message: String) throws {
        let error = try #require(#expect(throws: NotationError.self) { try Notation(text) })
        #expect(error.column == column)
        #expect(error.message.contains(message), "\(error.message)")
    }

    @Test("draws the caret below the place, also in long text")
    func caret() throws {
        let short = try #require(#expect(throws: NotationError.self) { try Notation("fc 8 - rleu") })
        #expect(
            short.description == """
                column 8: there is no layer 'rleu'; did you mean 'relu'?
                  fc 8 - rleu
                         ^
                """)
        let long =
            String(repeating: "relu - ", count: 100) + "rleu - " + String(repeating: "relu - ", count: 100)
            + "bn"
        let error = try #require(#expect(throws: NotationError.self) { try Notation(long) })
        #expect(error.column == 701)
        #expect(error.excerpt.count == 80)
        #expect(Array(error.excerpt)[(error.excerptColumn - 1)...].starts(with: "rleu"))
    }

    @Test("refuses what the task does not have")
    func lastActivation() throws {
        let softmax = try Notation("fc 4 - softmax")
        _ = try Network(softmax, inputShape: [3], task: .classification(classes: 4)).predictionGraph(
            batchSize: 1)
        #expect(throws: GraphError.self) {
            try Network(softmax, inputShape: [3], task: .regression(outputs: 4))
        }
        let relu = try Notation("fc 4 - relu")
        #expect(throws: GraphError.self) {
            try Network(relu, inputShape: [3], task: .classification(classes: 4))
        }
    }

    @Test("survives any text: 5,000 mutations are read or refused, and what is read reads back")
    func fuzz() throws {
        let seeds = [
            "[conv 32 k3 s2 p1 g4 - bn - relu - maxpool 2] x 2 - [fc 128 - relu] x 1 - dropout 0.5 - fc 10 - softmax",
            "conv {filters} k1x7 same - tanh - avgpool 3 s2 p1 - gap - flatten - sigmoid - fc 3",
            "[conv 4 k3 - relu - maxpool 2] x 2 - fc 10",
            "fc 8 - relu - fc 10",
            "[[[fc 8] x 9] x 9 - [[bn] x 0] x 1000] x 1000",
        ].map { Array($0) }
        let alphabet = Array("0123456789.-[]{}x kspgd \u{301}é\0\n漢bnconvfcrelu")
        var random = RandomSource(seed: 7).stream(.other(0))
        func pick(_ bound: Int) -> Int { Int(random.next(below: UInt64(bound))) }
        var (read, built) = (0, 0)
        for _ in 0..<5_000 {
            var text = seeds[pick(seeds.count)]
            for _ in 0...pick(2) {
                let place = pick(text.count + 1)
                switch pick(5) {
                case 0: text.insert(alphabet[pick(alphabet.count)], at: place)
                case 1: if place < text.count { text.remove(at: place) }
                case 2: if place < text.count { text[place] = alphabet[pick(alphabet.count)] }
                case 3: text = Array(text.prefix(place))
                default:
                    let end = min(text.count, place + 12)
                    text.insert(contentsOf: text[place..<end], at: pick(text.count + 1))
                }
            }
            let string = String(text)
            do {
                let notation = try Notation(string, values: ["filters": "8"])
                read += 1
                #expect(try Notation(notation.description) == notation)
                let graph = try? Network(
                    notation, inputShape: [3, 64, 64], task: .classification(classes: 10)
                )
                .trainingForward(batchSize: 2)
                if graph != nil { built += 1 }
            } catch {
                #expect((1...Array(string).count + 1).contains(error.column))
                #expect(!error.description.isEmpty)
            }
        }
        #expect(read > 250)
        #expect(built > 50)
    }

    @Test(
        "refuses hostile sizes with an error rather than an overflow",
        arguments: [
            "[conv 1000000 k1000 p1000] x 9 - fc 10",
            "[fc 1000000] x 3 - fc 10",
            "[[conv 1000000 k1 g1000000 - bn] x 999] - gap - fc 10",
            "conv 3 k1000x1 p1000 - fc 10",
        ])
    func hostile(text: String) throws {
        let network = try Network(
            try Notation(text), inputShape: [3, 64, 64], task: .classification(classes: 10))
        #expect(throws: GraphError.self) { try network.predictionGraph(batchSize: 1 << 20) }
    }
}
