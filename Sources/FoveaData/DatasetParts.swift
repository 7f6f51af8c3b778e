import FoveaFormats
import FoveaTensor

/// The parts of a data set as its makers divided it.
public struct DatasetParts: Sendable {
    /// A part as its makers divided it.
    public enum Part: String, CaseIterable, Sendable {
        case train, test
    }

    /// What to train on.
    public var train: Dataset
    /// What to test on, once; `nil` where the makers set nothing aside.
    public var test: Dataset?

    /// The given parts.
    public init(train: Dataset, test: Dataset? = nil) {
        self.train = train
        self.test = test
    }

    /// Loads every part of `source`; see ``Dataset/load(_:part:decoder:)`` for what a source may be.
    public static func load(_ source: String, decoder: ImageDecoder? = nil) throws(DataError) -> DatasetParts
    {
        let files = try DatasetFiles(source, hasDecoder: decoder != nil)
        guard files.parts[.train] != nil else {
            throw DataError(
                .missingInput, "\(files.name): there is no training part; expected train-images or x_train")
        }
        let test = files.parts[.test] == nil ? nil : try files.load(.test, decoder: decoder)
        return DatasetParts(train: try files.load(.train, decoder: decoder), test: test)
    }
}

extension Dataset {
    /// Loads one part of `source`.
    ///
    /// A source is one of:
    ///
    /// - the name of a ``BuiltInDataset``;
    /// - a directory of IDX files, plain or gzip: `train-images*` and `train-labels*`, and `t10k-` or `test-` likewise;
    /// - a directory of `.npy` files: the same names, or `x_train.npy` and `y_train.npy`, `x_test.npy` and `y_test.npy`;
    /// - a directory of one pair only, the training part: `images*` and `labels*`, or `x.npy` and `y.npy`;
    /// - with a `decoder`, a directory with one folder of PNG or JPEG images for each class, or two such directories
    ///   called `train` and `test`.
    ///
    /// Images are `[N, H, W]` or `[N, C, H, W]`, vectors `[N, F]`; bytes stay bytes, other numbers become `float32`.
    /// Integer labels `[N]` name classes, called by the lines of `classes.txt` in the directory, else by their numbers;
    /// real targets are `[N]` or `[N, T]`.
    ///
    /// - Throws: `DataError` where the name is unknown, a file is missing or damaged, or the files do not fit together.
    public static func load(
        _ source: String, part: DatasetParts.Part = .train, decoder: ImageDecoder? = nil
    ) throws(DataError) -> Dataset {
        try DatasetFiles(source, hasDecoder: decoder != nil).load(part, decoder: decoder)
    }
}

/// Where the parts of a data set lie.
struct DatasetFiles {
    enum Location {
        case pair(samples: String, targets: String)
        case folder(String)
    }

    let name: String
    private(set) var parts: [DatasetParts.Part: Location] = [:]
    private var classNames: [String]?
    private let directory: String

