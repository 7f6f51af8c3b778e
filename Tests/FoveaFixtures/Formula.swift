import FoveaGraph
import FoveaTensor

/// Weights and data as a formula of (key, index), bit-equal to `Utilities/Reference/formula.py`.
///
/// A number is a hash of the key (FNV-1a, 64 bits) and the index (the finalizer of SplitMix64), of which the upper 23 bits
/// `b` give `v = (2 b + 1 - 2²³) / 2²³`, exact in `Float` and in (-1, 1). Every further step is one rounding.
package enum Formula {
    /// The version that a fixture must name.
    package static let version = 1

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

    /// Numbers in (-1, 1), one for each index below `count`.
    package static func values(_ key: String, count: Int) -> [Float] {
        let key = hash(of: key)
        return (0..<count).map { index in
            let b = Int(hash(key, index) >> 41)
            return Float(2 * b + 1 - (1 << 23)) * 0x1p-23
        }
    }

    /// The content of the parameter or statistic `key`, scaled by what its name and rank say it is.
    ///
    /// Weights of convolutions and dense layers have variance 2 / fan in; scales of normalization lie in 0.75 ... 1.25,
    /// running variances in 1 ... 3, and all else in -0.1 ... 0.1.
    package static func parameter(_ key: String, shape: Shape) -> Tensor {
        var numbers = values(key, count: shape.count)
        let name = key.split(separator: ".").last ?? ""
        if name == "weight", shape.rank >= 2 {
            let fanIn = shape.dimensions.dropFirst().reduce(1, *)
            let bound = Float((6 / Double(fanIn)).squareRoot())
            for index in numbers.indices { numbers[index] *= bound }
        } else if name == "weight" {
            for index in numbers.indices { numbers[index] = 1 + numbers[index] * 0.25 }
        } else if name == "running_var" {
            for index in numbers.indices { numbers[index] = 2 + numbers[index] }
        } else {
            for index in numbers.indices { numbers[index] *= 0.1 }
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
