import FoveaGraph
import FoveaTensor

extension ReferenceKernels {
    static func softmax(_ x: Reals) -> Reals {
        let classes = x.shape[1]
        var y = x
        for n in 0..<x.shape[0] {
            let row = n * classes..<(n + 1) * classes
            let probabilities = softmax(x.elements[row])
            for (index, probability) in zip(row, probabilities) { y[index] = Scalar(probability) }
        }
        return y
    }

    static func softmaxGradient(y: Reals, dy: Reals) -> Reals {
        let classes = y.shape[1]
        var dx = y
        for n in 0..<y.shape[0] {
            let row = n * classes..<(n + 1) * classes
            var sum = 0.0
            for index in row { sum += Double(dy[index]) * Double(y[index]) }
            for index in row { dx[index] = Scalar(Double(y[index]) * (Double(dy[index]) - sum)) }
        }
        return dx
    }

    static func softmaxCrossEntropy(_ logits: Reals, labels: ReferenceArray<Int32>) -> Reals {
        let (batch, classes) = (logits.shape[0], logits.shape[1])
        var sum = 0.0
        for n in 0..<batch {
            let row = logits.elements[n * classes..<(n + 1) * classes]
            let label = Int(labels[n])
            guard 0..<classes ~= label else { return Reals(.scalar, [.nan]) }
            let largest = maximum(row)
            var exponentials = 0.0
            for logit in row { exponentials += Double.exp(Double(logit) - largest) }
            sum += naturalLogarithm(exponentials) - (Double(row[row.startIndex + label]) - largest)
        }
        return Reals(.scalar, [Scalar(sum / Double(batch))])
    }

    static func softmaxCrossEntropyGradient(
        _ logits: Reals, labels: ReferenceArray<Int32>, dloss: Reals
    ) -> Reals {
        let (batch, classes) = (logits.shape[0], logits.shape[1])
        let factor = Double(dloss[0]) / Double(batch)
        var dx = logits
        for n in 0..<batch {
            let row = n * classes..<(n + 1) * classes
            let label = Int(labels[n])
            let probabilities = softmax(logits.elements[row])
            for (k, probability) in probabilities.enumerated() {
                let isInRange = 0..<classes ~= label
                dx[row.lowerBound + k] =
                    isInRange ? Scalar(factor * (probability - (k == label ? 1 : 0))) : .nan
            }
        }
        return dx
    }

    static func meanSquaredError(_ x: Reals, target: Reals) -> Reals {
        var sum = 0.0
        for (x, t) in zip(x.elements, target.elements) {
            sum += (Double(x) - Double(t)) * (Double(x) - Double(t))
        }
        return Reals(.scalar, [Scalar(sum / Double(x.shape[0]))])
    }

    static func meanSquaredErrorGradient(_ x: Reals, target: Reals, dloss: Reals) -> Reals {
        let factor = dloss[0] * 2 / Scalar(x.shape[0])
        return elementwise(x, target, shape: x.shape) { x, t in factor * (x - t) }
    }

    static func sumOfSquares(_ x: Reals) -> Reals {
        var sum = 0.0
        for element in x.elements { sum += Double(element) * Double(element) }
        return Reals(.scalar, [Scalar(sum)])
    }

    private static func softmax(_ row: ArraySlice<Scalar>) -> [Double] {
        let largest = maximum(row)
        let exponentials = row.map { Double.exp(Double($0) - largest) }
        let sum = exponentials.reduce(0, +)
        return exponentials.map { $0 / sum }
    }

    private static func maximum(_ row: ArraySlice<Scalar>) -> Double {
        row.reduce(-Double.infinity) { max($0, Double($1)) }
    }
}
