import Foundation
import FoveaGraph
import FoveaNN
import FoveaTensor
import FoveaZoo
import Testing

@Suite("The summary")
struct SummaryTests {
    @Test("has the published totals and receptive field of ResNet-50")
    func resnet50() throws {
        let summary = try Summary(of: Zoo.network(named: "resnet50"))
        #expect(summary.parameters == 25_557_032)
        #expect(summary.macs == 4_089_184_256)
        #expect(summary.statistics == 2 * 26_560)
        #expect(summary.receptiveField?.size == [427, 427])
        #expect(summary.receptiveField?.jump == [32, 32])
        let stem = summary.layers[0]
        #expect(stem.path == "conv1")
        #expect(stem.outputShape == [1, 64, 112, 112])
        #expect(stem.window?.kernel == [7, 7])
        #expect(stem.window?.padding == [3, 3, 3, 3])
        #expect(stem.receptiveField?.center == [0, 0])
        #expect(stem.parameters == 9_408)
        #expect(stem.macs == 118_013_952)
        #expect(stem.activationBytes == 4 * 64 * 112 * 112)
    }

    @Test("counts two stacked 3x3 against one 5x5: 36 against 75 weights, one receptive field")
    func stackedConvolutions() throws {
        let stacked = try Summary(of: Notation("conv 1 k3 - conv 1 k3"), inputShape: [3, 50, 50])
        let single = try Summary(of: Notation("conv 1 k5"), inputShape: [3, 50, 50])
        #expect(stacked.receptiveField?.size == single.receptiveField?.size)
        #expect((stacked.weights, stacked.biases, stacked.parameters) == (36, 2, 38))
        #expect((single.weights, single.biases, single.parameters) == (75, 1, 76))
        #expect(single.outputShape == [1, 1, 46, 46])

        let comparison = SummaryComparison(("one", single), ("two", stacked))
        #expect(comparison.differences["weights"] == -39)
        #expect(comparison.ratios["weights"] == 0.48)
        #expect(comparison.textTable().contains("weights                  75         36       -39  0.480"))
        #expect(comparison.markdown().contains("| weights | 75 | 36 | -39 | 0.480 |"))
        #expect(comparison.markdown().contains("- A: one\n- B: two\n"))
    }

    @Test("shows what a 1x1 bottleneck saves")
    func bottleneck() throws {
        let plain = try Summary(of: Notation("conv 256 k3 same"), inputShape: [256, 14, 14])
        let bottleneck = try Summary(
            of: Notation("conv 64 k1 - conv 64 k3 same - conv 256 k1"), inputShape: [256, 14, 14])
        #expect(plain.weights == 256 * 256 * 9)
        #expect(bottleneck.weights == 256 * 64 + 64 * 64 * 9 + 64 * 256)
        #expect(bottleneck.macs == bottleneck.weights * 14 * 14)
        #expect(SummaryComparison(("A", plain), ("B", bottleneck)).differences["weights"] == -520_192)
    }

