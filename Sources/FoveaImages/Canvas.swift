/// An image in colour to draw on.
package struct Canvas {
    /// Red, green and blue.
    package typealias Color = (red: UInt8, green: UInt8, blue: UInt8)

    private let height: Int
    private let width: Int
    private var pixels: [UInt8]

    /// A canvas of one colour.
    package init(height: Int, width: Int, _ color: Color) throws(ImageError) {
        try Image.check(height: height, width: width, name: "drawing")
        (self.height, self.width) = (height, width)
        pixels = [UInt8](repeating: 0, count: height * width * 3)
        for row in 0..<height { for column in 0..<width { self[row, column] = color } }
    }

    /// What was drawn.
    package var image: Image { Image(uncheckedHeight: height, width: width, channels: 3, pixels: pixels) }

    /// The colour of a pixel; beyond the border nothing is drawn and all is black.
    package subscript(row: Int, column: Int) -> Color {
        get {
            guard (0..<height).contains(row), (0..<width).contains(column) else { return (0, 0, 0) }
            let place = (row * width + column) * 3
            return (pixels[place], pixels[place + 1], pixels[place + 2])
        }
        set {
            guard (0..<height).contains(row), (0..<width).contains(column) else { return }
            let place = (row * width + column) * 3
            (pixels[place], pixels[place + 1], pixels[place + 2]) = newValue
        }
    }

    /// Draws `image` with its first pixel at the given place.
    package mutating func draw(_ image: Image, row: Int, column: Int) throws(ImageError) {
        let image = try image.converted(toChannels: 3)
        for y in 0..<image.height {
            for x in 0..<image.width {
                let place = (y * image.width + x) * 3
                self[row + y, column + x] = (
                    image.pixels[place], image.pixels[place + 1], image.pixels[place + 2]
                )
            }
        }
    }
}
