import Fovea

/// A file of samples to predict on.
enum SampleFile {
    /// The samples in the file at `path`, `[N, …]`.
    static func read(_ path: String, for model: Model) throws -> Tensor {
        if path.lowercased().hasSuffix(".npy") {
            return try array(try NPY.read(contentsOf: path), path, model)
        }
        let bytes = try FileContents.read(path)
        let tensor = try Image(decoding: bytes, name: path).tensor(fitting: model.sampleShape)
        return tensor.reshaped(to: Shape([1] + tensor.shape.dimensions))
    }

    /// `array` as samples: one sample gets the batch axis, `[H, W]` and `[N, H, W]` the channel.
    private static func array(_ array: Tensor, _ path: String, _ model: Model) throws -> Tensor {
        let expected = model.sampleShape.dimensions
        let extents = array.shape.dimensions
        let shape: [Int]? =
            if extents == expected || (expected.first == 1 && extents == Array(expected.dropFirst())) {
                [1] + expected
            } else if Array(extents.dropFirst()) == expected
                || (expected.first == 1 && extents.count == 3
                    && Array(extents.dropFirst()) == Array(expected.dropFirst()))
            {
                [extents[0]] + expected
            } else { nil }
        guard let shape else {
            throw Failure(
                .badData,
                "\(path): an array \(array.shape); the model takes \(model.sampleShape), or several in a row")
        }
        let tensor = array.reshaped(to: Shape(shape))
        return tensor.dtype == .uint8 ? tensor : tensor.converted(to: .float32)
    }
}
