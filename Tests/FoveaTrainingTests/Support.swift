import Foundation
import FoveaCPU
import FoveaData
import FoveaGraph
import FoveaNN
import FoveaReference
import FoveaTensor

import FoveaTraining

/// The backends that every training test runs on.
enum TestBackend: CaseIterable {
    case reference, cpu

    func make() -> any Backend {
        switch self {
        case .reference: ReferenceBackend()
        case .cpu: CPUBackend(threads: 1)
        }
    }
}

/// Data sets made by formula.
enum Samples {
    /// `count` points of three classes around three corners, which a line between them separates nearly.
    static func blobs(_ count: Int, features: Int = 4, seed: UInt64 = 7) -> Dataset {
        let stream = RandomSource(seed: seed).stream(.other(0))
        let labels = (0..<count).map { Int32($0 % 3) }
        let numbers = (0..<count * features).map { index in
            let (row, column) = (index / features, index % features)
            return Float(stream.normal(at: index)) * 0.5 + (Int(labels[row]) == column ? 2 : 0)
        }
        return try! Dataset(
            name: "blobs", samples: Tensor(numbers, shape: [count, features]),
            targets: .classes(labels: labels, names: ["red", "green", "blue"]))
    }

    /// Grey images of bytes in three classes: the bright third of the rows tells which.
    static func stripes(_ count: Int, seed: UInt64 = 3) -> Dataset {
        let stream = RandomSource(seed: seed).stream(.other(1))
        let labels = (0..<count).map { Int32($0 % 3) }
        let pixels = (0..<count * 36).map { index -> UInt8 in
            let (row, line) = (index / 36, index % 36 / 6)
            let noise = UInt8(stream.bits(at: index) % 100)
            return noise + (Int(labels[row]) == line / 2 ? 120 : 0)
        }
        return try! Dataset(
            name: "stripes", samples: Tensor(pixels, shape: [count, 1, 6, 6]),
            targets: .classes(labels: labels, names: ["top", "middle", "bottom"]))
    }

    /// Points of a plane with a little noise.
    static func plane(_ count: Int) -> Dataset {
        let stream = RandomSource(seed: 5).stream(.other(2))
        let numbers = (0..<count * 2).map { Float(stream.normal(at: $0)) }
        let targets = (0..<count).map { (row: Int) -> Float in
            let (x, y) = (numbers[2 * row], numbers[2 * row + 1])
            return 3 * x - 2 * y + 1
        }
        return try! Dataset(
            name: "plane", samples: Tensor(numbers, shape: [count, 2]),
            targets: .values(Tensor(targets, shape: [count, 1])))
    }
}

/// Small networks.
enum Networks {
    static func perceptron(dropout: Float = 0) -> Network {
        Network(inputShape: [4], task: .classification(classes: 3), regularizer: .l2(1e-3)) {
            Dense(units: 8).named("hidden")
            Tanh()
            Dropout(dropout)
            Dense(units: 3).named("output")
        }
    }

    static func convolutional() -> Network {
        Network(inputShape: [1, 6, 6], task: .classification(classes: 3)) {
            Conv2D(filters: 4, kernelSize: 3, padding: 1).named("conv")
            BatchNorm().named("norm")
            ReLU()
            MaxPool2D(2)
            Flatten()
            Dense(units: 3).named("output")
        }
    }

    static func linear() -> Network {
        Network(inputShape: [2], task: .regression(outputs: 1)) { Dense(units: 1).named("output") }
    }
}

extension TrainingConfiguration {
    /// A configuration changed by `body`.
    static func with(_ body: (inout TrainingConfiguration) -> Void) -> TrainingConfiguration {
        var configuration = TrainingConfiguration()
        body(&configuration)
        return configuration
    }
}

/// Calls `body` with the path of a new folder, which is removed afterwards.
func withTemporaryFolder(_ body: (String) throws -> Void) throws {
    let path = NSTemporaryDirectory() + "fovea-training-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: path) }
    try body(path)
}

/// The text of the error that `body` throws; empty where it throws none.
func errorText(_ body: () throws -> Void) -> String {
    do {
        try body()
        return ""
    } catch {
        return "\(error)"
    }
}
