import Fovea

/// The Swift of `Documentation/ConvolutionalNetworks.md`, between lines that say `guide`; ``GuideTests`` compares the two
/// and runs it.
enum GuideSnippets {
    static func convolution() throws -> Summary {
        // guide
        let layers = Sequential {
            Conv2D(filters: 8, kernelSize: 3, padding: .same)
            Conv2D(filters: 16, kernelSize: 3, stride: 2)
            Conv2D(filters: 16, kernelSize: 3, dilation: 2)
            Conv2D(filters: 32, kernelSize: 1, groups: 4)
            DepthwiseConv2D(kernelSize: Size2D(1, 7), padding: .same)
        }
        let summary = try Summary(of: layers, inputShape: [3, 32, 32])
        print(summary.textTable())
        // end
        return summary
    }

    static func field() throws -> UnitField {
        // guide
        let field = try Zoo.network(named: "resnet50").receptiveField(ofLayer: "layer3", row: 7, column: 7)
        print("rows \(field.rows.first) to \(field.rows.last), \(field.rows.before) of them above the image")
        // end
        return field
    }

    static func notation() throws -> Network {
        // guide
        let notation = try Notation(
            "[conv {filters} k3 same - relu - maxpool 2] x 2 - fc 10", values: ["filters": "16"])
        let network = try Network(notation, inputShape: [1, 28, 28], task: .classification(classes: 10))
        // end
        return network
    }

    static func bottleneck() throws -> SummaryComparison {
        // guide
        let plain = try Summary(of: Notation("conv 256 k3 same"), inputShape: [256, 14, 14])
        let bottleneck = try Summary(
            of: Notation("conv 64 k1 - conv 64 k3 same - conv 256 k1"), inputShape: [256, 14, 14])
        let comparison = SummaryComparison(("3x3", plain), ("bottleneck", bottleneck))
        print(comparison.ratios["weights"] ?? 1)
        // end
        return comparison
    }

    static func heads() throws -> (network: Network, inTraining: Int, inPrediction: Int) {
        // guide
        let network = Network(inputShape: [1, 28, 28], task: .classification(classes: 10)) {
            Conv2D(filters: 16, kernelSize: 3, padding: .same)
            ReLU()
            MaxPool2D(2)
            AuxiliaryHead(weight: 0.3) {
                GlobalAveragePool2D()
                Flatten()
                Dense(units: 10)
            }
            Conv2D(filters: 32, kernelSize: 3, padding: .same)
            ReLU()
            GlobalAveragePool2D()
            Flatten()
            Dense(units: 10)
        }
        let inTraining = try network.variables().count
        let inPrediction = try network.predictionGraph(batchSize: 1).variables.count
        // end
        return (network, inTraining, inPrediction)
    }

    static func gates() -> SqueezeExcitation {
        // guide
        let gated = SqueezeExcitation(reduction: 4) {
            Parallel(.concatenate) {
                Conv2D(filters: 8, kernelSize: 1)
                Conv2D(filters: 24, kernelSize: 3, padding: .same)
            }
        }
        // end
        return gated
    }

    static func connections() -> Network {
        // guide
        let residual = Residual {
            Conv2D(filters: 16, kernelSize: 3, padding: .same, usesBias: false)
            BatchNorm()
            ReLU()
            Conv2D(filters: 16, kernelSize: 3, padding: .same, usesBias: false)
            BatchNorm()
        }
        let dense = Parallel(.concatenate) {
            Sequential([])
            Conv2D(filters: 8, kernelSize: 3, padding: .same)
        }
        let network = Network(inputShape: [3, 32, 32], task: .classification(classes: 10)) {
            Conv2D(filters: 16, kernelSize: 3, padding: .same)
            residual
            ReLU()
            dense
            GlobalAveragePool2D()
            Flatten()
            Dense(units: 10)
        }
        // end
        return network
    }

    static func pictures(_ model: Model, _ sample: Tensor) throws -> Image {
        // guide
        let maps = try model.featureMaps(of: sample, layer: "conv1")
        let activation = try model.classActivation(of: sample)
        let picture = try activation.picture(over: Image(showing: sample))
        print(maps.shape, activation.prediction.label, picture.width)
        // end
        return picture
    }

    static func transfer(from path: String, to images: Dataset) throws -> Model {
        // guide
        var learner = try Model(
            Architecture("lenet5_relu", input: [1, 28, 28], task: .classification(classes: 2)), seed: 0)
        try learner.loadWeights(from: path, replacesHead: true)
        try learner.fit(images, epochs: 2, batchSize: 8, freezing: ["conv1", "conv2"])
        // end
        return learner
    }
}

// guide
struct SwishGate: Layer {
    func apply(to input: Graph.Value, in context: inout BuildContext) throws(GraphError) -> Graph.Value {
        let gate = try context.apply(Sigmoid(), named: "gate", to: input)
        return try context.graph.multiply(input, gate)
    }
}
// end
