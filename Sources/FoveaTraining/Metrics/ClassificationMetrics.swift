/// What a table of true against predicted classes says.
///
/// Conventions are scikit-learn's with `zero_division=0`: a class that is never predicted has precision 0,
/// one without a sample has recall 0, and the macro averages are over the classes that are true or predicted
/// somewhere.
public struct ClassificationMetrics: Hashable, Sendable, Codable {
    /// The number of samples of each true class (row) that were predicted as each class (column).
    public let confusion: [[Int]]
    /// The share of samples whose true class is among the five likeliest, where there are more than five
    /// classes.
    public let top5Accuracy: Double?

    /// Precision, recall and their harmonic mean for one class.
    public struct PerClass: Hashable, Sendable, Codable {
        /// Of the samples predicted as the class, the share that are.
        public let precision: Double
        /// Of the samples of the class, the share predicted as it.
        public let recall: Double
        /// `2 · precision · recall / (precision + recall)`; 0 where both are.
        public let f1: Double
        /// The number of samples of the class.
        public let samples: Int
        /// The number of samples predicted as the class.
        public let predicted: Int
    }

    /// The number of samples.
    public var samples: Int { confusion.reduce(0) { $0 + $1.reduce(0, +) } }

    /// The share of samples whose class is the predicted one.
    public var accuracy: Double {
        let correct = confusion.indices.reduce(0) { $0 + confusion[$1][$1] }
        return ratio(correct, samples)
    }

    /// The metrics of each class.
    public var classes: [PerClass] {
        confusion.indices.map { index in
            let hits = confusion[index][index]
            let samples = confusion[index].reduce(0, +)
            let predicted = confusion.reduce(0) { $0 + $1[index] }
            return PerClass(
                precision: ratio(hits, predicted), recall: ratio(hits, samples),
                f1: ratio(2 * hits, samples + predicted),
                samples: samples, predicted: predicted)
        }
    }

    /// The mean precision of the classes.
    public var macroPrecision: Double { macro(\.precision) }
    /// The mean recall of the classes.
    public var macroRecall: Double { macro(\.recall) }
    /// The mean F1 of the classes.
    public var macroF1: Double { macro(\.f1) }

    private func macro(_ metric: KeyPath<PerClass, Double>) -> Double {
        let present = classes.filter { $0.samples + $0.predicted > 0 }
        return present.isEmpty ? 0 : present.map { $0[keyPath: metric] }.reduce(0, +) / Double(present.count)
    }

    private func ratio(_ part: Int, _ whole: Int) -> Double { whole == 0 ? 0 : Double(part) / Double(whole) }
}

/// The counts from which a classification's metrics follow, gathered sample by sample.
package struct ClassificationTally {
    private var confusion: [[Int]]
    private var topHits = 0
    private var loss = 0.0
    private var samples = 0

    package init(classes: Int) {
        confusion = Array(repeating: Array(repeating: 0, count: classes), count: classes)
    }

    /// Counts a sample.
    ///
    /// - Parameter logits: as many as there are classes.
    package mutating func add(logits: UnsafeBufferPointer<Float>, label: Int) {
        loss += crossEntropy(logits, label: label)
        confusion[label][indexOfLargest(logits)] += 1
        // Among equals the first counts as likelier, as in the prediction.
        var rank = 0
        for (index, logit) in logits.enumerated()
        where logit > logits[label] || (logit == logits[label] && index < label) {
            rank += 1
        }
        if rank < 5, !logits[label].isNaN { topHits += 1 }
        samples += 1
    }

    package var evaluation: Evaluation {
        let count = Double(max(samples, 1))
        let top = confusion.count > 5 ? Double(topHits) / count : nil
        return Evaluation(
            samples: samples, loss: loss / count,
            metrics: .classification(ClassificationMetrics(confusion: confusion, top5Accuracy: top)))
    }
}

/// `log Σ(k) exp x[k] - x[label]`, with the largest logit taken out.
func crossEntropy(_ logits: UnsafeBufferPointer<Float>, label: Int) -> Double {
    let largest = Double(logits[indexOfLargest(logits)])
    var sum = 0.0
    for logit in logits { sum += exp(Double(logit) - largest) }
    return log(sum) + largest - Double(logits[label])
}

/// The place of the largest number, the first among equals.
func indexOfLargest(_ numbers: UnsafeBufferPointer<Float>) -> Int {
    var best = 0
    for index in 1..<max(numbers.count, 1) where numbers[index] > numbers[best] { best = index }
    return best
}

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif
