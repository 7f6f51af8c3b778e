import FoveaGraph

/// Reads tokens into parts, with limits that keep any text from taking long or deep.
struct NotationParser {
    static let maximumLength = 10_000
    static let maximumDepth = 16
    static let maximumRepeat = 1_000
    static let maximumLayers = 2_000
    static let maximumUnits = 1_000_000
    static let maximumExtent = 1_000

    private let text: [Character]
    private let tokens: [NotationToken]
    private var position = 0

    init(text: [Character], tokens: [NotationToken]) {
        self.text = text
        self.tokens = tokens
    }

    /// All parts.
    mutating func parse() throws(NotationError) -> [NotationPart] {
        let parts = try parseSequence(depth: 0)
        guard current.kind == .end else {
            throw error("']' without a '[' before it")
        }
        if let softmax = misplacedSoftmax(in: parts) { throw softmax }
        guard parts.layerCount(limit: Self.maximumLayers) <= Self.maximumLayers else {
            throw NotationError(
                "more than \(Self.maximumLayers) layers, repetitions counted", at: 1, in: text)
        }
        return parts
    }

    private var current: NotationToken { tokens[position] }

    private func error(_ message: String, at token: NotationToken? = nil) -> NotationError {
        NotationError(message, at: (token ?? current).column, in: text)
    }

    private mutating func parseSequence(depth: Int) throws(NotationError) -> [NotationPart] {
        guard depth <= Self.maximumDepth else {
            throw error("groups are nested more than \(Self.maximumDepth) deep")
        }
        var parts: [NotationPart] = []
        while true {
            switch current.kind {
            case .open: parts.append(try parseGroup(depth: depth))
            case .word(let word): parts.append(try parseLayer(word))
            case .dash, .close, .end:
                throw error("expected a layer such as 'conv 32 k3', or a group '[ … ] x 2'")
            }
            switch current.kind {
            case .dash: position += 1
            case .close, .end: return parts
            case .open, .word: throw error("expected '-' between layers")
            }
        }
    }

    private mutating func parseGroup(depth: Int) throws(NotationError) -> NotationPart {
        let open = current
        position += 1
        let parts = try parseSequence(depth: depth + 1)
        guard current.kind == .close else { throw error("this '[' is never closed by ']'", at: open) }
        position += 1
        guard case .word(var word) = current.kind else { return .group(parts, count: 1) }
        let times = current
        guard word.first == "x" else { throw error("expected 'x' and a number after ']', such as '] x 2'") }
        position += 1
        word.removeFirst()
        var number = times
        if word.isEmpty, case .word(let next) = current.kind {
            number = current
            word = next
            position += 1
        }
        let count = try integer(word, 0...Self.maximumRepeat, "the number of repetitions", at: number)
        return .group(parts, count: count)
    }

    private mutating func parseLayer(_ word: String) throws(NotationError) -> NotationPart {
        let name = current
        position += 1
        var arguments: [NotationArgument] = []
        while case .word(let argument) = current.kind {
            arguments.append(NotationArgument(text: argument, token: current))
            position += 1
        }
        switch word {
        case "conv":
            var reader = ArgumentReader(parser: self, layer: name, arguments: arguments)
            let filters = try reader.leading(
                "the number of filters", example: "conv 32 k3", 1...Self.maximumUnits)
            let window = try reader.window(options: "kspdg", kernel: nil, example: "conv 32 k3")
            return .convolution(filters: filters, window: window, groups: reader.groups ?? 1)
        case "maxpool", "avgpool":
            var reader = ArgumentReader(parser: self, layer: name, arguments: arguments)
            let kernel = try reader.leadingSize("the size of the window", example: "\(word) 2")
            let window = try reader.window(options: "sp", kernel: kernel, example: "\(word) 2")
            return word == "maxpool" ? .maxPool(window) : .averagePool(window)
        case "fc":
            var reader = ArgumentReader(parser: self, layer: name, arguments: arguments)
            let units = try reader.leading("the number of units", example: "fc 128", 1...Self.maximumUnits)
            try reader.finish()
            return .dense(units: units)
        case "dropout":
            var reader = ArgumentReader(parser: self, layer: name, arguments: arguments)
            return .dropout(rate: try reader.decimal("the rate of dropout", example: "dropout 0.5"))
        case "leaky" where !arguments.isEmpty:
            var reader = ArgumentReader(parser: self, layer: name, arguments: arguments)
            let units = try reader.decimal("the slope of a leaky ReLU", example: "leaky 0.1")
            return .activation(.leakyReLU(slope: Float(units) / Float(NotationPart.decimalUnit)))
        default:
            guard let part = try plainPart(word, at: name) else { throw unknownLayer(word, at: name) }
            if let argument = arguments.first {
                throw error(
                    "'\(word)' takes no '\(argument.text)'; is a '-' missing before it?", at: argument.token)
            }
            return part
        }
    }

