import FoveaGraph
import FoveaNN
import FoveaZoo
import Testing

@Suite("Keys")
struct KeyTests {
    @Test(
        "match patterns as a whole or by the path of a layer",
        arguments: [
            ("conv1", "conv1.weight", true), ("conv1", "conv10.weight", false),
            ("conv1", "a.conv1.weight", false),
            ("conv1.weight", "conv1.weight", true), ("conv1.weight", "conv1.bias", false),
            ("*.bias", "layer1.0.conv1.bias", true), ("*.bias", "bias", false), ("*bias", "bias", true),
            ("layer?", "layer1.0.conv1.weight", true), ("layer?", "layer12.weight", false),
            ("layer1.*.conv1", "layer1.0.conv1.weight", true),
            ("layer1.*.conv1", "layer1.0.conv2.weight", false),
            ("*", "weight", true), ("**", "a.b", true), ("", "weight", false), ("?", "", false),
            ("*a*a*a*a*a*a*b", String(repeating: "a", count: 60), false),
        ])
    func patterns(_ pattern: String, _ key: String, _ matches: Bool) {
        #expect(KeyPattern(pattern).matches(key) == matches, "\(pattern) \(key)")
    }

    @Test("of the head are those of the last layer before each loss")
    func head() throws {
        #expect(try Zoo.network(named: "lenet5").headKeys() == ["fc3.weight", "fc3.bias"])
        #expect(try Zoo.network(named: "resnet18").headKeys() == ["fc.weight", "fc.bias"])
        let convolutional = Network(inputShape: [1, 4, 4], task: .regression(outputs: 2)) {
            Conv2D(filters: 3, kernelSize: 3)
            BatchNorm()
            Conv2D(filters: 2, kernelSize: 1, usesBias: false).named("last")
            GlobalAveragePool2D()
        }
        #expect(try convolutional.headKeys() == ["last.weight"])
        let plain = Network(inputShape: [3], task: .regression(outputs: 3)) { ReLU() }
        #expect(try plain.headKeys() == [])
    }
}