    @Test("counts the weights of unshared and of full connections")
    func connectivity() throws {
        let summary = try Summary(of: Notation("conv 6 k3 s2 g2"), inputShape: [4, 9, 7], batchSize: 3)
        let counts = try #require(summary.layers[0].connectivity)
        // 4x3 places of 6 filters, each with 3x3 taps on 2 of 4 channels.
        #expect(counts.shared == 6 * 2 * 9)
        #expect(counts.locallyConnected == 6 * 2 * 9 * 12)
        #expect(counts.fullyConnected == 4 * 9 * 7 * 6 * 12)
        #expect(summary.layers[0].groups == 2)
        #expect(
            summary.weightsTable().contains(
                "conv1  3x6x4x3       3           18,144              1,296     108"))
        #expect(summary.textTable().contains("groups"))
    }

    @Test("says what training keeps and what is alive in prediction")
    func memory() throws {
        // Values of 8 channels on 4x4: 512 bytes a sample; the input of 1x6x6 has 144.
        let layers = Sequential {
            Conv2D(filters: 8, kernelSize: 3, usesBias: false).named("conv")
            BatchNorm().named("norm")
            ReLU().named("relu")
            Flatten().named("flatten")
            Dense(units: 2).named("fc")
        }
        let summary = try Summary(of: layers, inputShape: [1, 6, 6], batchSize: 2)
        let kept = Dictionary(uniqueKeysWithValues: summary.layers.map { ($0.path, $0.keptBytes) })
        // The gradient of the kernel needs the input, that of the norm its input and two statistics, that of the ReLU
        // and of the dense layer the ReLU's output, once.
        #expect(kept == ["conv": 1024, "norm": 64, "relu": 1024, "flatten": 0, "fc": 0])
        #expect(summary.keptBytes == 288 + 1024 + 64 + 1024)
        let live = summary.layers.map(\.liveBytes)
        #expect(live == [288 + 1024, 2048, 2048, 1024, 1024 + 16])
        #expect(summary.predictionBytes == 2048)
        // Backward through the ReLU: all that is kept, the gradient that comes in and the one that goes out.
        #expect(summary.trainingBytes == 288 + 1024 + 64 + 1024 + 2 * 1024)
        #expect(summary.layers[1].averagedAxes == ["N", "H", "W"])
        #expect(summary.layers[1].kind == "batchNorm")
        #expect(summary.textTable().contains("N,H,W"))
    }

    @Test("knows no training over one value for each channel")
    func noTraining() throws {
        let layers = Sequential {
            Dense(units: 3)
            BatchNorm()
            Dropout(0.5)
            Dense(units: 2)
        }
        let one = try Summary(of: layers, inputShape: [4]),
            two = try Summary(of: layers, inputShape: [4], batchSize: 2)
        #expect(one.keptBytes == nil)
        #expect(one.trainingBytes == nil)
        #expect(one.textTable().contains("training bytes: none, since"))
        #expect(two.keptBytes != nil)
        #expect(one.layers.map(\.path) == two.layers.map(\.path))
        #expect(one.layers.map(\.path) == ["0", "1", "3", "2"])
        #expect(one.layers.last?.isTrainingOnly == true)
    }

    @Test("lists layers of training alone, whose parameters count and whose MACs do not")
    func trainingOnly() throws {
        let network = Network(inputShape: [5], task: .classification(classes: 3)) {
            Dense(units: 4).named("hidden")
            TrainingOnlyHead(units: 4).named("head")
            Dense(units: 3).named("output")
        }
        let summary = try Summary(of: network, batchSize: 2)
        #expect(summary.parameters == 24 + 20 + 15)
        #expect(summary.trainingOnlyParameters == 20)
        #expect(summary.macs == 2 * (20 + 12))
        let head = summary.layers.filter(\.isTrainingOnly)
        #expect(head.map(\.path) == ["head.dense", "head"])
        #expect(head[0].parameters == 20)
        #expect(head.allSatisfy { $0.liveBytes == nil })
        #expect(summary.textTable().contains("head.dense     dense, training only"))
    }

    @Test("is linear in the batch but for the weights")
    func batch() throws {
        let network = try Zoo.network(named: "lenet5")
        let one = try Summary(of: network), seven = try Summary(of: network, batchSize: 7)
        #expect(seven.macs == 7 * one.macs)
        #expect(seven.activationBytes == 7 * one.activationBytes)
        #expect(seven.parameters == one.parameters)
        #expect(one.macs == 416_520)
    }

    @Test("encodes with stable keys")
    func encodes() throws {
        let summary = try Summary(of: Zoo.network(named: "lenet5"))
        let object = try #require(
            try JSONSerialization.jsonObject(with: JSONEncoder().encode(summary)) as? [String: Any])
        #expect(object["parameters"] as? Int == 61_706)
        #expect(object["macs"] as? Int == 416_520)
        let layers = try #require(object["layers"] as? [[String: Any]])
        #expect(layers.count == summary.layers.count)
        #expect(layers[0]["outputShape"] as? [Int] == [1, 6, 28, 28])
        #expect(
            Set(layers[0].keys) == [
                "path", "kind", "isTrainingOnly", "outputShape", "window", "groups", "receptiveField",
                "weights",
                "biases", "parameters", "statistics", "macs", "flops", "activationBytes", "keptBytes",
                "liveBytes",
                "connectivity",
            ])
        #expect(
            Set(object.keys) == [
                "inputShape", "outputShape", "layers", "parameters", "weights", "biases",
                "trainingOnlyParameters",
                "statistics", "macs", "flops", "activationBytes", "keptBytes", "trainingBytes",
                "predictionBytes",
                "receptiveField",
            ])
    }

    @Test("is a table")
    func tables() throws {
        let network = Network(inputShape: [1, 6, 6], task: .classification(classes: 2)) {
            Conv2D(filters: 2, kernelSize: 3, stride: 2, padding: .same).named("conv")
            Flatten()
            Dense(units: 2).named("fc")
        }
        let summary = try Summary(of: network)
        #expect(
            summary.textTable() == """
                layer          kind         output   kernel  stride  padding  field  jump  center  weights  biases  MACs  bytes  kept  live
                ---------------------------------------------------------------------------------------------------------------------------
                conv           convolution  1x2x3x3       3       2  0,0,1,1      3     2       1       18       2   162     72    72   216
                1              reshape      1x18                                                                              0          72
                fc             dense        1x2                                                         36       2    36      8     8    80
                probabilities  softmax      1x2                                                                               8          16
                ---------------------------------------------------------------------------------------------------------------------------
                parameters: 58 (54 weights, 4 biases and scales)
                MACs: 198
                FLOPs: 404
                activation bytes: 88
                training bytes: 308 alive at most, 228 kept for the backward pass
                prediction bytes: 216 alive at most
                receptive field: 3
                output size: o = floor((i + p - d (k - 1) - 1) / s) + 1, p the padding of both sides together

                """)
        #expect(summary.markdown().hasPrefix("| layer | kind |"))
        #expect(
            summary.markdown().contains(
                "| conv | convolution | 1x2x3x3 | 3 | 2 | 0,0,1,1 | 3 | 2 | 1 | 18 | 2 | 162 | 72 | 72 | 216 |"
            ))
    }

    @Test("refuses maps that would be empty with the layer and the formula")
    func emptyMaps() {
        func message(_ notation: String, _ shape: Shape) -> String {
            do {
                _ = try Summary(of: Notation(notation), inputShape: shape)
                return ""
            } catch { return "\(error)" }
        }
        #expect(
            message("conv 4 k3 - maxpool 2 - conv 4 k5 s2 p1", [1, 9, 5]).hasPrefix(
                "conv2: the window of 5x5 does not fit into the input of 3x1 with padding 1: the output would be empty, "
                    + "with o = floor((i + p - d (k - 1) - 1) / s) + 1 = floor((1 + 2 - 1 * 4 - 1) / 2) + 1 = 0 columns;"
            ))
        #expect(message("maxpool 3", [1, 2, 9]).contains("= floor((2 + 0 - 1 * 2 - 1) / 3) + 1 = 0 rows;"))
    }

    @Test("of ResNet-152 takes no time")
    func fast() throws {
        let network = try Zoo.network(named: "resnet152")
        // The best of a few: other tests run at the same time.
        let elapsed =
            try (0..<5).map { _ in
                try ContinuousClock().measure { _ = try Summary(of: network) }
            }.min() ?? .zero
        #if DEBUG
            #expect(elapsed < .seconds(2))
        #else
            #expect(elapsed < .milliseconds(50))
        #endif
    }
}

/// A dense layer beside the identity, in training alone.
private struct TrainingOnlyHead: Layer {
    var units: Int

    func apply(to input: Graph.Value, in context: inout BuildContext) throws(GraphError) -> Graph.Value {
        guard context.mode == .training else { return input }
        let side = try context.apply(Dense(units: units), named: "dense", to: input)
        return try context.graph.add(input, side)
    }
}
