import FoveaData
import FoveaFormats
import FoveaImages
import FoveaNN
import FoveaTensor

/// What a user names data by, with the decoder of images that the data library itself goes without.
public struct DataSource: Hashable, Sendable {
    /// A built-in name or a path; see `Dataset.load` for what there may be.
    public var text: String
    /// The shape `[C, H, W]` that each image is brought to, by colour and by scaling; as stored unless given.
    public var imageShape: Shape?
    /// The shape that the images of a folder are brought to where there is no ``imageShape``: they may be of any size.
    public var folderImageShape: Shape?
    /// The number of training samples that are used, each class alike; all unless given.
    public var limit: Int?
    /// What decides which samples these are.
    public var seed: UInt64

    /// The data that `text` names.
    public init(
        _ text: String, imageShape: Shape? = nil, folderImageShape: Shape? = nil, limit: Int? = nil,
        seed: UInt64 = 0
    ) {
        self.text = text
        self.imageShape = imageShape?.rank == 3 ? imageShape : nil
        self.folderImageShape = folderImageShape?.rank == 3 ? folderImageShape : nil
        self.limit = limit
        self.seed = seed
    }

    /// Loads every part; throws as `DatasetParts.load`.
    public func load() throws -> DatasetParts {
        var parts = try DatasetParts.load(text, decoder: decoder)
        parts.train = try prepared(parts.train, limit: limit)
        parts.test = try parts.test.map { try prepared($0) }
        return parts
    }

    /// Loads one part; throws as `Dataset.load`.
    public func load(_ part: DatasetParts.Part) throws -> Dataset {
        try prepared(
            try Dataset.load(text, part: part, decoder: decoder), limit: part == .train ? limit : nil)
    }

    private func prepared(_ data: Dataset, limit: Int? = nil) throws -> Dataset {
        var data = data
        if let limit { data = try data.limited(to: limit, seed: seed) }
        guard let imageShape, data.sampleShape.rank == 3, data.samples.dtype == .uint8 else { return data }
        return try data.scaled(to: imageShape)
    }

    private var decoder: ImageDecoder {
        { [imageShape = imageShape ?? folderImageShape] bytes, path in
            let image = try Image(decoding: bytes, name: path)
            if let imageShape { return try image.tensor(fitting: imageShape) }
            return try (image.channels == 4 ? image.converted(toChannels: 3) : image).tensor
        }
    }
}

extension Image {
    /// The pixels as `[C, H, W]` of `uint8` of exactly `shape`: grey or colour as it has 1 or 3 channels, scaled to its
    /// extents without regard to the ratio of the sides.
    ///
    /// - Throws: `ImageError` where `shape` is not an image's.
    public func tensor(fitting shape: Shape) throws(ImageError) -> Tensor {
        guard shape.rank == 3 else {
            throw ImageError("a network for vectors \(shape) takes no images; give it a .npy file")
        }
        guard [1, 3].contains(shape[0]) else {
            throw ImageError(
                "the network takes \(shape[0]) channels, and an image has 1 or 3; give it a .npy file")
        }
        return try converted(toChannels: shape[0]).resized(toHeight: shape[1], width: shape[2]).tensor
    }
}

extension Dataset {
    /// `limit` of the samples at random, each class alike; all where there are no more.
    ///
    /// - Throws: `DataError` where there would not be a sample of each class.
    public func limited(to limit: Int, seed: UInt64) throws(DataError) -> Dataset {
        let least = labels.map { Set($0).count } ?? 1
        guard limit >= least else {
            throw DataError(
                "\(name): a limit of \(limit) samples; expected \(least) at least, one of each class")
        }
        guard limit < count else { return self }
        let share = Double(limit) / Double(count)
        let indices =
            if let labels {
                try Split.stratified(labels: labels, fractions: [share, 1 - share], seed: seed)[0]
            } else {
                try Split.shuffled(count: count, fractions: [share, 1 - share], seed: seed)[0]
            }
        return try subset(at: indices)
    }

    /// The data set with each image of bytes brought to `shape`, as ``FoveaImages/Image/resized(toHeight:width:)`` does it.
    ///
    /// - Throws: `ImageError` where the samples are no images or `shape` has neither 1 nor 3 channels.
    public func scaled(to shape: Shape) throws -> Dataset {
        guard shape != sampleShape else { return self }
        let size = sampleShape.count
        let result = try samples.withUnsafeScalars(of: UInt8.self) { source in
            try Tensor(shape: Shape([count] + shape.dimensions), of: UInt8.self) { target in
                for index in 0..<count {
                    let pixels = Array(source[index * size..<(index + 1) * size])
                    let image = try Image(Tensor(pixels, shape: sampleShape)).tensor(fitting: shape)
                    image.withUnsafeScalars(of: UInt8.self) { scaled in
                        _ = UnsafeMutableBufferPointer(
                            rebasing: target[index * shape.count..<(index + 1) * shape.count]
                        ).update(from: scaled)
                    }
                }
            }
        }
        return try Dataset(name: name, samples: result, targets: targets)
    }
}

extension Model {
    /// The shape of a sample before the preprocessing pads it: what an image is brought to.
    public var sampleShape: Shape {
        let padding = preprocessing?.padding ?? 0
        guard network.inputShape.rank == 3, padding > 0 else { return network.inputShape }
        let shape = network.inputShape
        return [shape[0], max(1, shape[1] - 2 * padding), max(1, shape[2] - 2 * padding)]
    }

    /// `data` with its classes numbered as the model numbers them, matched by name.
    ///
    /// Data whose classes are called by their numbers, as where files hold no names, are taken to be numbered alike.
    ///
    /// - Throws: ``TrainingError`` that names the classes that the model does not know.
    public func matching(_ data: Dataset) throws -> Dataset {
        guard let names = data.classNames, !labels.isEmpty, names != labels, let numbers = data.labels else {
            return data
        }
        if names == names.indices.map(String.init), names.count <= labels.count {
            return try Dataset(
                name: data.name, samples: data.samples, targets: .classes(labels: numbers, names: labels))
        }
        let places = Dictionary(labels.enumerated().map { ($1, Int32($0)) }) { first, _ in first }
        let strangers = names.filter { places[$0] == nil }
        guard strangers.isEmpty else {
            throw TrainingError(
                .data,
                "\(data.name) has the classes \(Self.list(strangers)), which the model does not know; its classes are "
                    + "\(Self.list(labels)); rename them, or use the data that the model was trained for")
        }
        let numbering = names.map { places[$0]! }
        return try Dataset(
            name: data.name, samples: data.samples,
            targets: .classes(labels: numbers.map { numbering[Int($0)] }, names: labels))
    }

    private static func list(_ names: [String]) -> String {
        let shown = names.prefix(10).map { "'\($0)'" }.joined(separator: ", ")
        return names.count > 10 ? shown + " and \(names.count - 10) more" : shown
    }
}
