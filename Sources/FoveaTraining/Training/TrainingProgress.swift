/// What a training remembers besides the variables: with these and the seed it goes on as if it had never
/// stopped.
struct TrainingProgress: Hashable, Sendable, Codable {
    /// The number of steps made.
    var step = 0
    /// The epoch of the next step, from 1.
    var epoch = 1
    /// The sums over the steps of the present epoch.
    var sums = Sums()
    /// The best score so far, larger being better; `nil` before the first epoch with validation.
    var bestScore: Double?
    /// The epoch of the best score; 0 before.
    var bestEpoch = 0
    /// The completed epochs.
    var epochs: [EpochRecord] = []

    /// Sums over the steps of an epoch.
    struct Sums: Hashable, Sendable, Codable {
        var steps = 0
        var samples = 0
        var loss = 0.0
        var correct = 0
        var seconds = 0.0

        var meanLoss: Double { loss / Double(max(steps, 1)) }
        var meanAccuracy: Double { Double(correct) / Double(max(samples, 1)) }
        var samplesPerSecond: Double { seconds > 0 ? Double(samples) / seconds : 0 }
    }
}
