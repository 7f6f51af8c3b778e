import Foundation
import FoveaCPU
import FoveaData
import FoveaFormats
import FoveaGraph
import FoveaNN
import FoveaTensor
import FoveaZoo

/// What is known of a run before its first step, with everything checked that can be wrong.
public struct Preflight: Sendable {
    /// The untrained model, or the one to go on with.
    public var model: Model
    /// The data.
    public var data: DatasetParts
    /// The settings.
    public var training: TrainingConfiguration
    /// The memory that the process will hold, about, in bytes: the data, and the plans of training and validation.
    public var memory: Int

    /// Checks `run`: the settings, the processor, the data, the fit of model and data, and the memory.
    ///
    /// - Throws: ``TrainingError``, `DataError` and what the notation and the graph throw.
    public init(_ run: RunConfiguration, backend: any Backend) throws {
        training = try run.training()
        do {
            try CPUBackend.check(run.precision)
        } catch {
            throw TrainingError(.configuration, error.message)
        }
        let source = try ModelSource(run.model)
        var begin: Model?
        if case .file(let path) = source { begin = try Model(contentsOf: path, backend: backend) }
        data = try DataSource(
            run.data, imageShape: begin?.sampleShape ?? run.input, folderImageShape: source.imageShape,
            limit: run.limit, seed: run.seed
        ).load()
        let shape = data.train.sampleShape
        if let input = run.input, input != shape {
            throw TrainingError(
                .configuration,
                "the input is to be \(input) and a sample of \(run.data) is \(shape); leave the input out")
        }
        if let begin {
            model = begin
            data.train = try model.matching(data.train)
            data.test = try data.test.map(model.matching)
            try Self.check(model.sampleShape, against: shape, run)
            if run.weights != nil {
                throw TrainingError(
                    .configuration,
                    "\(run.model) has weights of its own; leave the others out, or name the architecture as the model"
                )
            }
        } else {
            var architecture = try source.architecture(input: shape, task: Self.task(of: data.train))
            architecture.l2 = run.l2.flatMap { $0 > 0 ? $0 : nil }
            model = try Model(architecture, seed: run.seed, backend: backend)
            if let weights = run.weights { try Self.load(weights, into: &model, source, data.train, run) }
        }
        _ = try TrainingGraph.frozenKeys(matching: training.frozen, in: model.network)
        if run.l2 != nil, begin != nil {
            throw TrainingError(
                .configuration, "l2 belongs to the architecture, which the model file holds; leave it out")
        }
        if let test = data.test {
            try DataCheck.check(
                try SampleSet(test, preprocessing: model.preparation(for: test)), fits: model.network,
                as: test.name)
        }
        memory = try Self.memory(
            for: training, of: model.network,
            validationCount: Int((Double(data.train.count) * run.validation).rounded()), backend)
    }

    private static func memory(
        for training: TrainingConfiguration, of network: Network, validationCount: Int, _ backend: any Backend
    ) throws -> Int {
        let available = Int(clamping: ProcessInfo.processInfo.physicalMemory)
        func excess(_ byteCount: Int) -> TrainingError {
            TrainingError(
                .configuration,
                "training takes about \(byteCount / 1_000_000) MB and this machine has \(available / 1_000_000) MB; "
                    + "lower the batch size, which is \(training.batchSize)")
        }
        // Far too much is not even compiled. A plan takes less than the graph says, but not half.
        let atMost = try Summary(of: network, batchSize: training.batchSize).trainingBytes ?? 0
        guard atMost / 2 <= available else { throw excess(atMost) }
        let planned = try PlannedMemory(
            of: network, batchSize: training.batchSize,
            predictionBatchSize: min(TrainingSession.validationBatchSize, max(validationCount, 1)),
            optimizer: training.optimizer.optimizer, frozen: training.frozen, backend: backend)
        let sum = planned.process + planned.training + (validationCount > 0 ? planned.prediction : 0)
        guard sum <= available else { throw excess(sum) }
        return sum
    }

    /// Takes over the weights in the file at `path`, with the preprocessing that they were made with.
    private static func load(
        _ path: String, into model: inout Model, _ source: ModelSource, _ data: Dataset,
        _ run: RunConfiguration
    ) throws {
        try model.loadWeights(from: path, replacesHead: run.replaceHead)
        if !model.labels.isEmpty, let names = data.classNames, names != model.labels {
            throw TrainingError(
                .configuration,
                "the weights in \(path) are for the classes \(model.labels.joined(separator: ", ")) and \(run.data) has "
                    + "\(names.joined(separator: ", ")); replace the head, or begin with the file as the model, which "
                    + "matches classes by name")
        }
        guard model.preprocessing == nil, case .zoo(let name) = source,
            let usual = try Zoo.entry(named: name).card.preprocessing, data.samples.dtype == .uint8
        else { return }
        model.preprocessing = try Preprocessing(
            mean: usual.mean.map(Double.init), deviation: usual.deviation.map(Double.init))
    }

    private static func task(of data: Dataset) -> Network.Task {
        if let names = data.classNames { return .classification(classes: names.count) }
        return .regression(outputs: data.targetCount)
    }

    private static func check(_ expected: Shape, against shape: Shape, _ run: RunConfiguration)
        throws(TrainingError)
    {
        guard expected == shape else {
            throw TrainingError(.data, "a sample of \(run.data) is \(shape) and the model takes \(expected)")
        }
    }
}

extension ModelSource {
    /// What images are brought to: the zoo's own shape where it is for colour photographs of any size.
    var imageShape: Shape? {
        guard case .zoo(let name) = self, let card = try? Zoo.entry(named: name).card,
            card.preprocessing != nil
        else {
            return nil
        }
        return card.input
    }
}

extension RunDirectory {
    /// Makes the folder for a new run and writes `configuration` into it as `config.yaml`.
    ///
    /// - Throws: ``TrainingError`` where a run is there already, `FormatError` where it cannot be made or written.
    public func prepare(configuration: String) throws {
        try create()
        try AtomicFile.write(configuration, to: configurationPath)
    }

    /// Makes the folder of a run that ended before its first checkpoint as it was before the run.
    public func clearUnstarted() {
        guard checkpoints().isEmpty else { return }
        try? FileManager.default.removeItem(atPath: metricsPath)
    }
}