    /// The layer that is a word without arguments, or `gn` with the number of groups.
    private func plainPart(_ word: String, at token: NotationToken) throws(NotationError) -> NotationPart? {
        if let part = Self.plainParts[word] { return part }
        guard word.hasPrefix("gn"), word.dropFirst(2).allSatisfy(\.isNumber) else { return nil }
        let groups = try integer(
            String(word.dropFirst(2)), 1...Self.maximumUnits, "the number of groups, as in 'gn8',", at: token)
        return .groupNorm(groups: groups)
    }

    private static let plainParts: [String: NotationPart] = {
        var parts: [String: NotationPart] = [
            "bn": .batchNorm, "ln": .layerNorm, "in": .instanceNorm, "lrn": .localResponseNorm,
            "prelu": .parametricReLU, "gap": .globalAveragePool, "flatten": .flatten, "softmax": .softmax,
        ]
        for function in ActivationFunction.examples { parts[function.word] = .activation(function) }
        return parts
    }()

    /// Words that the notation has, for layers that Fovea has not.
    private static let laterParts: Set<String> = ["se", "sepconv"]

    private func unknownLayer(_ word: String, at token: NotationToken) -> NotationError {
        if Self.laterParts.contains(String(word.prefix { !$0.isNumber })) {
            return error(
                "'\(word)' is not there yet; there are \(Self.words.joined(separator: ", "))", at: token)
        }
        let shown = String(word.prefix(40))
        let nearest = Self.words.map { (word: $0, distance: shown.editDistance(to: $0)) }.min {
            $0.distance < $1.distance
        }
        if let nearest, nearest.distance <= 2 {
            return error("there is no layer '\(shown)'; did you mean '\(nearest.word)'?", at: token)
        }
        return error(
            "there is no layer '\(shown)'; there are \(Self.words.joined(separator: ", "))", at: token)
    }

    private static let words = (["conv", "maxpool", "avgpool", "fc", "dropout", "gn8"] + plainParts.keys)
        .sorted()

    private func misplacedSoftmax(in parts: [NotationPart]) -> NotationError? {
        guard let index = tokens.firstIndex(where: { $0.kind == .word("softmax") }) else { return nil }
        return index == tokens.count - 2
            ? nil
            : error(
                "softmax belongs to the end of the network, after the last layer, and is implied by classification",
                at: tokens[index])
    }

    /// The whole number that `word` is.
    fileprivate func integer(
        _ word: String, _ range: ClosedRange<Int>, _ what: String, at token: NotationToken
    ) throws(NotationError) -> Int {
        guard word.utf8.count <= 9, !word.isEmpty, word.utf8.allSatisfy({ (48...57).contains($0) }),
            let number = Int(word), range.contains(number)
        else {
            let shown = word.isEmpty ? "nothing" : "'\(word.prefix(20))'"
            throw error(
                "\(what) is a whole number in \(range.lowerBound) ... \(range.upperBound), not \(shown)",
                at: token)
        }
        return number
    }

    /// The extent that `word` is: `3`, or `1x7` with the height first.
    fileprivate func size(
        _ word: String, _ range: ClosedRange<Int>, _ what: String, at token: NotationToken
    ) throws(NotationError) -> Size2D {
        let sides = word.split(separator: "x", maxSplits: 1, omittingEmptySubsequences: false).map(
            String.init)
        let height = try integer(sides[0], range, what, at: token)
        return Size2D(height, sides.count > 1 ? try integer(sides[1], range, what, at: token) : height)
    }

    fileprivate func failure(_ message: String, at token: NotationToken) -> NotationError {
        error(message, at: token)
    }
}

/// A word after the name of a layer.
struct NotationArgument {
    var text: String
    var token: NotationToken
}

/// Reads what follows the name of a layer.
private struct ArgumentReader {
    let parser: NotationParser
    let layer: NotationToken
    let arguments: [NotationArgument]
    var position = 0
    var groups: Int?

    init(parser: NotationParser, layer: NotationToken, arguments: [NotationArgument]) {
        self.parser = parser
        self.layer = layer
        self.arguments = arguments
    }

    private mutating func next(_ what: String, example: String) throws(NotationError) -> NotationArgument {
        guard position < arguments.count else {
            throw parser.failure("\(what) is missing, as in '\(example)'", at: layer)
        }
        position += 1
        return arguments[position - 1]
    }

    mutating func leading(
        _ what: String, example: String, _ range: ClosedRange<Int>
    ) throws(NotationError) -> Int {
        let argument = try next(what, example: example)
        return try parser.integer(argument.text, range, what, at: argument.token)
    }

