import Foundation
import FoveaCPU
import FoveaData
import FoveaGraph
import FoveaImages
import FoveaNN
import FoveaReference
import FoveaTensor
import FoveaZoo
import Testing

import FoveaTraining

/// Pictures of what a network has learned and sees.
@Suite struct ModelPictureTests {
    private static func sample(_ shape: Shape, seed: UInt64 = 4) -> Tensor {
        let stream = RandomSource(seed: seed).stream(.other(0))
        return Tensor((0..<shape.count).map { Float(stream.normal(at: $0)) }, shape: shape)
    }

    /// A tail whose derivative is anything but constant.
    private static let tail: [any Layer] = [
        Conv2D(filters: 4, kernelSize: 3, padding: 1, initializer: .glorot(.uniform)).named("conv2"),
        BatchNorm().named("norm"), Tanh(), AveragePool2D(2), Flatten(),
        Dense(units: 3, initializer: .glorot(.uniform)).named("fc"),
    ]

    @Test(arguments: TestBackend.allCases)
    func activationsAgreeWithDifferences(_ backend: TestBackend) throws {
        let shape: Shape = [3, 6, 4]
        let task = Network.Task.classification(classes: 3)
        let network = Network(inputShape: [1, 8, 6], task: task) {
            Conv2D(filters: 3, kernelSize: 3).named("conv1")
            Sequential(Self.tail).named("")
        }
        var model = try Model(network, seed: 5, preprocessing: .identity, backend: backend.make())
        // Statistics of a norm that changes something.
        var weights = model.weights.map { (name: $0.key, tensor: $0.value) }
        weights[weights.firstIndex { $0.name == "norm.running_var" }!].tensor = Tensor(
            [0.5, 2, 3, 0.2], shape: [4])
        weights[weights.firstIndex { $0.name == "norm.running_mean" }!].tensor = Tensor(
            [1, -1, 0.3, 0], shape: [4])
        try model.setWeights(weights, source: "test")
        let sample = Self.sample([1, 8, 6])
        let maps = try model.featureMaps(of: sample, layer: "conv1")
        #expect(maps.shape == shape)

        // The rest of the network as one of its own, whose input are the maps.
        var rest = try Model(
            Network(inputShape: shape, task: task, layers: Sequential(Self.tail)), seed: 0,
            preprocessing: .identity,
            backend: ReferenceBackend())
        try rest.setWeights(weights.filter { !$0.name.hasPrefix("conv1") }, source: "test")
        let numbers = maps.scalars(as: Float.self)
        let step: Float = 0.02
        func logit(_ numbers: [Float], _ index: Int) throws -> Double {
            Double(try rest.forward(Tensor(numbers, shape: [1, 3, 6, 4])).scalars(as: Float.self)[index])
        }
        for index in 0..<3 {
            let slopes = try numbers.indices.map { place in
                var (up, down) = (numbers, numbers)
                up[place] += step
                down[place] -= step
                return try (logit(up, index) - logit(down, index)) / Double(up[place] - down[place])
            }
            let expected = (0..<24).map { place in
                max(
                    0,
                    (0..<3).reduce(0.0) { sum, channel in
                        let mean = slopes[channel * 24..<channel * 24 + 24].reduce(0, +) / 24
                        return sum + mean * Double(numbers[channel * 24 + place])
                    })
            }
            let activation = try model.classActivation(of: sample, class: index, layer: "conv1")
            #expect(activation.map.shape == [6, 4])
            #expect(expected.contains { $0 > 0.01 })
            for (a, b) in zip(activation.map.scalars(as: Float.self), expected) {
                #expect(abs(Double(a) - b) < 2e-3 * (expected.max() ?? 0) + 1e-5, "class \(index)")
            }
        }
        let likeliest = try model.classActivation(of: sample)
        #expect(likeliest.layer == "2")
        #expect(likeliest.prediction.index == (0..<3).max { try! logit(numbers, $0) < logit(numbers, $1) })
        let picture = try likeliest.picture(over: try Image(showing: sample))
        #expect((picture.height, picture.width) == (52 * 8 + 8, 2 * 52 * 6 + 12))
    }

    @Test func pooledFeaturesGiveTheClassicMap() throws {
        // With global pooling and a dense layer, the weight of a map is its dense weight over the area (Zhou 2016).
        let network = Network(inputShape: [1, 7, 7], task: .classification(classes: 2)) {
            Conv2D(filters: 4, kernelSize: 3).named("conv")
            ReLU().named("relu")
            GlobalAveragePool2D()
            Flatten()
            Dense(units: 2).named("fc")
        }
        let model = try Model(network, seed: 3, preprocessing: .identity)
        let sample = Self.sample([1, 7, 7])
        let activation = try model.classActivation(of: sample, class: 1)
        #expect(activation.layer == "relu")
        let maps = try model.featureMaps(of: sample, layer: "relu").scalars(as: Float.self)
        let weights = model.weights["fc.weight"]!.scalars(as: Float.self)[4..<8].map { $0 }
        for (place, value) in activation.map.scalars(as: Float.self).enumerated() {
            let expected = (0..<4).reduce(Float(0)) { $0 + weights[$1] / 25 * maps[$1 * 25 + place] }
            #expect(abs(value - max(0, expected)) < 1e-5)
        }
    }

