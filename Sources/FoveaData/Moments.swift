import FoveaTensor

/// The mean and the deviation (divided by n) of each channel of images, or each feature of vectors.
struct Moments {
    private(set) var mean: [Double]
    private(set) var deviation: [Double]

    /// The moments of the samples at `indices`, of which there is one at least.
    init(_ dataset: Dataset, at indices: [Int]) {
        let shape = dataset.sampleShape
        let channels = shape[0]
        let area = shape.count / channels
        mean = [Double](repeating: 0, count: channels)
        deviation = mean
        let total = Double(indices.count * area)
        if dataset.samples.dtype == .uint8 {
            // Exact: whole numbers, of which 2^47 fit before the sum of squares overflows.
            var sums = [UInt64](repeating: 0, count: channels)
            var squares = sums
            dataset.samples.withUnsafeScalars(of: UInt8.self) { samples in
                for index in indices {
                    for channel in 0..<channels {
                        let start = (index * channels + channel) * area
                        var sum: UInt64 = 0
                        var square: UInt64 = 0
                        for offset in start..<start + area {
                            let value = UInt64(samples[offset])
                            sum &+= value
                            square &+= value &* value
                        }
                        sums[channel] += sum
                        squares[channel] += square
                    }
                }
            }
            for channel in 0..<channels {
                mean[channel] = Double(sums[channel]) / total
                let variance = Double(squares[channel]) / total - mean[channel] * mean[channel]
                deviation[channel] = max(variance, 0).squareRoot()
            }
            return
        }
        // Two passes: the squares of differences lose nothing where the mean is large.
        dataset.samples.withUnsafeScalars(of: Float.self) { samples in
            func sum(_ channel: Int, _ term: (Double) -> Double) -> Double {
                indices.reduce(0) { sum, index in
                    let start = (index * channels + channel) * area
                    return samples[start..<start + area].reduce(sum) { $0 + term(Double($1)) }
                }
            }
            for channel in 0..<channels {
                let center = sum(channel) { $0 } / total
                mean[channel] = center
                deviation[channel] = (sum(channel) { ($0 - center) * ($0 - center) } / total).squareRoot()
            }
        }
    }
}
