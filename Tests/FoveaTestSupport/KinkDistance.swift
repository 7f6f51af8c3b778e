import FoveaGraph
import FoveaReference
import FoveaTensor

extension OperationCase {
    /// The smallest distance of any activation's input from where its derivative jumps, and of the two largest elements under any
    /// maximum.
    ///
    /// Exact ties, made on purpose or by rectified zeros, do not count: they are the same in every
    /// arithmetic.
    ///
    /// - Parameter isRelative: whether each distance is measured by the largest magnitude of the tensor.
    func distanceToKink(isRelative: Bool = false) throws -> Double {
        var probed = graph
        var probes: [(operation: Operation, output: Int)] = []
        for node in graph.nodes {
            switch node.operation {
            case .activation(let rule) where !rule.function.kinks.isEmpty: break
            case .parametricReLU: break
            case .pool(let rule) where rule.reduction == .maximum: break
            default: continue
            }
            try probed.output("probe \(probes.count)", node.inputs[0])
            probes.append((node.operation, probed.outputs.count - 1))
        }
        guard !probes.isEmpty else { return .infinity }

        let outputs = try ReferenceInterpreter<Double>(probed).run(inputs: inputs, variables: variables)
            .outputs
        var distance = Double.infinity
        for probe in probes {
            let x = outputs[probe.output]
            let elements = x.scalars(as: Double.self)
            let unit = isRelative ? elements.lazy.map(abs).max() ?? 1 : 1
            let kinks: [Double]
            switch probe.operation {
            case .pool(let rule):
                distance = min(distance, smallestGap(elements, x.shape, rule.poolWindow) / unit)
                continue
            case .activation(let rule): kinks = rule.function.kinks
            default: kinks = [0]
            }
            for kink in kinks {
                let nearest = elements.lazy.map { abs($0 - kink) }.filter { $0 > 0 }.min()
                distance = min(distance, (nearest ?? .infinity) / unit)
            }
        }
        return distance
    }

    private func smallestGap(_ x: [Double], _ shape: Shape, _ window: Window) -> Double {
        guard let size = try? window.outputSize(over: Size2D(shape[2], shape[3])) else { return 0 }
        var gap = Double.infinity
        for plane in 0..<shape[0] * shape[1] {
            for i in 0..<size.height {
                for j in 0..<size.width {
                    var (first, second) = (-Double.infinity, -Double.infinity)
                    for u in 0..<window.kernel.height {
                        for v in 0..<window.kernel.width {
                            let row =
                                i * window.stride.height + u * window.dilation.height - window.padding.top
                            let column =
                                j * window.stride.width + v * window.dilation.width - window.padding.left
                            guard 0..<shape[2] ~= row, 0..<shape[3] ~= column else { continue }
                            let element = x[(plane * shape[2] + row) * shape[3] + column]
                            if element > first {
                                (first, second) = (element, first)
                            } else {
                                second = max(second, element)
                            }
                        }
                    }
                    if first > second { gap = min(gap, first - second) }
                }
            }
        }
        return gap
    }
}
