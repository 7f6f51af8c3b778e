import FoveaGraph

extension Notation {
    /// The parts with all repetitions written out.
    var expanded: [NotationPart] { Self.expand(parts) }

    private static func expand(_ parts: [NotationPart]) -> [NotationPart] {
        parts.flatMap { part -> [NotationPart] in
            guard case .group(let inner, let count) = part else { return [part] }
            // Left alone, nested groups of nothing could still take for ever.
            if count == 0 { return [] }
            let once = expand(inner)
            if once.isEmpty { return [] }
            return (0..<count).flatMap { _ in once }
        }
    }

    /// The layers, each with its name.
    func layers() -> [any Layer] {
        let parts = expanded
        var numbers: [String: Int] = [:]
        var layers: [any Layer] = []
        for (position, part) in parts.enumerated() {
            let next = position + 1 < parts.count ? parts[position + 1] : nil
            let initializer: Initializer =
                Self.leadsIntoReLU(parts, after: position) ? .he(.normal) : .glorot(.uniform)
            guard let (kind, layer) = Self.layer(part, before: next, initializer: initializer) else {
                continue
            }
            numbers[kind, default: 0] += 1
            let number = numbers[kind, default: 0]
            if case .dense = part { layers.append(Flatten().named("flatten\(number)")) }
            layers.append(layer.named("\(kind)\(number)"))
        }
        return layers
    }

    private static func layer(
        _ part: NotationPart, before next: NotationPart?, initializer: Initializer
    ) -> (kind: String, layer: any Layer)? {
        switch part {
        case .convolution(let filters, let window, let groups):
            // Both take the mean of each channel away, and a bias with it.
            let usesBias = next != .batchNorm && next != .instanceNorm
            let layer = Conv2D(
                filters: filters, kernelSize: window.kernel, stride: window.stride, padding: window.padding,
                dilation: window.dilation, groups: groups, usesBias: usesBias, initializer: initializer)
            return ("conv", layer)
        case .maxPool(let window):
            let layer = MaxPool2D(
                window.kernel, stride: window.stride, padding: window.padding, rounding: window.rounding)
            return ("pool", layer)
        case .averagePool(let window):
            let layer = AveragePool2D(
                window.kernel, stride: window.stride, padding: window.padding, rounding: window.rounding)
            return ("pool", layer)
        case .globalAveragePool: return ("gap", GlobalAveragePool2D())
        case .batchNorm: return ("bn", BatchNorm())
        case .layerNorm: return ("ln", LayerNorm())
        case .instanceNorm: return ("in", InstanceNorm())
        case .groupNorm(let groups): return ("gn", GroupNorm(groups: groups))
        case .localResponseNorm: return ("lrn", LocalResponseNorm.alexNet)
        case .activation(let function): return (function.word, Activation(function))
        case .parametricReLU: return ("prelu", PReLU())
        case .dropout(let rate): return ("dropout", Dropout(Float(rate) / Float(NotationPart.decimalUnit)))
        case .dense(let units): return ("fc", Dense(units: units, initializer: initializer))
        case .flatten: return ("flatten", Flatten())
        case .softmax, .group: return nil
        }
    }

    /// Whether the first activation after `position` and before the next weight is a ReLU or like one: near 0 for
    /// negative numbers, near the identity for positive ones.
    private static func leadsIntoReLU(_ parts: [NotationPart], after position: Int) -> Bool {
        for part in parts[(position + 1)...] {
            switch part {
            case .activation(let function): return function.isRectifier
            case .parametricReLU: return true
            case .convolution, .dense: return false
            default: continue
            }
        }
        return false
    }
}

extension ActivationFunction {
    /// Whether the function is a ReLU or like one, for which `.he` keeps the variance of the activations.
    fileprivate var isRectifier: Bool {
        switch self {
        case .relu, .leakyReLU, .elu, .gelu, .geluTanh, .swish, .hardSwish: true
        case .tanh, .sigmoid, .hardSigmoid, .softplus: false
        }
    }
}