    @Test func activationsLieWhereTheirUnitsLook() throws {
        // The only kernel takes the middle of its window, so that maps without padding are the image without its edge.
        let network = Network(inputShape: [1, 12, 12], task: .classification(classes: 2)) {
            Conv2D(filters: 1, kernelSize: 5, usesBias: false).named("conv")
            ReLU().named("relu")
            GlobalAveragePool2D()
            Flatten()
            Dense(units: 2).named("fc")
        }
        var model = try Model(network, seed: 0, preprocessing: .identity)
        var kernel = [Float](repeating: 0, count: 25)
        kernel[12] = 1
        try model.setWeights(
            [
                ("conv.weight", Tensor(kernel, shape: [1, 1, 5, 5])),
                ("fc.weight", Tensor([Float(1), -1], shape: [2, 1])), ("fc.bias", Tensor(zeros: [2])),
            ], source: "test")
        var pixels = [Float](repeating: 0, count: 144)
        pixels[3 * 12 + 8] = 1
        let activation = try model.classActivation(of: Tensor(pixels, shape: [1, 12, 12]), class: 0)
        let black = try Image(height: 12, width: 12, channels: 1, pixels: [UInt8](repeating: 0, count: 144))
        let picture = try activation.picture(over: black, side: 60)
        #expect((picture.height, picture.width) == (68, 132))
        // The overlay is on the right; pixel (3, 8) has its middle at 17.5 and 42.5 there.
        let brightness = (0..<68 * 132).map { place -> Int in
            let isOverlay = (4..<64).contains(place / 132) && (68..<128).contains(place % 132)
            return isOverlay ? picture.pixels[place * 3..<place * 3 + 3].reduce(0) { $0 + Int($1) } : 0
        }
        let brightest = brightness.indices.max { brightness[$0] < brightness[$1] }!
        #expect((brightest / 132 - 4, brightest % 132 - 68) == (17, 42))
    }

    /// The input pixels that change a unit are those of its field, as far as they lie on the input.
    @Test func fieldsAreWhatChangesAUnit() throws {
        let network = Network(inputShape: [1, 11, 13], task: .regression(outputs: 4)) {
            Conv2D(filters: 2, kernelSize: 3, padding: 1).named("conv1")
            Residual {
                Conv2D(filters: 2, kernelSize: 5, padding: 2).named("wide")
                Tanh()
            }.named("block")
            AveragePool2D(2).named("pool")
            Conv2D(filters: 1, kernelSize: 3, stride: 2, padding: 1).named("conv2")
            Flatten()
            Dense(units: 4)
        }
        let model = try Model(network, seed: 1, preprocessing: .identity, backend: ReferenceBackend())
        let sample = Self.sample([1, 11, 13])
        let before = try model.featureMaps(of: sample, layer: "conv2")
        let (height, width) = (before.shape[1], before.shape[2])
        var seen = [[(Int, Int)]](repeating: [], count: height * width)
        for row in 0..<11 {
            for column in 0..<13 {
                var numbers = sample.scalars(as: Float.self)
                numbers[row * 13 + column] += 1
                let after = try model.featureMaps(of: Tensor(numbers, shape: sample.shape), layer: "conv2")
                for (unit, pair) in zip(before.scalars(as: Float.self), after.scalars(as: Float.self))
                    .enumerated()
                where pair.0 != pair.1 { seen[unit].append((row, column)) }
            }
        }
        for unit in 0..<height * width {
            let field = try network.receptiveField(ofLayer: "conv2", row: unit / width, column: unit % width)
            #expect(seen[unit].map(\.0).min() == max(0, field.rows.first))
            #expect(seen[unit].map(\.0).max() == min(10, field.rows.last))
            #expect(seen[unit].map(\.1).min() == max(0, field.columns.first))
            #expect(seen[unit].map(\.1).max() == min(12, field.columns.last))
            #expect(field.rows.before == max(0, -field.rows.first))
            #expect(field.columns.beyond == max(0, field.columns.last - 12))
        }
    }

