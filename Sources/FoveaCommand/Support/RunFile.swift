import Fovea
import FoveaFormats
import Yams

/// `config.yaml`: a run's settings, one to a line, under the names of the options in camelCase.
struct RunFile {
    /// A setting and where it stands.
    private struct Entry {
        var key: String
        var value: Node
        var mark: Mark?
    }

    let path: String
    private let entries: [Entry]

    /// Reads the file at `path`.
    ///
    /// - Throws: `FormatError` where it cannot be read, ``Failure`` with line and column where it is not such a file.
    init(contentsOf path: String) throws {
        self.path = path
        let text = String(decoding: try FileContents.read(path, limit: 1 << 20), as: UTF8.self)
        let node: Node?
        do {
            node = try Yams.compose(yaml: text)
        } catch let error as YamlError {
            throw Failure(.badData, Self.message(error, path: path))
        }
        guard let node else {
            throw Failure(.badData, "\(path): the file is empty; expected 'model: …' and 'data: …'")
        }
        guard case .mapping(let mapping) = node else {
            throw Failure(.badData, "\(path): expected settings such as 'epochs: 12', one to a line")
        }
        entries = mapping.map { key, value in
            Entry(key: key.string ?? "", value: value, mark: key.mark)
        }
    }

    /// Parser errors have the place and the line's text in several lines; one is made of them.
    private static func message(_ error: YamlError, path: String) -> String {
        switch error {
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
            .composer(_, let problem, let mark, _):
            return "\(path): line \(mark.line), column \(mark.column): \(problem)"
        case .duplicatedKeysInMapping(let keys, _):
            return
                "\(path): \(keys.map { "\($0)" }.joined(separator: ", ")) stands there twice; leave one out"
        default:
            return "\(path): not YAML: " + "\(error)".split(separator: "\n").joined(separator: " ")
        }
    }

    /// The model and the data, which everything else depends on.
    func names() throws -> (model: String?, data: String?) {
        (try entries.first { $0.key == "model" }.map(text), try entries.first { $0.key == "data" }.map(text))
    }

    /// Puts what the file says into `run`.
    func apply(to run: inout RunConfiguration) throws {
        // First what takes the place of others' settings.
        let (choices, rest) = (
            entries.filter { ["optimizer", "schedule"].contains($0.key) },
            entries.filter { !["optimizer", "schedule"].contains($0.key) }
        )
        for entry in choices + rest {
            guard let setting = RunSetting(rawValue: entry.key) else {
                let close = Spelling.closest(to: entry.key, in: RunSetting.allCases.map(\.rawValue))
                throw failure(
                    entry,
                    "there is no setting '\(entry.key)'; "
                        + (close.isEmpty
                            ? "the settings are \(RunSetting.allCases.map(\.rawValue).joined(separator: ", "))"
                            : "did you mean \(close.joined(separator: " or "))?"))
            }
            // A value of `null` or none leaves the setting as it is.
            if case .scalar(let scalar) = entry.value, scalar.string.isEmpty || entry.value.null != nil {
                continue
            }
            switch setting {
            case .model: run.model = try text(entry)
            case .data: run.data = try text(entry)
            case .input: run.input = try shape(entry)
            case .limit: run.limit = try integer(entry)
            case .augment: run.augmentation = try augmentation(entry)
            case .validation: run.validation = try number(entry)
            case .epochs: run.epochs = try integer(entry)
            case .batch: run.batch = try integer(entry)
            case .optimizer: run.choose(optimizer: try choice(entry))
            case .learningRate: run.learningRate = Float(try number(entry))
            case .schedule: run.choose(schedule: try choice(entry))
            case .warmup: run.warmup = try number(entry)
            case .momentum: run.momentum = Float(try number(entry))
            case .nesterov: run.nesterov = try flag(entry)
            case .weightDecay: run.weightDecay = Float(try number(entry))
            case .l2: run.l2 = Float(try number(entry))
            case .weights: run.weights = try text(entry)
            case .replaceHead: run.replaceHead = try flag(entry)
            case .freeze: run.freeze = try texts(entry)
            case .seed: run.seed = try seed(entry)
            case .restoreBest: run.restoreBest = try flag(entry)
            case .patience: run.patience = try integer(entry)
            case .checkpointEverySteps: run.checkpointEverySteps = try integer(entry)
            case .precision: run.precision = try choice(entry)
            case .convolution: run.convolution = try choice(entry)
            case .recompute: run.recompute = try flag(entry)
            case .threads: run.threads = try integer(entry)
            }
        }
    }

    private func failure(_ entry: Entry, _ message: String) -> Failure {
        let mark = entry.value.mark ?? entry.mark
        let place = (entry.mark ?? mark).map { "line \($0.line), column \($0.column): " } ?? ""
        return Failure(.badData, "\(path): \(place)\(message)")
    }

