import CFoveaKernels
import Testing

@Suite struct GateTests {
    /// Channels-last and blocked images, with channels that fill vectors, runs and pieces and that do not, and enough of them
    /// for several threads.
    static let maps = [
        (1, 1, 1), (2, 7, 3), (3, 49, 16), (2, 9, 20), (5, 12, 700), (2, 300, 1030), (40, 64, 8),
    ].map {
        fovea_maps(outer: $0.0, pixels: $0.1, lanes: $0.2)
    }

    private struct Numbers {
        let maps: fovea_maps
        let x, residual: [Float]
        let gate, shift: [Float]

        init(_ maps: fovea_maps) {
            self.maps = maps
            var random = SplitMix(seed: 1)
            x = random.floats(maps.outer * maps.pixels * maps.lanes)
            residual = random.floats(x.count)
            gate = random.floats(maps.outer * maps.lanes)
            shift = random.floats(gate.count)
        }

        func map(of element: Int) -> Int {
            element / maps.lanes / maps.pixels * maps.lanes + element % maps.lanes
        }
    }

    @Test(arguments: maps, [1, 3])
    func weighs(maps: fovea_maps, threads: Int) {
        fovea_set_threads(Int32(threads))
        let numbers = Numbers(maps)
        for (shifts, adds, relu) in [
            (false, false, false), (true, false, false), (false, true, true), (true, true, true),
            (false, false, true), (false, true, false),
        ] {
            var y = numbers.residual
            let inPlace = y
            withUnsafePointer(to: maps) { maps in
                y.withUnsafeMutableBufferPointer { y in
                    numbers.shift.withUnsafeBufferPointer { shift in
                        fovea_gate(
                            maps, numbers.x, numbers.gate, shifts ? shift.baseAddress : nil, 0.25,
                            adds ? UnsafePointer(y.baseAddress) : nil, relu ? 1 : 0, y.baseAddress)
                    }
                }
            }
            for (element, y) in y.enumerated() {
                let map = numbers.map(of: element)
                var expected = Double(numbers.x[element]) * Double(numbers.gate[map])
                if shifts { expected += 0.25 * Double(numbers.shift[map]) }
                if adds { expected += Double(inPlace[element]) }
                if relu { expected = max(expected, 0) }
                guard abs(Double(y) - expected) <= 3e-7 else {
                    Issue.record("\(y), not \(expected) at \(element)")
                    return
                }
            }
        }
    }

    @Test(arguments: maps)
    func sumsProducts(maps: fovea_maps) {
        let numbers = Numbers(maps)
        var sums = [Sum](repeating: Sum(), count: numbers.gate.count)
        for (element, (x, dy)) in zip(numbers.x, numbers.residual).enumerated() {
            sums[numbers.map(of: element)].add(Double(x) * Double(dy))
        }
        let results = [1, 2, 3].map { threads in
            fovea_set_threads(Int32(threads))
            var dgate = numbers.gate.map { _ in Float.nan }
            withUnsafePointer(to: maps) { fovea_gate_gradient($0, numbers.x, numbers.residual, &dgate) }
            return dgate
        }
        // Eight products are added in Float, the rest in Double.
        sums.expectNear(results[0], terms: 8)
        #expect(results.allSatisfy { $0 == results[0] })
    }
}
