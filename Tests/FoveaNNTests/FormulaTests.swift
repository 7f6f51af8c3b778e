import FoveaFixtures
import FoveaTensor
import Testing

@Suite("The formula")
struct FormulaTests {
    @Test("gives the bits that numpy gives")
    func bits() {
        func bits(_ numbers: [Float]) -> [UInt32] { numbers.map(\.bitPattern) }
        let key = "layer1.0.conv1.weight"
        #expect(bits(Formula.values(key, count: 3)) == [0x3F2E_D1A6, 0x3E15_EF88, 0x3F33_7F0E])
        let short = Formula.parameter(key, shape: [1, 5, 1, 1]).scalars(as: Float.self)
        #expect(bits(Array(short.prefix(3))) == [0x3F3F_812B, 0x3E24_3F0E, 0x3F44_A0DC])
        let weight = Formula.parameter(key, shape: [3, 7, 3, 3]).scalars(as: Float.self)
        let taps = weight.indices.filter { weight[$0] != 0 }
        #expect(taps.count == 94 && taps.prefix(4) == [1, 3, 4, 7] && taps.last == 186)
        #expect(bits(taps.prefix(3).map { weight[$0] }) == [0x3D81_D91D, 0x3D49_7E5E, 0xBDA2_9E92])
        func numbers(_ key: String, _ count: Int) -> [UInt32] {
            bits(Formula.parameter(key, shape: [count]).scalars(as: Float.self))
        }
        #expect(numbers("bn1.running_var", 3) == [0x3E89_1B91, 0x3E92_5A2B, 0x3E9E_213E])
        #expect(numbers("bn1.weight", 3) == [0x3EBB_86CB, 0x3ECA_618F, 0x3EC2_36CA])
        #expect(numbers("bn1.bias", 4) == [0x3F6B_0543, 0xBF8E_B70E, 0x3F8B_E767, 0x3F87_EC16])
        #expect(numbers("bn1.running_mean", 2) == [0x3D40_0FB7, 0x3CA4_DA87])
        #expect(bits(Formula.data([3]).scalars(as: Float.self)) == [0xBFB4_2D6A, 0x3F08_83D0, 0xBF84_C6BC])
        #expect(Formula.labels(5, classes: 1000).scalars(as: Int32.self) == [889, 714, 679, 129, 54])
    }
}
