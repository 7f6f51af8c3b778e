import Foundation

/// Writes `value` to standard output as JSON with sorted keys; a number that is not finite as `null` cannot be, so as text.
func writeJSON(_ value: some Encodable) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
        positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    try StandardOutput.write(String(decoding: try encoder.encode(value), as: UTF8.self) + "\n")
}
