import Foundation

/// JSON as this library writes it: keys sorted, so that equal values give equal bytes, and NaN and infinities
/// as text.
package enum JSON {
    package static func text(_ value: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
        return String(decoding: try encoder.encode(value), as: UTF8.self)
    }

    package static func value<Value: Decodable>(
        _ type: Value.Type = Value.self, from text: String, optimizer: (any Optimizer)? = nil
    ) throws -> Value {
        let decoder = JSONDecoder()
        decoder.nonConformingFloatDecodingStrategy = .convertFromString(
            positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
        if let optimizer { decoder.userInfo[OptimizerChoice.given] = optimizer }
        return try decoder.decode(Value.self, from: Data(text.utf8))
    }
}
