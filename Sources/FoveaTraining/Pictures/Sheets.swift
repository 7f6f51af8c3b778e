import FoveaGraph
import FoveaImages
import FoveaNN
import FoveaTensor

extension Model {
    /// The kernels of a convolution, `[filters, C / groups, kH, kW]`.
    ///
    /// - Parameter layer: the path of the convolution; the first one unless given.
    /// - Throws: ``TrainingError`` where there is no such convolution.
    public func filters(ofLayer layer: String? = nil) throws -> Tensor {
        let variables = try network.predictionGraph(batchSize: 1).variables(.parameter)
            .filter { $0.type.shape.rank == 4 && $0.key.hasSuffix("weight") }
        let key = layer.map { $0.isEmpty ? "weight" : $0 + ".weight" }
        guard let variable = variables.first(where: { key == nil || $0.key == key }) else {
            let layers = variables.map { String($0.key.dropLast(".weight".count)) }
            let shown = layers.prefix(12).joined(separator: ", ") + (layers.count > 12 ? ", …" : "")
            throw TrainingError(
                .configuration,
                layers.isEmpty
                    ? "the network has no convolution"
                    : "there is no convolution '\(layer ?? "")'; the convolutions are \(shown)")
        }
        return weights[variable.key]!
    }

    /// A sheet of the kernels of a convolution, each enlarged by the whole factor that makes a sheet of small tiles
    /// about 640 pixels wide.
    ///
    /// Each kernel on a scale of its own: its largest weight by absolute value is white or black, zero is the middle grey.
    /// Kernels on three channels are in colour; kernels on any other number of channels take a row each, with a tile for
    /// each channel.
    ///
    /// - Throws: as ``filters(ofLayer:)``; `ImageError` where the sheet would be too large.
    public func filterSheet(ofLayer layer: String? = nil) throws -> Image {
        let filters = try filters(ofLayer: layer)
        let (count, channels) = (filters.shape[0], filters.shape[1])
        let (height, width) = (filters.shape[2], filters.shape[3])
        let size = channels * height * width
        let numbers = filters.scalars(as: Float.self)
        var tiles: [Image] = []
        for filter in 0..<count {
            let kernel = numbers[filter * size..<(filter + 1) * size]
            let largest = Double(kernel.filter(\.isFinite).map(abs).max() ?? 0)
            let levels = kernel.map { Self.level(0.5 + (largest > 0 ? Double($0) / largest / 2 : 0)) }
            let planes = Tensor(levels, shape: [channels, height, width])
            if channels == 3 {
                tiles.append(try Image(planes))
            } else {
                for channel in 0..<channels { tiles.append(try Image(planes.channel(channel))) }
            }
        }
        return try Image.enlargedSheet(tiles, columns: channels == 1 || channels == 3 ? nil : channels)
    }

    /// A grey between 0, black, and 1, white; what is no number is black.
    static func level(_ number: Double) -> UInt8 {
        number > 0 ? UInt8((255 * min(number, 1)).rounded()) : 0
    }

    /// What a layer gives for `sample [C, H, W]`, prepared as the model's preprocessing says: `[channels, H', W']`.
    ///
    /// - Parameter layer: the path of a layer or of a block of layers with feature maps.
    /// - Throws: ``TrainingError`` where there is no such layer or the sample does not fit, what the backend throws.
    public func featureMaps(of sample: Tensor, layer: String) throws -> Tensor {
        let maps = try values(for: sample) { graph in
            try graph.output("maps", try graph.featureMaps(ofLayer: layer))
            return ["maps"]
        }[0]
        return maps.reshaped(to: Shape(Array(maps.shape.dimensions.dropFirst())))
    }

    /// A sheet of the feature maps that a layer gives for `sample`, in the colours of `ColorMap` and enlarged as
    /// ``filterSheet(ofLayer:)`` is.
    ///
    /// Each map on a scale of its own, from its smallest to its largest number; a map of equal numbers is dark.
    ///
    /// - Throws: as ``featureMaps(of:layer:)``; `ImageError` where the sheet would be too large.
    public func featureMapSheet(of sample: Tensor, layer: String) throws -> Image {
        let maps = try featureMaps(of: sample, layer: layer)
        return try Image.enlargedSheet(
            try (0..<maps.shape[0]).map { channel in
                try ColorMap.colored(try Image(maps.channel(channel).levels))
            })
    }
}

extension Image {
    /// A picture of `sample [C, H, W]`: bytes as they are; other numbers from the smallest, black, to the largest; other than
    /// 1 or 3 channels as their mean.
    ///
    /// - Throws: `ImageError` where the sample is no image.
    public init(showing sample: Tensor) throws(ImageError) {
        guard sample.shape.rank == 3, sample.shape[0] > 0 else {
            throw ImageError("a sample \(sample.shape) is no image [C, H, W]")
        }
        var sample = sample
        if ![1, 3].contains(sample.shape[0]) {
            let numbers = sample.converted(to: .float32).scalars(as: Float.self)
            let area = sample.shape[1] * sample.shape[2]
            let means = (0..<area).map { place in
                stride(from: place, to: numbers.count, by: area).reduce(0) { $0 + numbers[$1] }
                    / Float(sample.shape[0])
            }
            sample = Tensor(means, shape: [1, sample.shape[1], sample.shape[2]])
        }
        try self.init(sample.dtype == .uint8 ? sample : sample.converted(to: .float32).levels)
    }
}

extension Image {
    /// A contact sheet of small tiles, each enlarged so that the sheet is about 640 pixels wide, but no tile wider than 160.
    fileprivate static func enlargedSheet(_ tiles: [Image], columns: Int? = nil) throws(ImageError) -> Image {
        let inRow = columns ?? Int(Double(tiles.count).squareRoot().rounded(.up))
        let factor = tiles[0].enlargement(toward: min(160, max(32, 640 / inRow)))
        var enlarged: [Image] = []
        for tile in tiles { enlarged.append(try tile.enlarged(by: factor)) }
        return try contactSheet(enlarged, columns: columns, gap: 4)
    }
}

extension Tensor {
    /// The plane of `channel` of this `[C, H, W]`, as `[1, H, W]`.
    func channel(_ channel: Int) -> Tensor {
        let area = shape[1] * shape[2]
        let plane: Shape = [1, shape[1], shape[2]]
        let range = channel * area..<(channel + 1) * area
        return dtype == .uint8
            ? Tensor(Array(scalars(as: UInt8.self)[range]), shape: plane)
            : Tensor(Array(scalars(as: Float.self)[range]), shape: plane)
    }

    /// These numbers, of float32, as bytes from 0, the smallest, to 255, the largest; 0 where all are equal.
    var levels: Tensor {
        let numbers = scalars(as: Float.self)
        let finite = numbers.filter(\.isFinite)
        let (low, high) = (finite.min() ?? 0, finite.max() ?? 0)
        let scale = high > low ? 1 / (Double(high) - Double(low)) : 0
        return Tensor(
            numbers.map { Model.level((Double($0) - Double(low)) * scale) }, shape: shape)
    }
}
