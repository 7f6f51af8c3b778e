import FoveaData
import FoveaImages

extension Dataset {
    /// The parts of a data set known by name, or of a directory of files or of folders of images.
    ///
    /// See ``FoveaData/DatasetParts/load(_:decoder:)``. Images are decoded as PNG or JPEG.
    ///
    /// - Throws: `DataError` where there is no such data set, or it is damaged.
    public static func named(_ source: String) throws(DataError) -> DatasetParts {
        try DatasetParts.load(source) { bytes, path in try Image(decoding: bytes, name: path).tensor }
    }
}
