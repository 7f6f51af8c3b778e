import FoveaCPU
import FoveaFixtures
import FoveaGraph
import FoveaTensor
import FoveaZoo
import Testing

/// One step of every architecture at full width, from its first weights, on small images.
///
/// A gradient that should be there and is not is exactly zero; what is compared with zero here has no rounding to hide behind
/// but that of biases which a normalization takes off again.
@Suite struct ZooGradientTests {
    /// Sides of images that leave at least maps of 2x2 to the last batch normalization, where 64 is too small or too large.
    static let sides = [
        "lenet": 28, "mlp": 28, "alexnet": 67, "vgg": 32, "inception_v1": 80, "xception": 71,
        "inception_resnet": 107, "se_inception_resnet": 107,
    ]

    /// Biases just before a batch normalization, which takes them off again: their gradient is zero.
    private func isWithoutEffect(_ key: String, in name: String) -> Bool {
        name.contains("inception_resnet") && key == "block8.conv2d.bias"
            || name.hasPrefix("vgg") && name.contains("_bn") && key.hasPrefix("features.")
    }

    /// All but the narrow ones, where a gate of a single hidden unit may be off for all images: `GoldenTests` has those.
    static let names = Zoo.entries.map(\.card.name).filter { !$0.contains("tiny") }

    @Test(arguments: names)
    func everyParameterHasAGradient(name: String) throws {
        let family = Self.sides.keys.filter { name.hasPrefix($0) }.max { $0.count < $1.count }
        let side = family.map { Self.sides[$0]! } ?? 64
        let network = try Zoo.network(named: name, classes: 10, input: [1, side, side])
        var forward = try network.trainingForward(batchSize: 2, usesDropout: false)
        let keys = forward.graph.variables(.parameter).map(\.key)
        let parameters = keys.compactMap { forward.graph.value(ofVariable: $0) }
        for (key, gradient) in zip(
            keys, try forward.graph.gradients(of: forward.objective, withRespectTo: parameters))
        {
            try forward.graph.output("gradient." + key, gradient)
        }
        let plan = try CPUBackend().compile(forward.graph)
        let source = RandomSource(seed: 0)
        for (position, variable) in plan.graph.variables.enumerated() {
            let stream = source.stream(.initialization(position))
            plan.setVariable(
                position, to: variable.initial.tensor(shape: variable.type.shape, stream: stream))
        }
        try plan.setInput("input", to: Formula.data([2, 1, side, side]))
        try plan.setInput("labels", to: Formula.labels(2, classes: 10))
        try plan.execute()
        var norms: [String: Double] = [:]
        for (position, output) in forward.graph.outputs.enumerated() where output.name.hasPrefix("gradient.")
        {
            let key = String(output.name.dropFirst("gradient.".count))
            let gradient = plan.output(position)
            norms[key] = gradient.withUnsafeScalars(of: Float.self) { numbers in
                numbers.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
            }
        }
        #expect(norms.count == keys.count)
        let largest = norms.values.max() ?? 0
        #expect(largest.isFinite && largest > 0)
        for (key, norm) in norms where !isWithoutEffect(key, in: name) || key.hasSuffix("weight") {
            #expect(norm.isFinite && norm > 1e-9 * largest, "\(key): \(norm) of \(largest)")
        }
    }
}
