import FoveaFormats
import FoveaTensor

/// What turns the bytes of an image file into a sample, `uint8` or `float32` `[C, H, W]`, the same for every file.
///
/// The library of images is apart, so that a user without images needs none; give its decoder here.
public typealias ImageDecoder = @Sendable (_ bytes: [UInt8], _ path: String) throws -> Tensor

/// A directory with one folder of images for each class.
enum ImageFolder {
    private static let suffixes = [".png", ".jpg", ".jpeg"]

    /// The names of the folders, sorted: the classes.
    static func classes(in path: String) throws(DataError) -> [String] {
        try FileSystem.names(in: path).filter { FileSystem.isDirectory(path + "/" + $0) }
    }

    /// Loads every image; `classNames` says which folders there must be, in which order, `nil` for those there are.
    static func load(
        _ path: String, classNames: [String]?, decoder: ImageDecoder
    ) throws(DataError) -> Dataset {
        let found = try classes(in: path)
        let names = classNames ?? found
        if let stranger = found.first(where: { !names.contains($0) }) {
            throw DataError(
                "\(path)/\(stranger): no such class; expected one of \(names.joined(separator: ", "))")
        }
        var labels: [Int32] = []
        var bytes: [UInt8] = []
        var first: (shape: Shape, dtype: DType, path: String)?
        for (label, name) in names.enumerated() where found.contains(name) {
            let files = try FileSystem.names(in: path + "/" + name).filter { file in
                suffixes.contains { file.lowercased().hasSuffix($0) }
            }
            for file in files {
                let file = "\(path)/\(name)/\(file)"
                let sample = try decode(file, decoder)
                let expected = first ?? (sample.shape, sample.dtype, file)
                guard sample.shape == expected.shape, sample.dtype == expected.dtype, sample.shape.rank == 3
                else {
                    throw DataError(
                        "\(file): an image of shape \(sample.shape); expected \(expected.shape) as in "
                            + "\(expected.path); resize the images to one size")
                }
                first = expected
                sample.withUnsafeBytes { bytes.append(contentsOf: $0) }
                labels.append(Int32(label))
            }
        }
        guard let first else {
            throw DataError(
                .missingInput, "\(path): no images in its folders; expected .png, .jpg or .jpeg files")
        }
        let samples = Tensor(shape: Shape([labels.count] + first.shape.dimensions), dtype: first.dtype) {
            target in
            target.copyBytes(from: bytes)
        }
        return try Dataset(name: path, samples: samples, targets: .classes(labels: labels, names: names))
    }

    private static func decode(_ path: String, _ decoder: ImageDecoder) throws(DataError) -> Tensor {
        let bytes = try asDataError { () throws(FormatError) in try FileContents.read(path, limit: 1 << 30) }
        do { return try decoder(bytes, path) } catch {
            throw DataError("\(path): \(error)")
        }
    }
}