    @Test func fieldsAreDrawnWhereTheyAre() throws {
        let network = Network(inputShape: [1, 4, 4], task: .regression(outputs: 16)) {
            Conv2D(filters: 1, kernelSize: 3, padding: 1).named("conv")
            Flatten()
            Dense(units: 16)
        }
        let field = try network.receptiveField(ofLayer: "conv", row: 0, column: 3)
        #expect((field.rows.first, field.rows.last, field.rows.before) == (-1, 1, 1))
        #expect((field.columns.first, field.columns.last, field.columns.beyond) == (2, 4, 1))
        let picture = try field.picture(on: Image(showing: Self.sample([1, 4, 4])), side: 140)
        // Rows -2 to 4 and columns -1 to 5 at 20 pixels each.
        #expect((picture.height, picture.width) == (140, 140))
        func isOrange(_ row: Int, _ column: Int) -> Bool {
            Array(picture.pixels[(row * 140 + column) * 3..<(row * 140 + column) * 3 + 3]) == [255, 110, 0]
        }
        // The lower edge is solid on the input and the upper one, in the padding, is dashed.
        #expect((60..<100).allSatisfy { isOrange(79, $0) })
        #expect((60..<100).contains { isOrange(20, $0) })
        #expect((60..<100).contains { !isOrange(20, $0) })
        #expect(!isOrange(120, 70))
    }

    @Test func filtersAreScaledOneByOne() throws {
        let network = Network(inputShape: [1, 4, 4], task: .regression(outputs: 2)) {
            Conv2D(filters: 2, kernelSize: 2, usesBias: false).named("conv")
            GlobalAveragePool2D()
        }
        var model = try Model(network, seed: 0)
        try model.setWeights(
            [("conv.weight", Tensor([1, -0.5, 0, 0.25, 10, -20, 0, 5], shape: [2, 1, 2, 2]))], source: "test")
        let sheet = try model.filterSheet()
        // Tiles of 2x2 at 160 pixels, four pixels apart.
        #expect((sheet.height, sheet.width) == (168, 332))
        func tile(_ left: Int) -> [UInt8] {
            [(40, 40), (40, 120), (120, 40), (120, 120)].map { sheet.pixels[($0 + 4) * 332 + $1 + left] }
        }
        #expect(tile(4) == [255, 64, 128, 159])
        #expect(tile(168) == [191, 0, 128, 159])
        #expect(try model.filters(ofLayer: "conv").shape == [2, 1, 2, 2])
        #expect(
            errorText { _ = try model.filters(ofLayer: "fc") }
                == "there is no convolution 'fc'; the convolutions are conv")
    }

    @Test func mapsOfDeepBlocksAgreeOnBothBackends() throws {
        let architecture = Architecture(
            "resnet_tiny", input: [3, 32, 32], task: .classification(classes: 10))
        let sample = Self.sample([3, 32, 32])
        let results = try TestBackend.allCases.map { backend in
            let model = try Model(architecture, seed: 2, preprocessing: .identity, backend: backend.make())
            return (
                try model.featureMaps(of: sample, layer: "layer3.0"),
                try model.classActivation(of: sample, class: 7)
            )
        }
        #expect(results[0].0.shape == [32, 8, 8])
        #expect(results[0].1.layer == "layer4.0.relu")
        for (a, b) in [(results[0].0, results[1].0), (results[0].1.map, results[1].1.map)] {
            let (a, b) = (a.scalars(as: Float.self), b.scalars(as: Float.self))
            let scale = a.map(abs).max() ?? 0
            #expect(scale > 0)
            #expect(zip(a, b).allSatisfy { abs($0 - $1) < 1e-4 * scale })
        }
    }

    @Test func whatCannotBeShownIsRefused() throws {
        let model = try Model(
            Architecture("lenet5", input: [1, 28, 28], task: .classification(classes: 10)), seed: 0)
        let sample = Tensor([UInt8](repeating: 9, count: 784), shape: [1, 28, 28])
        #expect(
            errorText { _ = try model.featureMaps(of: sample, layer: "convl") }
                == "there is no layer 'convl'; did you mean conv1 or conv2?")
        #expect(
            errorText { _ = try model.featureMaps(of: sample, layer: "fc1") }
                == "the layer 'fc1' gives [1, 120], no feature maps; the last layer that does is 'pool2'")
        #expect(
            errorText { _ = try model.classActivation(of: sample, class: 10) }
                == "there is no class 10; the classes are 0 to 9")
        #expect(
            errorText { _ = try model.featureMaps(of: Tensor(zeros: [1, 28, 27]), layer: "conv1") }
                == "a sample is [1, 28, 27] and the model takes [1, 28, 28]")
        #expect(
            errorText { _ = try model.network.receptiveField(ofLayer: "conv2", row: 10, column: 0) }
                == "the maps of 'conv2' are 10x10 and have no unit 10,0; its row is in 0 ... 9 and its column in 0 ... 9"
        )
        let vectors = try Model(
            Architecture("fc 3", input: [4], task: .classification(classes: 3)), seed: 0)
        #expect(
            errorText { _ = try vectors.classActivation(of: Tensor(zeros: [4])) }
                == "the network has no feature maps larger than a pixel")
        #expect(errorText { _ = try vectors.filters() } == "the network has no convolution")
    }
}
