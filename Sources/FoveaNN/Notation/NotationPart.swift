import FoveaGraph

/// A part of an architecture in notation: a layer, or a group that is repeated.
indirect enum NotationPart: Hashable, Sendable {
    case convolution(filters: Int, window: NotationWindow, groups: Int)
    case maxPool(NotationWindow)
    case averagePool(NotationWindow)
    case globalAveragePool
    case batchNorm
    case layerNorm
    case instanceNorm
    case groupNorm(groups: Int)
    case localResponseNorm
    case activation(ActivationFunction)
    case parametricReLU
    /// The rate in units of `decimalUnit`, so that text and value are equally exact.
    case dropout(rate: Int)
    case dense(units: Int)
    case flatten
    /// Accepted at the end only, where the task implies it.
    case softmax
    case group([NotationPart], count: Int)

    /// What decimals are whole multiples of is one divided by this.
    static let decimalUnit = 100_000

    /// The number of layers with all repetitions, at most `limit + 1`.
    func layerCount(limit: Int) -> Int {
        guard case .group(let parts, let count) = self else { return 1 }
        let once = parts.layerCount(limit: limit)
        // Both factors are small, see NotationParser's limits.
        return min(once * count, limit + 1)
    }
}

/// Kernel, stride, padding and dilation of a layer in notation.
struct NotationWindow: Hashable, Sendable {
    var kernel: Size2D
    var stride: Size2D
    var padding: Padding = .valid
    var dilation: Size2D = 1
    var rounding: PoolRounding = .down
}

extension [NotationPart] {
    /// The number of layers with all repetitions, at most `limit + 1`.
    func layerCount(limit: Int) -> Int {
        reduce(0) { Swift.min($0 + $1.layerCount(limit: limit), limit + 1) }
    }

    /// The parts as canonical text.
    var text: String { map(\.text).joined(separator: " - ") }
}

extension NotationPart {
    /// The part as canonical text: what is the default is left out.
    var text: String {
        switch self {
        case .convolution(let filters, let window, let groups):
            var text = "conv \(filters) k\(window.kernel)"
            if window.stride != 1 { text += " s\(window.stride)" }
            text += window.padding.text
            if window.dilation != 1 { text += " d\(window.dilation)" }
            if groups != 1 { text += " g\(groups)" }
            return text
        case .maxPool(let window): return "maxpool " + window.poolText
        case .averagePool(let window): return "avgpool " + window.poolText
        case .globalAveragePool: return "gap"
        case .batchNorm: return "bn"
        case .layerNorm: return "ln"
        case .instanceNorm: return "in"
        case .groupNorm(let groups): return "gn\(groups)"
        case .localResponseNorm: return "lrn"
        case .activation(.leakyReLU(let slope)):
            let units = Int((slope * Float(Self.decimalUnit)).rounded())
            return slope == Self.usualSlope ? "leaky" : "leaky " + Self.text(ofDecimal: units)
        case .activation(let function): return function.word
        case .parametricReLU: return "prelu"
        case .dropout(let rate): return "dropout " + Self.text(ofDecimal: rate)
        case .dense(let units): return "fc \(units)"
        case .flatten: return "flatten"
        case .softmax: return "softmax"
        case .group(let parts, let count): return "[\(parts.text)] x \(count)"
        }
    }

    /// The slope of a leaky ReLU that is not written down.
    static let usualSlope: Float = 0.01

    private static func text(ofDecimal units: Int) -> String {
        if units == 0 { return "0" }
        var digits = String(String(decimalUnit + units).dropFirst())
        while digits.last == "0" { digits.removeLast() }
        return "0." + digits
    }
}

extension NotationWindow {
    fileprivate var poolText: String {
        "\(kernel)" + (stride == kernel ? "" : " s\(stride)") + padding.text
            + (rounding == .up ? " ceil" : "")
    }
}

extension Padding {
    fileprivate var text: String {
        switch self {
        case .valid: ""
        case .same: " same"
        case .explicit(let edges): edges == .zero ? "" : " p\(edges)"
        }
    }
}

extension ActivationFunction {
    /// The word for the function in a notation, without its parameter.
    var word: String {
        switch self {
        case .relu: "relu"
        case .tanh: "tanh"
        case .sigmoid: "sigmoid"
        case .leakyReLU: "leaky"
        case .elu: "elu"
        case .gelu: "gelu"
        case .geluTanh: "gelutanh"
        case .swish: "swish"
        case .hardSigmoid: "hardsigmoid"
        case .hardSwish: "hardswish"
        case .softplus: "softplus"
        }
    }
}
