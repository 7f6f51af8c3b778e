import FoveaGraph
import FoveaNN
import FoveaTensor

extension Graph {
    /// What the layer at `path` gives, where that is a stack of feature maps `[N, C, H, W]`: the last value below the path.
    ///
    /// - Throws: ``TrainingError`` that names similar layers where there is none.
    func featureMaps(ofLayer path: String) throws(TrainingError) -> Value {
        let inside = nodes.filter {
            $0.phase == .forward && ($0.path == path || $0.path.hasPrefix(path + "."))
        }
        guard let value = inside.last?.outputs.first else {
            let paths = featureMapLayers
            let close = Spelling.closest(to: path, in: paths)
            let shown = paths.prefix(12).joined(separator: ", ") + (paths.count > 12 ? ", …" : "")
            throw TrainingError(
                .configuration,
                "there is no layer '\(path)'; "
                    + (close.isEmpty
                        ? "the layers with feature maps are \(shown)"
                        : "did you mean \(close.joined(separator: " or "))?"))
        }
        guard shape(of: value).rank == 4 else {
            throw TrainingError(
                .configuration,
                "the layer '\(path)' gives \(shape(of: value)), no feature maps; the last layer that does is "
                    + "'\(featureMapLayers.last ?? "none")'")
        }
        return value
    }

    /// The paths of the layers that give feature maps, in the order of computation.
    private var featureMapLayers: [String] {
        var paths: [String] = []
        for node in nodes where node.phase == .forward && !node.path.isEmpty && paths.last != node.path {
            if let output = node.outputs.first, shape(of: output).rank == 4 { paths.append(node.path) }
        }
        return paths
    }

    /// The path of the last layer with feature maps larger than a pixel that is no pooling: where a network for
    /// classification has its most meaningful maps that still have places.
    var lastFeatureMapLayer: String? {
        nodes.last { node in
            guard node.phase == .forward, let output = node.outputs.first else { return false }
            if case .pool = node.operation { return false }
            let shape = shape(of: output)
            return shape.rank == 4 && shape[2] * shape[3] > 1
        }?.path
    }
}

extension Model {
    /// The values of the outputs that `add` adds to the prediction graph for one sample.
    func values(
        for sample: Tensor, adding add: (inout Graph) throws -> [String]
    ) throws -> [Tensor] {
        let batch = try prepared(sample)
        var graph = try network.predictionGraph(batchSize: 1)
        let names = try add(&graph)
        let plan = try backend.compile(graph)
        for (position, variable) in graph.variables.enumerated() {
            // A model has all keys of its network.
            plan.setVariable(position, to: weights[variable.key]!)
        }
        try plan.setInput("input", to: batch)
        try plan.execute()
        return names.map { plan.output(graph.position(ofOutput: $0)!) }
    }

    /// `sample`, `[C, H, W]` or `[F]`, as a batch of one, prepared as the model's preprocessing says.
    private func prepared(_ sample: Tensor) throws -> Tensor {
        guard sample.shape == sampleShape else {
            throw TrainingError(.data, "a sample is \(sample.shape) and the model takes \(sampleShape)")
        }
        let isBytes = sample.dtype == .uint8
        let batch = (isBytes ? sample : sample.converted(to: .float32))
            .reshaped(to: Shape([1] + sample.shape.dimensions))
        return try (preprocessing ?? (isBytes ? .bytes : .identity)).apply(to: batch)
    }
}
