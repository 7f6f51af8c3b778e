import FoveaImages
import FoveaTensor
import Foundation
import Testing

@Suite struct ImageTests {
    static func value(_ y: Int, _ x: Int, _ c: Int) -> UInt8 {
        UInt8((x * 7 + y * 13 + c * 29 + (x * y) % 31 * 5) % 256)
    }

    static func image(height: Int, width: Int, channels: Int) throws -> Image {
        let pixels = (0..<height * width * channels).map { index in
            value(index / channels / width, index / channels % width, index % channels)
        }
        return try Image(height: height, width: width, channels: channels, pixels: pixels)
    }

    static func fixture(_ name: String) throws -> [UInt8] {
        let text = try #require(ImageFixtures.png[name])
        return try Array(#require(Data(base64Encoded: text)))
    }

    @Test func kindsOfPNG() throws {
        for (name, channels) in [
            ("grey", 1), ("grey16", 1), ("colour", 3), ("colourInterlaced", 3), ("colourAlpha", 4),
        ] {
            let image = try Image(decoding: Self.fixture(name))
            #expect(image == (try Self.image(height: 7, width: 9, channels: channels)), "\(name)")
        }
        let greyAlpha = try Image(decoding: Self.fixture("greyAlpha"))
        let palette = try Image(decoding: Self.fixture("palette"))
        #expect(greyAlpha.channels == 4 && palette.channels == 3)
        for index in 0..<63 {
            let (grey, alpha) = (Self.value(index / 9, index % 9, 0), Self.value(index / 9, index % 9, 1))
            #expect(Array(greyAlpha.pixels[index * 4..<index * 4 + 4]) == [grey, grey, grey, alpha])
            #expect(
                Array(palette.pixels[index * 3..<index * 3 + 3]) == [
                    grey, 255 - grey, UInt8(Int(grey) * 3 % 256),
                ])
        }
    }

    @Test(arguments: [1, 3, 4]) func roundTripsThroughPNG(channels: Int) throws {
        for (height, width) in [(1, 1), (1, 300), (70, 3), (64, 64)] {
            let image = try Self.image(height: height, width: width, channels: channels)
            #expect(try Image(decoding: PNG.data(for: image)) == image)
            #expect(try Image(image.tensor) == image)
        }
        // What does not compress must fit, too.
        var stream = RandomSource(seed: 1).stream(.other(0))
        let noise = (0..<100 * 100 * channels).map { _ in UInt8(stream.next(below: 256)) }
        let image = try Image(height: 100, width: 100, channels: channels, pixels: noise)
        #expect(try Image(decoding: PNG.data(for: image)) == image)
    }

    @Test func tensorsHavePlanes() throws {
        let tensor = try Self.image(height: 2, width: 3, channels: 3).tensor
        #expect(tensor.shape == [3, 2, 3])
        let expected = (0..<18).map { Self.value($0 / 3 % 2, $0 % 3, $0 / 6) }
        #expect(tensor.scalars(as: UInt8.self) == expected)
    }

    @Test(arguments: [1, 3]) func jpegComesNearTheOriginal(channels: Int) throws {
        let pixels = (0..<40 * 56 * channels).map { index -> UInt8 in
            let (row, column) = (index / channels / 56, index / channels % 56)
            return UInt8(row * 3 + column * 2)
        }
        let image = try Image(height: 40, width: 56, channels: channels, pixels: pixels)
        let read = try Image(decoding: JPEG.data(for: image, quality: 95))
        #expect((read.height, read.width, read.channels) == (40, 56, channels))
        let difference = zip(read.pixels, pixels).map { abs(Int($0) - Int($1)) }.max() ?? 0
        #expect(difference <= 6)
    }

