import FoveaData
import FoveaFormats
import FoveaImages
import FoveaTensor
import Testing

@Suite struct DatasetTests {
    let images = Tensor((0..<24).map { UInt8($0) }, shape: [4, 2, 3])
    let labels = Tensor([0, 2, 1, 2] as [UInt8], shape: [4])

    @Test func directoriesOfIDX() throws {
        let folder = try TemporaryFolder()
        try folder.write(gzip(IDX.data(for: images)), as: "train-images-idx3-ubyte.gz")
        try folder.write(IDX.data(for: labels), as: "train-labels-idx1-ubyte")
        try folder.write(IDX.data(for: images), as: "t10k-images.idx3-ubyte")
        try folder.write(
            IDX.data(for: Tensor([0, 0, 0, 4] as [UInt8], shape: [4])), as: "t10k-labels.idx1-ubyte")
        let data = try DatasetParts.load(folder.path)
        #expect(data.train.samples == images.reshaped(to: [4, 1, 2, 3]))
        #expect(data.train.labels == [0, 2, 1, 2])
        // Both parts have the classes of both.
        #expect(
            data.train.classNames == ["0", "1", "2", "3", "4"]
                && data.test?.classNames == data.train.classNames)
        #expect(try Dataset.load(folder.path, part: .test).labels == [0, 0, 0, 4])
        try folder.write(Array("a\nb\r\nc\nd\ne\n".utf8), as: "classes.txt")
        #expect(try Dataset.load(folder.path).classNames == ["a", "b", "c", "d", "e"])
        try folder.write(Array("a\nb\n".utf8), as: "classes.txt")
        let error = #expect(throws: DataError.self) { try Dataset.load(folder.path) }
        #expect(error?.description.contains("sample 1 has the label 2; expected 0 to 1") == true)
    }

    @Test func directoriesOfNPY() throws {
        let folder = try TemporaryFolder()
        let features = Tensor((0..<8).map { Double($0) }, shape: [4, 2])
        try NPY.write(features, to: folder.file("X_train.npy"))
        try NPY.write(Tensor([0.5, 1, 1.5, 2] as [Float], shape: [4]), to: folder.file("y_train.npy"))
        let data = try DatasetParts.load(folder.path)
        #expect(data.test == nil && data.train.samples == features.converted(to: .float32))
        guard case .values(let values) = data.train.targets else { Issue.record("no values"); return }
        #expect(values == Tensor([0.5, 1, 1.5, 2] as [Float], shape: [4, 1]))
        let missing = #expect(throws: DataError.self) { try Dataset.load(folder.path, part: .test) }
        #expect(missing?.kind == .missingInput)
    }

    @Test func foldersOfImages() throws {
        let folder = try TemporaryFolder()
        for (name, level) in [
            ("train/cat/1.png", 10), ("train/dog/1.png", 20), ("train/dog/2.PNG", 30), ("test/dog/9.png", 40),
        ] {
            let pixels = [UInt8](repeating: UInt8(level), count: 12)
            try folder.write(PNG.data(for: Image(height: 2, width: 2, channels: 3, pixels: pixels)), as: name)
        }
        let decoder: ImageDecoder = { bytes, path in try Image(decoding: bytes, name: path).tensor }
        let data = try DatasetParts.load(folder.path, decoder: decoder)
        #expect(data.train.labels == [0, 1, 1] && data.train.classNames == ["cat", "dog"])
        #expect(data.train.samples.shape == [3, 3, 2, 2] && data.test?.labels == [1])
        #expect(data.train.samples.scalars(as: UInt8.self)[24] == 30)
        #expect(throws: DataError.self) { try Dataset.load(folder.path) }
        try folder.write(
            PNG.data(for: Image(height: 1, width: 2, channels: 3, pixels: [0, 0, 0, 0, 0, 0])),
            as: "train/cat/2.png")
        let error = #expect(throws: DataError.self) { try DatasetParts.load(folder.path, decoder: decoder) }
        #expect(error?.description.contains("cat/2.png: an image of shape [3, 1, 2]") == true)
    }

    @Test func whatCannotBeLoaded() throws {
        let folder = try TemporaryFolder()
        let unknown = #expect(throws: DataError.self) { try Dataset.load("fashion-minst") }
        #expect(unknown?.kind == .missingInput)
        #expect(unknown?.description.contains("known names: fashion-mnist") == true)
        #expect(throws: DataError.self) { try Dataset.load(folder.path) }
        try folder.write(IDX.data(for: images), as: "images")
        try folder.write(IDX.data(for: Tensor([0, 1] as [UInt8], shape: [2])), as: "labels")
        let uneven = #expect(throws: DataError.self) { try Dataset.load(folder.path) }
        #expect(uneven?.description.contains("4 samples and 2 targets") == true)
        try folder.write(Array(IDX.data(for: labels).dropLast()), as: "labels")
        let cut = #expect(throws: DataError.self) { try Dataset.load(folder.path) }
        #expect(cut?.kind == .badData && cut?.description.contains("/labels: byte 8") == true)
    }

    @Test func summary() throws {
        let samples = Tensor([1, 5, 2, 5, 1, 5, 3, 5] as [UInt8], shape: [4, 2])
        let train = try Dataset(
            name: "t", samples: samples, targets: .classes(labels: [0, 0, 2, 2], names: ["a", "b", "c"]))
        let test = try train.subset(at: [1])
        let summary = DataSummary(DatasetParts(train: train, test: test), name: "made")
        let part = summary.parts[0]
        #expect(part.classCounts == [2, 0, 2] && part.emptyClasses == ["b"])
        #expect(part.minimum == 1 && part.maximum == 5 && part.constantPositions == 1)
        #expect(part.duplicates == 1 && part.conflictingDuplicates == 1 && part.nonFinite == 0)
        #expect(abs(part.mean[0] - 27.0 / 8) < 1e-12)
        let variance: Double = 115.0 / 8 - 27.0 * 27 / 64
        #expect(abs(part.deviation[0] - variance.squareRoot()) < 1e-12)
        #expect(summary.sharedSamples == 1 && summary.parts.count == 2)
        let floats = try Dataset(
            name: "f", samples: Tensor([.nan, 1, 2, .infinity] as [Float], shape: [2, 2]),
            targets: .classes(labels: [0, 0], names: ["a"]))
        let other = DataSummary(DatasetParts(train: floats), name: "f").parts[0]
        #expect(
            other.nonFinite == 2 && other.mean == [1.5] && other.minimum == 1
                && other.maximum == Double.infinity)
    }

    @Test(
        .enabled(
            if: (try? BuiltInDataset.fashionMNIST.directory()) != nil,
            "dataset-fashion-mnist is not installed"))
    func fashionMNIST() throws {
        let data = try DatasetParts.load("fashion-mnist")
        #expect(data.train.samples.shape == [60_000, 1, 28, 28] && data.test?.count == 10_000)
        #expect(data.train.classNames?[9] == "Ankle boot")
        for part in [data.train, try #require(data.test)] {
            for label in 0..<10 as Range<Int32> {
                #expect(part.labels?.count { $0 == label } == part.count / 10)
            }
        }
        let preprocessing = try Preprocessing.standardizing(data.train)
        #expect(
            abs(preprocessing.mean[0] - 0.28604) < 5e-6 && abs(preprocessing.deviation[0] - 0.35302) < 5e-6)
    }
}
