import Foundation
import FoveaImages
import Testing

/// Sheets, enlargements and colours.
@Suite struct PictureTests {
    @Test func sheetsHaveTheirTilesInRows() throws {
        let tiles = try (0..<5).map { level in
            try Image(
                height: 2, width: 3, channels: 1, pixels: [UInt8](repeating: UInt8(level * 10), count: 6))
        }
        let sheet = try Image.contactSheet(tiles, columns: 3, gap: 1)
        #expect((sheet.height, sheet.width, sheet.channels) == (7, 13, 1))
        for row in 0..<7 {
            for column in 0..<13 {
                let (y, x) = ((row - 1) / 3, (column - 1) / 4)
                let isGap = row % 3 == 0 || column % 4 == 0 || y * 3 + x >= 5
                #expect(sheet.pixels[row * 13 + column] == (isGap ? 255 : UInt8((y * 3 + x) * 10)))
            }
        }
        // About square unless told otherwise, in colour as soon as one tile is.
        #expect(try Image.contactSheet(tiles, gap: 0).width == 6)
        let coloured = try Image(height: 2, width: 3, channels: 3, pixels: [UInt8](repeating: 9, count: 18))
        #expect(try Image.contactSheet(tiles + [coloured]).channels == 3)
        #expect(throws: ImageError("contact sheet: there is no image")) { _ = try Image.contactSheet([]) }
        #expect(throws: ImageError.self) {
            _ = try Image.contactSheet([tiles[0], try tiles[0].enlarged(by: 2)])
        }
        #expect(throws: ImageError.self) { _ = try Image.contactSheet(tiles, columns: 0) }
    }

    @Test func enlargingRepeatsPixels() throws {
        let image = try Image(height: 1, width: 2, channels: 3, pixels: [1, 2, 3, 4, 5, 6])
        let large = try image.enlarged(by: 2)
        let line: [UInt8] = [1, 2, 3, 1, 2, 3, 4, 5, 6, 4, 5, 6]
        #expect(large.pixels == line + line)
        #expect(image.enlargement(toward: 9) == 4)
        #expect(large.enlargement(toward: 3) == 1)
        #expect(throws: ImageError.self) { _ = try image.enlarged(by: 0) }
        #expect(throws: ImageError.self) { _ = try image.enlarged(by: 60_000) }
    }

    @Test func blendingTakesTheShareOfEach() throws {
        let grey = try Image(height: 1, width: 1, channels: 1, pixels: [100])
        let red = try Image(height: 1, width: 1, channels: 3, pixels: [200, 0, 0])
        #expect(try grey.blended(with: red, opacity: 0.25).pixels == [125, 75, 75])
        #expect(throws: ImageError.self) { _ = try grey.blended(with: red, opacity: 2) }
    }

    /// Equal steps of the number are equal steps of the lightness that the eye sees, CIE's L*, up to the difference
    /// between it and Oklab's.
    @Test func coloursGrowLighterEvenly() throws {
        func lightness(_ x: Double) -> Double {
            let color = ColorMap.color(x)
            let linear = [color.red, color.green, color.blue].map { byte in
                let value = Double(byte) / 255
                return value <= 0.04045 ? value / 12.92 : pow((value + 0.055) / 1.055, 2.4)
            }
            let luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
            return luminance > 0.008856 ? 116 * cbrt(luminance) - 16 : 903.3 * luminance
        }
        let steps = (0..<16).map { lightness(Double($0 + 1) / 16) - lightness(Double($0) / 16) }
        let mean = steps.reduce(0, +) / 16
        #expect(mean > 5)
        #expect(steps.allSatisfy { $0 > 0.55 * mean && $0 < 1.45 * mean }, "\(steps)")
        #expect(ColorMap.color(-1) == ColorMap.color(0))
        #expect(ColorMap.color(.nan) == ColorMap.color(0))
        #expect(ColorMap.color(.infinity) == ColorMap.color(1))
        let ramp = try Image(height: 1, width: 2, channels: 1, pixels: [0, 255])
        let (dark, bright) = (ColorMap.color(0), ColorMap.color(1))
        #expect(
            try ColorMap.colored(ramp).pixels
                == [dark.red, dark.green, dark.blue, bright.red, bright.green, bright.blue])
    }
}
