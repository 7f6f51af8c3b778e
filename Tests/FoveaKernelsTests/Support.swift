import CFoveaKernels
import Foundation
import Testing

struct SplitMix: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    mutating func floats(_ count: Int) -> [Float] {
        (0..<count).map { _ in Float(Int(next() >> 40)) / Float(1 << 23) - 1 }
    }
}

/// A sum in Double, and the sum of the terms' magnitudes, by which a rounding error is measured.
struct Sum {
    var value = 0.0
    var magnitude = 0.0

    mutating func add(_ term: Double) {
        value += term
        magnitude += abs(term)
    }

    static func + (left: Sum, right: Sum) -> Sum {
        Sum(value: left.value + right.value, magnitude: left.magnitude + right.magnitude)
    }
}

extension [Sum] {
    /// Expects sums of `terms` terms in Float to be these, up to the bound of their rounding errors, of which at most
    /// one unit of 2^-24 is made by each of `terms` additions.
    func expectNear(_ floats: [Float], terms: Int, sourceLocation: SourceLocation = #_sourceLocation) {
        #expect(floats.count == count, sourceLocation: sourceLocation)
        let unit = Double(Float.ulpOfOne) / 2
        let wrong = indices.filter {
            // 8 units more for an activation.
            let bound = self[$0].magnitude * unit * Double(terms + 1) + 8 * unit * abs(self[$0].value) + 1e-37
            return !(abs(Double(floats[$0]) - self[$0].value) <= bound)
        }
        #expect(wrong.isEmpty, "\(wrong.count) of \(count) differ", sourceLocation: sourceLocation)
        if let first = wrong.first {
            Issue.record(
                "[\(first)]: \(floats[first]), not \(self[first].value)", sourceLocation: sourceLocation)
        }
    }
}

/// The activation of a sum; its slope is at most 1, so that the magnitude bounds the error still.
func apply(_ activation: fovea_activation, _ sum: Sum) -> Sum {
    var result = sum
    switch activation {
    case FOVEA_RELU: result.value = max(sum.value, 0)
    case FOVEA_TANH: result.value = tanh(sum.value)
    case FOVEA_SIGMOID: result.value = 1 / (1 + exp(-sum.value))
    default: break
    }
    return result
}
