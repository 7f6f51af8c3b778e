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
        let weight = Formula.parameter(key, shape: [1, 5, 1, 1]).scalars(as: Float.self)
        #expect(bits(Array(weight.prefix(3))) == [0x3F3F_812B, 0x3E24_3F0E, 0x3F44_A0DC])
        let variance = Formula.parameter("bn1.running_var", shape: [3]).scalars(as: Float.self)
        #expect(bits(variance) == [0x4012_3722, 0x4024_B456, 0x403C_427C])
        #expect(bits(Formula.data([3]).scalars(as: Float.self)) == [0xBFB4_2D6A, 0x3F08_83D0, 0xBF84_C6BC])
        #expect(Formula.labels(5, classes: 1000).scalars(as: Int32.self) == [889, 714, 679, 129, 54])
    }
}
