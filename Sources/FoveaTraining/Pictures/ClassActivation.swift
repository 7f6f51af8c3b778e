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

    /// `L` over `image`: scaled to its size and from 0 to its largest number, in the colours of `ColorMap`, half opaque,
    /// after the image has been enlarged so that its longer side comes close to `side`.
    ///
    /// Where nothing speaks for the class, `L` is 0 throughout and the overlay uniform.
    ///
    /// - Throws: `ImageError` where the picture would be too large.
    public func picture(over image: Image, side: Int = 420) throws(ImageError) -> Image {
        let numbers = map.scalars(as: Float.self)
        let largest = numbers.max() ?? 0
        let levels = numbers.map { UInt8((255 * max(0, largest > 0 ? $0 / largest : 0)).rounded()) }
        let large = try image.enlarged(by: image.enlargement(toward: side))
        let heat = try Image(height: map.shape[0], width: map.shape[1], channels: 1, pixels: levels)
            .resized(toHeight: large.height, width: large.width)
        let grey = try large.converted(toChannels: 1)
        return try grey.blended(with: try ColorMap.colored(heat), opacity: 0.5)
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
        let results = try values(for: sample) { graph in
            // The prediction graph has this output by its definition.
            let logits = graph.outputs[graph.position(ofOutput: "logits")!].value
            let logit = try graph.reshape(
                try graph.slice(logits, axis: 1, start: index, count: 1), to: .scalar)
            let maps = try graph.featureMaps(ofLayer: layer)
            let gradient = try graph.gradients(of: logit, withRespectTo: [maps])[0]
            try graph.output("maps", maps)
            try graph.output("gradient", gradient)
            return ["maps", "gradient"]
        }
        return ClassActivation(
            prediction: ClassPrediction(
                label: labels.indices.contains(index) ? labels[index] : String(index), index: index,
                probability: probabilities[index]),
            layer: layer, map: Self.map(results[0], gradient: results[1]))
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
