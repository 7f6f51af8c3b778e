import Foundation

/// Colours for numbers from 0 to 1, such that equal steps of the number look equally large.
///
/// In Oklab, whose lightness is that of the eye, the lightness grows in proportion to the number, from 0.18 to 0.93, while
/// the hue turns from blue over red to yellow, `285° + 170° x`, at the chroma `0.17 sin(π (0.2 + 0.62 x))`. All colours are
/// within sRGB, so that nothing is clipped, and a grey print keeps the order of the numbers.
///
/// Source: the space is Ottosson's, "A perceptual color space for image processing", 2020; the path is Fovea's own.
public enum ColorMap {
    /// Red, green and blue for `number`, which is taken to the range from 0 to 1; NaN gets the colour of 0.
    public static func color(_ number: Double) -> (red: UInt8, green: UInt8, blue: UInt8) {
        let x = number > 0 ? min(number, 1) : 0
        let index = Int((x * 255).rounded())
        return table[index]
    }

    /// The colours for the numbers of `image`, which is grey, 0 to 255 standing for 0 to 1.
    ///
    /// - Throws: `ImageError` where the image is not grey.
    public static func colored(_ image: Image) throws(ImageError) -> Image {
        guard image.channels == 1 else {
            throw ImageError("colouring: an image of \(image.channels) channels; expected 1")
        }
        var pixels: [UInt8] = []
        pixels.reserveCapacity(3 * image.pixels.count)
        for pixel in image.pixels {
            let color = table[Int(pixel)]
            pixels += [color.red, color.green, color.blue]
        }
        return try Image(height: image.height, width: image.width, channels: 3, pixels: pixels)
    }

    private static let table: [(red: UInt8, green: UInt8, blue: UInt8)] = (0..<256).map { index in
        let x = Double(index) / 255
        let lightness = 0.18 + 0.75 * x
        let hue = (285 + 170 * x) * .pi / 180
        let chroma = 0.17 * sin(.pi * (0.2 + 0.62 * x))
        let (a, b) = (chroma * cos(hue), chroma * sin(hue))
        func cube(_ x: Double) -> Double { x * x * x }
        let long = cube(lightness + 0.3963377774 * a + 0.2158037573 * b)
        let medium = cube(lightness - 0.1055613458 * a - 0.0638541728 * b)
        let short = cube(lightness - 0.0894841775 * a - 1.2914855480 * b)
        return (
            encoded(4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short),
            encoded(-1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short),
            encoded(-0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short)
        )
    }

    /// A linear part of light in sRGB's 8 bits.
    private static func encoded(_ light: Double) -> UInt8 {
        let light = min(max(light, 0), 1)
        let value = light <= 0.0031308 ? 12.92 * light : 1.055 * pow(light, 1 / 2.4) - 0.055
        return UInt8((255 * value).rounded())
    }
}