    mutating func leadingSize(_ what: String, example: String) throws(NotationError) -> Size2D {
        let argument = try next(what, example: example)
        return try parser.size(argument.text, 1...NotationParser.maximumExtent, what, at: argument.token)
    }

    /// The only argument, in the unit of decimals: below 1 with at most five digits after the point.
    mutating func decimal(_ what: String, example: String) throws(NotationError) -> Int {
        let argument = try next(what, example: example)
        let digits = argument.text.split(separator: ".", omittingEmptySubsequences: false)
        guard digits.count <= 2, digits[0] == "0" || (digits[0].isEmpty && digits.count == 2),
            case let fraction = digits.count == 2 ? digits[1] : "0", (1...5).contains(fraction.utf8.count),
            fraction.utf8.allSatisfy({ (48...57).contains($0) }),
            let units = Int(fraction + String(repeating: "0", count: 5 - fraction.utf8.count))
        else {
            throw parser.failure(
                "\(what) is in 0 ..< 1 with at most five digits after the point, not '\(argument.text.prefix(20))'",
                at: argument.token)
        }
        try finish()
        return units
    }

    /// The window that the rest of the arguments describes.
    mutating func window(options: String, kernel: Size2D?, example: String) throws(NotationError)
        -> NotationWindow
    {
        let extents = 1...NotationParser.maximumExtent
        var kernel = kernel
        var (stride, dilation): (Size2D?, Size2D?) = (nil, nil)
        var padding: Padding?
        var rounding: PoolRounding?
        let isPool = !options.contains("k")
        while position < arguments.count {
            let argument = arguments[position]
            position += 1
            let option = argument.text.first ?? " "
            let value = String(argument.text.dropFirst())
            var isFirst = true
            if argument.text == "same" {
                isFirst = padding == nil
                padding = .same
            } else if isPool, argument.text == "ceil" {
                isFirst = rounding == nil
                rounding = .up
            } else if !options.contains(option) {
                throw unexpected(argument)
            } else {
                switch option {
                case "k":
                    isFirst = kernel == nil
                    kernel = try parser.size(value, extents, "the kernel size", at: argument.token)
                case "s":
                    isFirst = stride == nil
                    stride = try parser.size(value, extents, "the stride", at: argument.token)
                case "p":
                    isFirst = padding == nil
                    let size = try parser.size(
                        value, 0...NotationParser.maximumExtent, "the padding", at: argument.token)
                    // One meaning, one value: so that text and parts correspond.
                    padding =
                        size == 0 ? .valid : .explicit(Edges(vertical: size.height, horizontal: size.width))
                case "d":
                    isFirst = dilation == nil
                    dilation = try parser.size(value, extents, "the dilation", at: argument.token)
                case "g":
                    isFirst = groups == nil
                    groups = try parser.integer(
                        value, 1...NotationParser.maximumUnits, "the number of groups", at: argument.token)
                default: throw unexpected(argument)
                }
            }
            guard isFirst else {
                throw parser.failure(
                    "'\(argument.text.prefix(20))' says again what was said before", at: argument.token)
            }
        }
        guard let kernel else {
            throw parser.failure("the kernel size is missing, as in '\(example)'", at: layer)
        }
        return NotationWindow(
            kernel: kernel, stride: stride ?? (isPool ? kernel : 1), padding: padding ?? .valid,
            dilation: dilation ?? 1, rounding: rounding ?? .down)
    }

    func finish() throws(NotationError) {
        if position < arguments.count { throw unexpected(arguments[position]) }
    }

    private func unexpected(_ argument: NotationArgument) -> NotationError {
        parser.failure(
            "'\(argument.text.prefix(20))' is unexpected here; is a '-' missing before it?",
            at: argument.token)
    }
}

extension String {
    /// The least number of letters to insert, delete or replace and of neighbours to swap that makes `self` into `other`,
    /// no letter being changed twice (Damerau 1964).
    fileprivate func editDistance(to other: String) -> Int {
        let (source, target) = (Array(self), Array(other))
        var rows = [Array(0...target.count)]
        for i in source.indices {
            var row = [i + 1]
            for j in target.indices {
                let replaced = rows[i][j] + (source[i] == target[j] ? 0 : 1)
                row.append(Swift.min(replaced, rows[i][j + 1] + 1, row[j] + 1))
                if i > 0, j > 0, source[i] == target[j - 1], source[i - 1] == target[j] {
                    row[j + 1] = Swift.min(row[j + 1], rows[i - 1][j - 1] + 1)
                }
            }
            rows.append(row)
        }
        return rows[source.count][target.count]
    }
}
