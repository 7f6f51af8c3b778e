import Foundation

/// The learning rate as a function of the step alone, so that a resumed run needs no memory of it.
///
/// With `t` the number of steps made before, `T` those of the whole run, `S` those of an epoch:
/// - constant: `rate`;
/// - step: `rate · factor ^ ⌊t / (S · epochs)⌋`;
/// - cosine: linear from 0 over the warm-up of `W` steps, `rate · (t + 1) / W`, and then `final + (rate -
///   final) · (1 + cos π (t - W) / (T - W)) / 2` (Loshchilov and Hutter 2017, without restarts);
/// - one cycle: up a half cosine from `peak / 25` to `peak` over the share `warmup` of the run, down another
///   to `peak / 250000` at the last step (Smith and Topin 2018, with PyTorch's divisors).
public enum LearningRate: Hashable, Sendable {
    /// Always `rate`.
    case constant(Float)
    /// `rate`, multiplied by `factor` after every so many epochs.
    case step(Float, every: Int, factor: Float = 0.1)
    /// From `rate` to `final` along half a cosine, after `warmupEpochs` of linear growth.
    case cosine(Float, warmupEpochs: Double = 0, final: Float = 0)
    /// Up to `peak` over the share `warmup` of the run, and down to nearly nothing.
    case oneCycle(Float, warmup: Double = 0.3)

    /// The number of steps of a run.
    public struct Span: Hashable, Sendable {
        /// The number of steps of the whole run.
        public var steps: Int
        /// The number of steps of an epoch.
        public var stepsPerEpoch: Int

        /// A run of `steps` steps.
        public init(steps: Int, stepsPerEpoch: Int) {
            self.steps = steps
            self.stepsPerEpoch = stepsPerEpoch
        }
    }

    /// The learning rate of the step before which `step` were made.
    public func rate(at step: Int, of span: Span) -> Float {
        let t = Double(step)
        let total = Double(span.steps)
        switch self {
        case .constant(let rate):
            return rate
        case .step(let rate, let epochs, let factor):
            let falls = step / (max(1, span.stepsPerEpoch) * max(1, epochs))
            return Float(Double(rate) * pow(Double(factor), Double(falls)))
        case .cosine(let rate, let warmupEpochs, let final):
            let warmup = min((warmupEpochs * Double(span.stepsPerEpoch)).rounded(), total)
            if t < warmup { return Float(Double(rate) * (t + 1) / warmup) }
            let share = total > warmup ? min((t - warmup) / (total - warmup), 1) : 1
            return Float(Double(final) + (Double(rate) - Double(final)) * (1 + cos(.pi * share)) / 2)
        case .oneCycle(let peak, let warmup):
            let top = Double(peak)
            let (start, end) = (top / 25, top / 250_000)
            let rise = warmup * total - 1
            if t <= rise, rise > 0 { return Float(top + (start - top) * (1 + cos(.pi * t / rise)) / 2) }
            let fall = total - 1 - max(rise, 0)
            let share = fall > 0 ? min((t - max(rise, 0)) / fall, 1) : 1
            return Float(end + (top - end) * (1 + cos(.pi * share)) / 2)
        }
    }

    /// Throws where a setting has no meaning.
    public func validate() throws(TrainingError) {
        switch self {
        case .constant(let rate):
            try check("the schedule", "the learning rate", rate, rate >= 0, "0 or more")
        case .step(let rate, let epochs, let factor):
            try check("the schedule", "the learning rate", rate, rate >= 0, "0 or more")
            try check("the schedule", "the factor", factor, factor > 0, "above 0")
            try check(
                "the schedule", "the number of epochs between falls", Float(epochs), epochs >= 1, "1 or more")
        case .cosine(let rate, let warmupEpochs, let final):
            try check("the schedule", "the learning rate", rate, rate >= 0, "0 or more")
            try check("the schedule", "the final learning rate", final, final >= 0, "0 or more")
            try check(
                "the schedule", "the warm-up", Float(warmupEpochs), warmupEpochs >= 0, "0 epochs or more")
        case .oneCycle(let peak, let warmup):
            try check("the schedule", "the learning rate", peak, peak >= 0, "0 or more")
            try check(
                "the schedule", "the warm-up", Float(warmup), warmup >= 0 && warmup < 1, "a share in [0, 1)")
        }
    }
}

extension LearningRate: Codable {
    private enum CodingKeys: String, CodingKey {
        case schedule, rate, every, factor, warmupEpochs, final, warmup
    }

    private enum Kind: String, Codable {
        case constant, step, cosine, oneCycle
    }

    /// Reads the settings, with the defaults for those that are missing.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        let rate = try container.decode(Float.self, forKey: .rate)
        switch try container.decodeIfPresent(Kind.self, forKey: .schedule) ?? .constant {
        case .constant:
            self = .constant(rate)
        case .step:
            self = .step(
                rate, every: try container.decode(Int.self, forKey: .every),
                factor: try container.decodeIfPresent(Float.self, forKey: .factor) ?? 0.1)
        case .cosine:
            self = .cosine(
                rate, warmupEpochs: try container.decodeIfPresent(Double.self, forKey: .warmupEpochs) ?? 0,
                final: try container.decodeIfPresent(Float.self, forKey: .final) ?? 0)
        case .oneCycle:
            self = .oneCycle(rate, warmup: try container.decodeIfPresent(Double.self, forKey: .warmup) ?? 0.3)
        }
    }

    /// Writes the settings.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        switch self {
        case .constant(let rate):
            try container.encode(Kind.constant, forKey: .schedule)
            try container.encode(rate, forKey: .rate)
        case .step(let rate, let epochs, let factor):
            try container.encode(Kind.step, forKey: .schedule)
            try container.encode(rate, forKey: .rate)
            try container.encode(epochs, forKey: .every)
            try container.encode(factor, forKey: .factor)
        case .cosine(let rate, let warmupEpochs, let final):
            try container.encode(Kind.cosine, forKey: .schedule)
            try container.encode(rate, forKey: .rate)
            try container.encode(warmupEpochs, forKey: .warmupEpochs)
            try container.encode(final, forKey: .final)
        case .oneCycle(let peak, let warmup):
            try container.encode(Kind.oneCycle, forKey: .schedule)
            try container.encode(peak, forKey: .rate)
            try container.encode(warmup, forKey: .warmup)
        }
    }
}
