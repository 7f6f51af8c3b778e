import FoveaGraph
import FoveaImages
import FoveaNN
import FoveaTensor

/// Where in an image a network finds what speaks for a class, after Grad-CAM.
///
/// With `A` the maps of a layer for the sample and `y` the logit of the class, in prediction:
/// `a[c] = mean(i, j) ∂y/∂A[c, i, j]` and `L[i, j] = max(0, Σ(c) a[c] A[c, i, j])`.
///
/// Source: Selvaraju et al. 2017, "Grad-CAM: Visual explanations from deep networks via gradient-based localization",
/// equations 1 and 2.
public struct ClassActivation: Sendable {
    /// The class: its name, number and probability.
    public var prediction: ClassPrediction
    /// The path of the layer whose maps these are.
    public var layer: String
    /// `L [H', W']`, float32, as it is computed: not normalized, not scaled to the image.
    public var map: Tensor
    /// Where the units lie on the sample: along its height, then along its width.
    let places: [Places]

    /// Where the units along an axis lie: unit `i` has the middle of its receptive field at `first + i · jump`.
    struct Places {
        var first: Double
        var jump: Double
        /// The extent of the sample.
        var extent: Int

        /// The unit at `position` of `count`, counted in pixels from the first pixel's edge, as a fraction.
        func unit(at position: Double, of count: Int) -> Double {
            (position / Double(count) * Double(extent) - 0.5 - first) / jump
        }
    }

    /// `image`, and beside it `image` in grey under `L`, from 0 to its largest number in the colours of `ColorMap`, half
    /// opaque.
    ///
    /// Each unit lies on the middle of its receptive field, and between units `L` is interpolated; beyond the outermost ones
    /// it falls to 0. (Usually `L` is stretched over the whole image, which displaces it where convolutions are not padded.)
    /// The image is enlarged by the whole factor that brings its longer side close to `side`. Where nothing speaks for the
    /// class, `L` is 0 throughout and the colour one.
    ///
    /// - Throws: `ImageError` where the picture would be too large.
    public func picture(over image: Image, side: Int = 420) throws(ImageError) -> Image {
        let large = try image.enlarged(by: image.enlargement(toward: side))
        let (height, width) = (map.shape[0], map.shape[1])
        let numbers = map.scalars(as: Float.self).map { Double($0) }
        let largest = numbers.filter(\.isFinite).max() ?? 0
        func value(_ row: Int, _ column: Int) -> Double {
            (0..<height).contains(row) && (0..<width).contains(column) ? numbers[row * width + column] : 0
        }
        let columns = (0..<large.width).map { places[1].unit(at: Double($0) + 0.5, of: large.width) }
        var levels: [UInt8] = []
        levels.reserveCapacity(large.height * large.width)
        for row in 0..<large.height {
            let y = places[0].unit(at: Double(row) + 0.5, of: large.height)
            let (top, below) = (Int(y.rounded(.down)), y - y.rounded(.down))
            for x in columns {
                let (left, beyond) = (Int(x.rounded(.down)), x - x.rounded(.down))
                let upper = (1 - beyond) * value(top, left) + beyond * value(top, left + 1)
                let lower = (1 - beyond) * value(top + 1, left) + beyond * value(top + 1, left + 1)
                levels.append(
                    Model.level(largest > 0 ? ((1 - below) * upper + below * lower) / largest : 0))
            }
        }
        let heat = try Image(height: large.height, width: large.width, channels: 1, pixels: levels)
        let overlay = try large.converted(toChannels: 1).blended(
            with: try ColorMap.colored(heat), opacity: 0.5)
        return try Image.contactSheet([large, overlay], columns: 2, gap: 4)
    }
}

extension Model {
    /// What in `sample [C, H, W]` speaks for a class, by the maps of a layer; see ``ClassActivation``.
    ///
    /// - Parameters:
    ///   - index: the number of the class; the likeliest unless given.
    ///   - layer: the path of a layer or block with feature maps; the last one before pooling to a vector unless given.
    /// - Throws: ``TrainingError`` where the network is not for classification or has no feature maps, the class or the layer
    ///   is none of it, or the sample does not fit; `GraphError` where the class does not depend on the layer; what the
    ///   backend throws.
    public func classActivation(
        of sample: Tensor, class index: Int? = nil, layer: String? = nil
    ) throws -> ClassActivation {
        guard case .classification(let classes) = network.task else {
            throw TrainingError(
                .configuration, "the network is for \(network.task), and only a class has a map")
        }
        if let index, !(0..<classes).contains(index) {
            throw TrainingError(
                .configuration, "there is no class \(index); the classes are 0 to \(classes - 1)")
        }
        guard let layer = try layer ?? network.predictionGraph(batchSize: 1).lastFeatureMapLayer else {
            throw TrainingError(.configuration, "the network has no feature maps larger than a pixel")
        }
        let probabilities = try values(for: sample) { _ in ["probabilities"] }[0].scalars(as: Float.self)
        let likeliest = probabilities.indices.max { probabilities[$0] < probabilities[$1] } ?? 0
        let index = index ?? likeliest
        var places: [ClassActivation.Places] = []
        let results = try values(for: sample) { graph in
            // The prediction graph has this output by its definition.
            let logits = graph.outputs[graph.position(ofOutput: "logits")!].value
            let logit = try graph.reshape(
                try graph.slice(logits, axis: 1, start: index, count: 1), to: .scalar)
            let maps = try graph.featureMaps(ofLayer: layer)
            places = self.places(of: maps, in: graph)
            let gradient = try graph.gradients(of: logit, withRespectTo: [maps])[0]
            try graph.output("maps", maps)
            try graph.output("gradient", gradient)
            return ["maps", "gradient"]
        }
        return ClassActivation(
            prediction: ClassPrediction(
                label: labels.indices.contains(index) ? labels[index] : String(index), index: index,
                probability: probabilities[index]),
            layer: layer, map: Self.map(results[0], gradient: results[1]), places: places)
    }

    /// Where the units of `maps` lie on a sample, before the preprocessing pads it.
    private func places(of maps: Graph.Value, in graph: Graph) -> [ClassActivation.Places] {
        let padding = Double(preprocessing?.padding ?? 0)
        let field = graph.receptiveFields(on: graph.inputs[0].value)[maps]
        return zip([field?.vertical, field?.horizontal], [1, 2]).map { axis, position in
            let extent = sampleShape[position]
            // Maps that do not come from places of the sample are stretched over it.
            let spread = Double(extent) / Double(graph.shape(of: maps)[position + 1])
            return ClassActivation.Places(
                first: axis.map { $0.center - padding } ?? (spread - 1) / 2,
                jump: axis.map { Double($0.jump) } ?? spread,
                extent: extent)
        }
    }

    private static func map(_ maps: Tensor, gradient: Tensor) -> Tensor {
        let (height, width) = (maps.shape[2], maps.shape[3])
        let area = height * width
        let (a, slopes) = (maps.scalars(as: Float.self), gradient.scalars(as: Float.self))
        var sums = [Double](repeating: 0, count: area)
        for channel in 0..<maps.shape[1] {
            let places = channel * area..<(channel + 1) * area
            let weight = slopes[places].reduce(0) { $0 + Double($1) } / Double(area)
            for place in 0..<area { sums[place] += weight * Double(a[channel * area + place]) }
        }
        return Tensor(sums.map { Float(max(0, $0)) }, shape: [height, width])
    }
}
