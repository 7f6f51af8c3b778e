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
        let task = Network.Task.regression(outputs: 1)
        let stacked = try Summary(
            of: Network(try Notation("conv 1 k3 - conv 1 k3 - gap"), inputShape: [3, 50, 50], task: task))
        let single = try Summary(
            of: Network(try Notation("conv 1 k5 - gap"), inputShape: [3, 50, 50], task: task))
        #expect(stacked.receptiveField == single.receptiveField)
        #expect(stacked.parameters == 36 + 2)
        #expect(single.parameters == 75 + 1)
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
                "path", "kind", "outputShape", "window", "receptiveField", "parameters", "statistics", "macs",
                "activationBytes",
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
                layer          kind         output   kernel  stride  padding  field  jump  weights  MACs  bytes
                -----------------------------------------------------------------------------------------------
                conv           convolution  1x2x3x3       3       2  0,0,1,1      3     2       20   162     72
                1              reshape      1x18                                                              0
                fc             dense        1x2                                                 38    36      8
                probabilities  softmax      1x2                                                               8
                -----------------------------------------------------------------------------------------------
                parameters: 58
                MACs: 198
                FLOPs: 404
                activation bytes: 88
                receptive field: 3

                """)
        #expect(summary.markdown().hasPrefix("| layer | kind |"))
        #expect(
            summary.markdown().contains(
                "| conv | convolution | 1x2x3x3 | 3 | 2 | 0,0,1,1 | 3 | 2 | 20 | 162 | 72 |"))
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
