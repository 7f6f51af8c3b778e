import FoveaGraph
import FoveaTensor

/// Weights and data as a formula of (key, index), bit-equal to `Utilities/Reference/formula.py`.
///
/// A number is a hash of the key (FNV-1a, 64 bits) and the index (the finalizer of SplitMix64), of which the upper 23 bits
/// `b` give `v = (2 b + 1 - 2²³) / 2²³`, exact in `Float` and in (-1, 1). Every further step is one rounding.
package enum Formula {
    /// The version that a fixture must name.
    package static let version = 2

    /// 64 bits for `key` at `index`.
    static func hash(_ key: UInt64, _ index: Int) -> UInt64 {
        var z = key &+ (UInt64(index) &+ 1) &* 0x9E37_79B9_7F4A_7C15
        z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
        return z ^ z >> 31
    }

    static func hash(of key: String) -> UInt64 {
        key.utf8.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
    }

    /// The number in (-1, 1) of a hashed key at `index`.
    private static func value(_ key: UInt64, _ index: Int) -> Float {
        let b = Int(hash(key, index) >> 41)
        return Float(2 * b + 1 - (1 << 23)) * 0x1p-23
    }

    /// Numbers in (-1, 1), one for each index below `count`.
    package static func values(_ key: String, count: Int) -> [Float] {
        let key = hash(of: key)
        return (0..<count).map { value(key, $0) }
    }

    /// The inner product of `numbers` with the numbers under `product`.
    static func product(of numbers: [Double]) -> Double {
        let key = hash(of: "product")
        var sum = 0.0
        for index in numbers.indices { sum += numbers[index] * Double(value(key, index)) }
        return sum
    }

    /// The content of the parameter or statistic `key`, scaled by what its name and rank say it is.
    ///
    /// The fan-in of each filter of a convolution or dense layer is cut into segments, at most about 24. One place of each,
    /// which a hash decides, has a number of variance 2 / segments; all others are 0. Scales of normalization lie in
    /// 0.34 ... 0.41, biases in 0.90 ... 1.13 (seven of eight) or -1.13 ... -1.09, running variances in 0.18 ... 0.32,
    /// running means in -0.1 ... 0.1. Why: `Utilities/Reference/README.md`, "What gradients can agree to".
    package static func parameter(_ key: String, shape: Shape) -> Tensor {
        let name = key.split(separator: ".").last ?? ""
        if name == "weight", shape.rank >= 2 { return weight(key, shape: shape) }
        let numbers = values(key, count: shape.count).map { v in
            switch name {
            case "weight": 0.375 + v * 0.03125
            case "bias": (v > -0.75 ? 1 : -1) + v * 0.125
            case "running_var": 0.25 + v * 0.0625
            default: v * 0.1
            }
        }
        return Tensor(numbers, shape: shape)
    }

    private static func weight(_ key: String, shape: Shape) -> Tensor {
        let fanIn = shape.dimensions.dropFirst().reduce(1, *)
        let length = max(1, fanIn / 24)
        let segments = (fanIn + length - 1) / length
        let bound = Float((6 / Double(segments)).squareRoot())
        let (valueKey, tapKey) = (hash(of: key), hash(of: key + ":tap"))
        var numbers = [Float](repeating: 0, count: shape.count)
        for segment in 0..<shape[0] * segments {
            let offset = Int(hash(tapKey, segment) >> 33) % length
            let place = segment % segments * length + offset
            guard place < fanIn else { continue }
            let index = segment / segments * fanIn + place
            numbers[index] = value(valueKey, index) * bound
        }
        return Tensor(numbers, shape: shape)
    }

    /// Inputs or targets of about unit variance.
    package static func data(_ shape: Shape, key: String = "input") -> Tensor {
        Tensor(values(key, count: shape.count).map { $0 * 1.75 }, shape: shape)
    }

    /// Class numbers below `classes`.
    package static func labels(_ count: Int, classes: Int, key: String = "labels") -> Tensor {
        let key = hash(of: key)
        return Tensor((0..<count).map { Int32(hash(key, $0) >> 33 % UInt64(classes)) }, shape: [count])
    }
}

extension Plan {
    /// Sets every parameter and statistic to the formula; slots of an optimizer stay as they are.
    package func fillByFormula() {
        for (position, variable) in graph.variables.enumerated() where variable.role != .slot {
            setVariable(position, to: Formula.parameter(variable.key, shape: variable.type.shape))
        }
    }
}
