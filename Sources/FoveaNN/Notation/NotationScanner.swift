/// A piece of a notation and where it begins.
struct NotationToken {
    enum Kind: Equatable {
        case word(String)
        case dash, open, close, end
    }

    var kind: Kind
    var column: Int
}

/// Cuts a notation into tokens and fills in its placeholders.
struct NotationScanner {
    let text: [Character]
    /// What `{name}` stands for.
    let values: [String: String]

    private static let maximumValueLength = 32

    /// All tokens, the last being `end`.
    func tokens() throws(NotationError) -> [NotationToken] {
        var tokens: [NotationToken] = []
        var position = 0
        while position < text.count {
            let column = position + 1
            switch text[position] {
            case "-": tokens.append(NotationToken(kind: .dash, column: column))
            case "[": tokens.append(NotationToken(kind: .open, column: column))
            case "]": tokens.append(NotationToken(kind: .close, column: column))
            case let character where character.isWhitespace: break
            default:
                let word = try scanWord(&position)
                tokens.append(NotationToken(kind: .word(word), column: column))
                continue
            }
            position += 1
        }
        tokens.append(NotationToken(kind: .end, column: text.count + 1))
        return tokens
    }

    private func scanWord(_ position: inout Int) throws(NotationError) -> String {
        var word = ""
        while position < text.count {
            let character = text[position]
            if character == "{" {
                word += try scanPlaceholder(&position)
            } else if Self.isWordCharacter(character) {
                word.append(character)
                position += 1
            } else if character.isWhitespace || "-[]".contains(character) {
                break
            } else {
                throw NotationError(
                    "'\(Self.visible(character))' has no meaning here; a notation is of words, numbers, '-', '[ … ] x 2' and '{name}'",
                    at: position + 1, in: text)
            }
        }
        return word
    }

    private func scanPlaceholder(_ position: inout Int) throws(NotationError) -> String {
        let column = position + 1
        var name = ""
        position += 1
        while position < text.count, text[position] != "}" {
            guard Self.isWordCharacter(text[position]) || text[position] == "_" else { break }
            name.append(text[position])
            position += 1
        }
        guard position < text.count, text[position] == "}", !name.isEmpty else {
            throw NotationError("a placeholder is a name in braces, such as {filters}", at: column, in: text)
        }
        position += 1
        guard let value = values[name] else {
            throw NotationError("there is no value for the placeholder '{\(name)}'", at: column, in: text)
        }
        guard !value.isEmpty, value.utf8.count <= Self.maximumValueLength,
            value.allSatisfy(Self.isWordCharacter)
        else {
            throw NotationError(
                "the value of '{\(name)}' must be one number or word of at most \(Self.maximumValueLength) letters and digits",
                at: column, in: text)
        }
        return value
    }

    private static func isWordCharacter(_ character: Character) -> Bool {
        character.isASCII && (character.isLetter || character.isNumber || character == ".")
    }

    private static func visible(_ character: Character) -> String {
        character.unicodeScalars.count <= 4
            && !character.unicodeScalars.contains { $0.properties.generalCategory == .control }
            ? String(character) : "a character"
    }
}
