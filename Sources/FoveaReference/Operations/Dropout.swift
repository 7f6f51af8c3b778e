import FoveaGraph
import FoveaTensor

extension ReferenceKernels {
    static func dropout(
        _ rule: Operation.Dropout, _ x: Reals, seed: ReferenceArray<Int32>, step: ReferenceArray<Int32>
    ) -> Reals {
        let words = seed.elements.map { UInt64(UInt32(bitPattern: $0)) }
        let source = RandomSource(seed: words[1] << 32 | words[0])
        let stream = source.stream(.dropout(rule.stream), step: Int(step[0]))
        let factor = 1 / (1 - Scalar(rule.rate))
        return Reals(
            x.shape,
            x.elements.enumerated().map { index, element in
                stream.uniform(at: index) >= rule.rate ? element * factor : 0
            })
    }
}
