import FoveaGraph
import FoveaNN
import FoveaTensor

extension Model {
    /// What the layers give for `samples [N, …]` in prediction, without preprocessing and softmax: logits
    /// `[N, classes]`, or predictions `[N, outputs]`.
    ///
    /// - Throws: ``TrainingError`` where the samples do not fit the network, what the graph and the backend throw.
    public func forward(_ samples: Tensor) throws -> Tensor {
        let samples = try batch(samples)
        let count = samples.shape[0]
        var result: Tensor?
        try withPlan(batchSize: count) { plan in
            try plan.run(.raw) { features in
                samples.withUnsafeScalars(of: Float.self) { _ = features.update(fromContentsOf: $0) }
            } read: { values in
                result = Tensor(Array(values), shape: [count, network.task.width])
            }
        }
        return result!
    }

    /// The mean cross-entropy of `samples [N, …]` and its gradient with respect to each parameter, in the order of the graph.
    ///
    /// With auxiliary heads it is that of the network plus weight times that of each head, as training sees it.
    /// As one training step sees it: batch normalization uses the statistics of the batch; dropout is off and penalties are
    /// left out, so that the gradient is a function of samples and weights alone. No preprocessing is applied.
    ///
    /// - Parameter labels: `[N]`, int32, each the number of a class.
    /// - Throws: ``TrainingError`` where samples or labels do not fit the network, what the graph and the backend throw.
    public func gradients(
        of samples: Tensor, labels: Tensor
    ) throws -> (loss: Float, gradients: [(name: String, tensor: Tensor)]) {
        let samples = try batch(samples)
        let labels = try checked(labels, count: samples.shape[0])
        let forward = try network.trainingForward(batchSize: samples.shape[0], usesDropout: false)
        var graph = forward.graph
        let parameters = graph.variables.indices.filter { graph.variables[$0].role == .parameter }
        let gradients = try graph.gradients(
            of: forward.trainedLoss, withRespectTo: parameters.map { graph.value(ofVariable: $0) })
        for (parameter, gradient) in zip(parameters, gradients) {
            try graph.output("gradient." + graph.variables[parameter].key, gradient)
        }
        try graph.output("trainedLoss", forward.trainedLoss)
        let plan = try backend.compile(graph)
        for (position, variable) in graph.variables.enumerated() {
            // A state has all keys of its network.
            plan.setVariable(position, to: state.tensors[variable.key]!)
        }
        try plan.setInput("input", to: samples)
        try plan.setInput("labels", to: labels)
        try plan.execute()
        let loss = plan.output(graph.position(ofOutput: "trainedLoss")!).scalars(as: Float.self)[0]
        return (
            loss,
            parameters.map { parameter in
                let key = graph.variables[parameter].key
                return (key, plan.output(graph.position(ofOutput: "gradient." + key)!))
            }
        )
    }

    /// `samples` as float32, checked against the network's input.
    private func batch(_ samples: Tensor) throws(TrainingError) -> Tensor {
        let expected = network.inputShape
        guard samples.shape.rank == expected.rank + 1, samples.shape[0] > 0,
            Array(samples.shape.dimensions.dropFirst()) == expected.dimensions
        else {
            let extents = expected.dimensions.map(String.init).joined(separator: ", ")
            throw TrainingError(
                .data, "the samples are \(samples.shape) and the network takes [N, \(extents)]")
        }
        return samples.converted(to: .float32)
    }

    private func checked(_ labels: Tensor, count: Int) throws(TrainingError) -> Tensor {
        guard case .classification(let classes) = network.task else {
            throw TrainingError(
                .data, "labels are for classification, and the network is for \(network.task)")
        }
        guard labels.shape == [count], !labels.dtype.isFloatingPoint else {
            throw TrainingError(
                .data,
                "the labels are \(labels.dtype)\(labels.shape); expected integers of the shape [\(count)]")
        }
        let labels = labels.converted(to: .int32)
        if let (index, label) = labels.scalars(as: Int32.self).enumerated().first(where: {
            $1 < 0 || $1 >= classes
        }) {
            throw TrainingError(.data, "label \(index) is \(label); the classes are 0 to \(classes - 1)")
        }
        return labels
    }
}