    private func scalar(_ entry: Entry, _ expected: String) throws -> String {
        guard case .scalar(let scalar) = entry.value else {
            throw failure(entry, "\(entry.key) is a list or a mapping; expected \(expected)")
        }
        return scalar.string
    }

    private func text(_ entry: Entry) throws -> String { try scalar(entry, "a text") }

    /// One text, or several in a list.
    private func texts(_ entry: Entry) throws -> [String] {
        guard case .sequence(let sequence) = entry.value else { return [try text(entry)] }
        return try sequence.map { element in
            guard case .scalar(let scalar) = element else {
                throw failure(entry, "\(entry.key) is a list of something else; expected a list of texts")
            }
            return scalar.string
        }
    }

    private func integer(_ entry: Entry) throws -> Int { try value(entry, "a whole number", Int.init) }

    private func seed(_ entry: Entry) throws -> UInt64 {
        try value(entry, "a whole number", expecting: "a whole number from 0 on", UInt64.init)
    }

    private func number(_ entry: Entry) throws -> Double {
        try value(entry, "a number") { Double($0).flatMap { $0.isFinite ? $0 : nil } }
    }

    private func flag(_ entry: Entry) throws -> Bool { try value(entry, "true or false", Bool.init) }

    /// What `parse` makes of the text of `entry`.
    private func value<Value>(
        _ entry: Entry, _ kind: String, expecting expected: String? = nil, _ parse: (String) -> Value?
    ) throws -> Value {
        let text = try scalar(entry, kind)
        guard let value = parse(text) else {
            throw failure(entry, "\(entry.key) is '\(text)'; expected \(expected ?? kind)")
        }
        return value
    }

    private func shape(_ entry: Entry) throws -> Shape {
        let text = try scalar(entry, "a shape such as 3x224x224")
        guard let value = InputShape(argument: text) else {
            throw failure(
                entry, "\(entry.key) is '\(text)'; expected a shape such as 3x224x224, or 13 for a vector")
        }
        return value.shape
    }

    private func augmentation(_ entry: Entry) throws -> Augmentation? {
        let text = try text(entry)
        if text == "none" { return nil }
        do {
            return try Augmentation(text)
        } catch {
            throw failure(entry, error.message)
        }
    }

    private func choice<Choice: RawRepresentable & CaseIterable>(_ entry: Entry) throws -> Choice
    where Choice.RawValue == String {
        let names = Choice.allCases.map(\.rawValue).joined(separator: ", ")
        let text = try scalar(entry, "one of \(names)")
        guard let value = Choice(rawValue: text) else {
            throw failure(entry, "\(entry.key) is '\(text)'; expected one of \(names)")
        }
        return value
    }
}

/// The names of the settings, in the order in which they are written.
enum RunSetting: String, CaseIterable {
    case model, data, input, limit, augment, validation, epochs, batch, optimizer, learningRate, schedule,
        warmup, momentum,
        nesterov
    case weightDecay, l2, weights, replaceHead, freeze, seed, restoreBest, patience, checkpointEverySteps,
        precision, convolution, recompute, threads
}

extension RunFile {
    /// The file that holds `run`.
    static func text(for run: RunConfiguration) -> String {
        var lines = ["# Everything needed to repeat the run: fovea train --config THIS --output ELSEWHERE"]
        for setting in RunSetting.allCases {
            let value: String? =
                switch setting {
                case .model: run.model.quoted
                case .data: run.data.quoted
                case .input: run.input.map { $0.dimensions.map(String.init).joined(separator: "x") }
                case .limit: run.limit.map { "\($0)" }
                case .augment: run.augmentation.map { "\($0)".quoted }
                case .validation: "\(run.validation)"
                case .epochs: "\(run.epochs)"
                case .batch: "\(run.batch)"
                case .optimizer: run.optimizer.rawValue
                case .learningRate: "\(run.learningRate)"
                case .schedule: run.schedule.rawValue
                case .warmup: "\(run.warmup)"
                case .momentum: run.momentum.map { "\($0)" }
                case .nesterov: "\(run.nesterov)"
                case .weightDecay: run.weightDecay.map { "\($0)" }
                case .l2: run.l2.map { "\($0)" }
                case .weights: run.weights?.quoted
                case .replaceHead: run.replaceHead ? "true" : nil
                case .freeze:
                    run.freeze.isEmpty ? nil : "[" + run.freeze.map(\.quoted).joined(separator: ", ") + "]"
                case .seed: "\(run.seed)"
                case .restoreBest: "\(run.restoreBest)"
                case .patience: run.patience.map { "\($0)" }
                case .checkpointEverySteps: run.checkpointEverySteps.map { "\($0)" }
                case .precision: run.precision.rawValue
                case .convolution: run.convolution?.rawValue
                case .recompute: "\(run.recompute)"
                case .threads: run.threads.map { "\($0)" }
                }
            if let value { lines.append("\(setting.rawValue): \(value)") }
        }
        return lines.joined(separator: "\n") + "\n"
    }
}