    @Test func orientations() throws {
        // Four quarters of different grey, so that each turn is told from the others.
        let quarters: [UInt8] = [20, 90, 160, 230]
        let pixels = (0..<32 * 16).map { index -> UInt8 in
            let (row, column) = (index / 16, index % 16)
            return quarters[row / 16 * 2 + column / 8]
        }
        let image = try Image(height: 32, width: 16, channels: 1, pixels: pixels)
        let jpeg = try JPEG.data(for: image, quality: 100)
        // The quarters top left, top right, bottom left, bottom right of the upright picture (EXIF 2.3, table 6).
        let upright: [[UInt8]] = [
            [20, 90, 160, 230], [90, 20, 230, 160], [230, 160, 90, 20], [160, 230, 20, 90],
            [20, 160, 90, 230], [160, 20, 230, 90], [230, 90, 160, 20], [90, 230, 20, 160],
        ]
        for orientation in 1...8 {
            for isBigEndian in [false, true] {
                func field(_ value: UInt64, _ count: Int) -> [UInt8] {
                    let bytes = littleEndian(value, count: count)
                    return isBigEndian ? bytes.reversed() : bytes
                }
                var body = Array("Exif\0\0".utf8)
                body += Array((isBigEndian ? "MM" : "II").utf8)
                body += field(42, 2) + field(8, 4)
                body += field(1, 2) + field(274, 2) + field(3, 2) + field(1, 4)
                body += field(UInt64(orientation), 2) + field(0, 2) + field(0, 4)
                var file = jpeg
                file.insert(contentsOf: [0xFF, 0xE1, 0, UInt8(body.count + 2)] + body, at: 2)
                let read = try Image(decoding: file)
                #expect(read.height == (orientation < 5 ? 32 : 16))
                let corners = [(1, 1), (1, 3), (3, 1), (3, 3)].map { y, x in
                    read.pixels[read.height * y / 4 * read.width + read.width * x / 4]
                }
                for (corner, expected) in zip(corners, upright[orientation - 1]) {
                    #expect(abs(Int(corner) - Int(expected)) < 8, "orientation \(orientation)")
                }
            }
        }
    }

    @Test func greyAndSizesAsPillow() throws {
        let image = try Self.image(height: 17, width: 23, channels: 3)
        let grey = try image.converted(toChannels: 1)
        #expect(Array(grey.pixels[..<46]) == ImageFixtures.luma)
        #expect(try grey.resized(toHeight: 9, width: 7).pixels == ImageFixtures.greySmall)
        #expect(try Array(image.resized(toHeight: 5, width: 31).pixels[..<93]) == ImageFixtures.colourWide)
        #expect(
            try Array(image.resized(toHeight: 40, width: 5).pixels.suffix(30)) == ImageFixtures.colourTall)
        #expect(try image.resized(toHeight: 17, width: 23) == image)
    }

    @Test func channelsConvert() throws {
        let grey = try Self.image(height: 3, width: 4, channels: 1)
        #expect(try grey.converted(toChannels: 3).converted(toChannels: 1) == grey)
        let colour = try Self.image(height: 3, width: 4, channels: 3)
        #expect(try colour.converted(toChannels: 4).converted(toChannels: 3) == colour)
        #expect(throws: ImageError.self) { try grey.converted(toChannels: 2) }
    }

    @Test func limits() throws {
        #expect(throws: ImageError.self) { try Image(height: 0, width: 1, channels: 1, pixels: []) }
        #expect(throws: ImageError.self) { try Image(height: 1, width: 65_536, channels: 1, pixels: []) }
        #expect(throws: ImageError.self) { try Image(height: 2, width: 2, channels: 1, pixels: [0]) }
        #expect(throws: ImageError.self) { try Image(height: 1, width: 1, channels: 2, pixels: [0, 0]) }
        let image = try Self.image(height: 4, width: 4, channels: 1)
        #expect(throws: ImageError.self) { try image.resized(toHeight: 60_000, width: 60_000) }
        // 14,000 x 14,000 pixels announced in a small file: refused before memory is taken.
        var png = try Self.fixture("grey")
        for place in [16, 20] { png.replaceSubrange(place..<place + 4, with: [0, 0, 0x36, 0xB0]) }
        let error = #expect(throws: ImageError.self) { try Image(decoding: png, name: "bomb.png") }
        #expect(error?.description.contains("compression can hold") == true)
        #expect(throws: ImageError.self) { try Image(decoding: Array("GIF89a".utf8)) }
        let cmyk = try Array(#require(Data(base64Encoded: ImageFixtures.cmyk)))
        let print = #expect(throws: ImageError.self) { try Image(decoding: cmyk) }
        #expect(print?.description.contains("CMYK") == true)
    }

    @Test func fuzzing() throws {
        for (seed, name) in ["grey16", "colourInterlaced", "palette"].enumerated() {
            let refused = fuzz(try Self.fixture(name), seed: UInt64(seed), bound: 4 * 1100) {
                try Image(decoding: $0).pixels.count
            }
            #expect(refused > 1500)
        }
        for channels in [1, 3] {
            let jpeg = try JPEG.data(for: Self.image(height: 17, width: 23, channels: channels))
            let refused = fuzz(jpeg, seed: 9, bound: 3 * 4200) { try Image(decoding: $0).pixels.count }
            #expect(refused > 1000)
        }
    }
}