    init(_ source: String, hasDecoder: Bool) throws(DataError) {
        name = source
        if let builtIn = BuiltInDataset(rawValue: source) {
            directory = try builtIn.directory()
            classNames = builtIn.classNames
        } else {
            guard FileSystem.isDirectory(source) else {
                let known = BuiltInDataset.allCases.map(\.rawValue).joined(separator: ", ")
                let found =
                    FileSystem.exists(source) ? "this is a file" : "there is no such data set or directory"
                throw DataError(
                    .missingInput,
                    "\(source): \(found); expected a directory or one of the known names: \(known)")
            }
            directory = source
        }
        let names = try FileSystem.names(in: directory)
        findPairs(names)
        if parts.isEmpty { try findFolders(names, hasDecoder: hasDecoder) }
        if names.contains("classes.txt") {
            let bytes = try asDataError { () throws(FormatError) in
                try FileContents.read(directory + "/classes.txt", limit: 1 << 24)
            }
            classNames = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline).map(
                String.init)
        }
    }

    private mutating func findPairs(_ names: [String]) {
        let forms: [(DatasetParts.Part, samples: [String], targets: [String])] = [
            (.train, ["train-images", "x_train.npy"], ["train-labels", "y_train.npy"]),
            (
                .test, ["t10k-images", "test-images", "x_test.npy"],
                ["t10k-labels", "test-labels", "y_test.npy"]
            ),
            (.train, ["images", "x.npy"], ["labels", "y.npy"]),
        ]
        for (part, samples, targets) in forms where parts[part] == nil {
            for (sample, target) in zip(samples, targets) where parts[part] == nil {
                guard let first = names.first(where: { $0.lowercased().hasPrefix(sample) }),
                    let second = names.first(where: { $0.lowercased().hasPrefix(target) })
                else { continue }
                parts[part] = .pair(samples: directory + "/" + first, targets: directory + "/" + second)
            }
        }
    }

    private mutating func findFolders(_ names: [String], hasDecoder: Bool) throws(DataError) {
        let folders = names.filter { FileSystem.isDirectory(directory + "/" + $0) }
        guard !folders.isEmpty else {
            throw DataError(
                .missingInput,
                "\(name): holds no data set; expected train-images and train-labels (IDX or .npy), x_train.npy and "
                    + "y_train.npy, images and labels, x.npy and y.npy, or one folder of images for each class"
            )
        }
        guard hasDecoder else {
            throw DataError(.missingInput, "\(name): folders of images need a decoder; pass one")
        }
        if folders.contains("train") {
            parts[.train] = .folder(directory + "/train")
            if folders.contains("test") { parts[.test] = .folder(directory + "/test") }
        } else {
            parts[.train] = .folder(directory)
        }
    }

    func load(_ part: DatasetParts.Part, decoder: ImageDecoder?) throws(DataError) -> Dataset {
        guard let location = parts[part] else {
            throw DataError(.missingInput, "\(name): there is no \(part.rawValue) part")
        }
        switch location {
        case .folder(let path):
            guard let decoder else {
                throw DataError(.missingInput, "\(name): folders of images need a decoder")
            }
            let names = if let classNames { classNames } else { try trainingClasses() }
            return try ImageFolder.load(path, classNames: names, decoder: decoder)
        case .pair(let samples, let targets):
            let array = try ArrayFile.read(samples)
            return try Dataset(
                name: "\(name) (\(part.rawValue))", samples: ArrayFile.asSamples(array, path: samples),
                targets: self.targets(ArrayFile.read(targets), path: targets))
        }
    }

    /// The classes of the training part, so that every part numbers them alike.
    private func trainingClasses() throws(DataError) -> [String]? {
        guard case .folder(let path) = parts[.train] else { return nil }
        return try ImageFolder.classes(in: path)
    }

    private func targets(_ array: Tensor, path: String) throws(DataError) -> Dataset.Targets {
        switch array.dtype {
        case .uint8, .int32:
            guard array.shape.rank == 1 || (array.shape.rank == 2 && array.shape[1] == 1) else {
                throw DataError("\(path): labels of shape \(array.shape); expected [N]")
            }
            let labels = array.converted(to: .int32).scalars(as: Int32.self)
            let names = if let classNames { classNames } else { try numberedClasses(labels, path: path) }
            return .classes(labels: labels, names: names)
        case .float32, .float64, .bfloat16:
            guard array.shape.rank == 1 || array.shape.rank == 2 else {
                throw DataError("\(path): targets of shape \(array.shape); expected [N] or [N, T]")
            }
            let shape: Shape = array.shape.rank == 2 ? array.shape : [array.shape[0], 1]
            return .values(array.converted(to: .float32).reshaped(to: shape))
        }
    }

    /// As many classes as the largest label of any part needs, called by their numbers.
    private func numberedClasses(_ labels: [Int32], path: String) throws(DataError) -> [String] {
        var largest = labels.max() ?? -1
        for case .pair(_, let other) in parts.values where other != path {
            let array = try ArrayFile.read(other)
            if !array.dtype.isFloatingPoint {
                largest = max(largest, array.converted(to: .int32).scalars(as: Int32.self).max() ?? -1)
            }
        }
        // Labels that number the samples rather than classes would otherwise make millions of names.
        guard largest < 1 << 20 else {
            throw DataError("\(path): the label \(largest); expected fewer than \(1 << 20) classes")
        }
        return (0..<max(Int(largest) + 1, 1)).map(String.init)
    }
}

/// A file of one array in a format known by its first bytes: .npy, or IDX, plain or gzip.
enum ArrayFile {
    static func read(_ path: String) throws(DataError) -> Tensor {
        try asDataError { () throws(FormatError) in
            let source = try ByteSource(contentsOf: path)
            let lead = try source.bytes(in: 0..<min(6, source.count))
            if lead.first == 0x93 { return try NPY.read(contentsOf: path) }
            return try IDX.read(source)
        }
    }

    /// `array` as samples: `[N, H, W]` becomes `[N, 1, H, W]`, `[N]` becomes `[N, 1]`, numbers but bytes `float32`.
    static func asSamples(_ array: Tensor, path: String) throws(DataError) -> Tensor {
        let tensor = array.dtype == .uint8 ? array : array.converted(to: .float32)
        let extents = array.shape.dimensions
        switch extents.count {
        case 1: return tensor.reshaped(to: [extents[0], 1])
        case 2, 4: return tensor
        case 3: return tensor.reshaped(to: [extents[0], 1, extents[1], extents[2]])
        default:
            throw DataError(
                "\(path): samples of shape \(array.shape); expected [N, F], [N, H, W] or [N, C, H, W]")
        }
    }
}
