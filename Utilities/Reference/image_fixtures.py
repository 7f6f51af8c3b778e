"""Prints Tests/FoveaDataTests/ImageFixtures.swift. Needs pillow==13.0.0 and numpy==2.4.6.

PNG files of every kind are put together here, so that the decoder's test does not rest on one encoder; the resized
pixels are Pillow's.
"""
import base64, io, struct, zlib
import numpy as np
from PIL import Image

W, H = 9, 7


def value(y, x, c):
    return (x * 7 + y * 13 + c * 29 + (x * y) % 31 * 5) % 256


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(colour, depth, pixel, extra=b"", interlaced=False):
    def rows(ys, xs):
        out = b""
        for y in ys:
            if len(xs):
                out += b"\0" + b"".join(pixel(y, x) for x in xs)
        return out
    if interlaced:
        passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
        raw = b"".join(rows(range(y, H, dy), range(x, W, dx)) for y, x, dy, dx in passes)
    else:
        raw = rows(range(H), range(W))
    header = struct.pack(">IIBBBBB", W, H, depth, colour, 0, 0, int(interlaced))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + chunk(b"IDAT", zlib.compress(raw, 9))
            + chunk(b"IEND", b""))


def planes(y, x, n):
    return bytes(value(y, x, c) for c in range(n))


palette = b"".join(bytes([i, 255 - i, i * 3 % 256]) for i in range(256))
files = {
    "grey": png(0, 8, lambda y, x: planes(y, x, 1)),
    "grey16": png(0, 16, lambda y, x: bytes([value(y, x, 0), value(y, x, 0)])),
    "greyAlpha": png(4, 8, lambda y, x: planes(y, x, 2)),
    "colour": png(2, 8, lambda y, x: planes(y, x, 3)),
    "colourInterlaced": png(2, 8, lambda y, x: planes(y, x, 3), interlaced=True),
    "colourAlpha": png(6, 8, lambda y, x: planes(y, x, 4)),
    "palette": png(3, 8, lambda y, x: planes(y, x, 1), chunk(b"PLTE", palette)),
}
big = np.array([[[value(y, x, c) for c in range(3)] for x in range(23)] for y in range(17)], np.uint8)
image = Image.fromarray(big)
grey = image.convert("L")
cmyk = io.BytesIO()
image.resize((2, 2)).convert("CMYK").save(cmyk, "JPEG")

print("// Made by Utilities/Reference/image_fixtures.py with Pillow 13.0.0 and NumPy 2.4.6.")
print("enum ImageFixtures {")
print("    /// 9x7 pixels of `value(y, x, c)`, one file of each kind, in base 64.")
print("    static let png: [String: String] = [")
for name, data in files.items():
    text = base64.b64encode(data).decode()
    lines = [text[i:i + 96] for i in range(0, len(text), 96)]
    print(f'        "{name}": """\n            ' + '\\\n            '.join(lines) + '\n            """,')
print("    ]")


def numbers(name, comment, array):
    flat = [str(v) for v in array.flatten()]
    print(f"    /// {comment}\n    static let {name}: [UInt8] = [")
    for i in range(0, len(flat), 20):
        print("        " + ", ".join(flat[i:i + 20]) + ",")
    print("    ]")


numbers("luma", "23x17 pixels of `value(y, x, c)` as `convert(\"L\")`, the first two rows.", np.array(grey)[:2])
numbers("greySmall", "The grey image resized to 7x9 (columns x rows), BILINEAR.",
        np.array(grey.resize((7, 9), Image.BILINEAR)))
numbers("colourWide", "The colour image resized to 31x5, BILINEAR, the first row.",
        np.array(image.resize((31, 5), Image.BILINEAR))[0])
numbers("colourTall", "The colour image resized to 5x40, BILINEAR, the last two rows.",
        np.array(image.resize((5, 40), Image.BILINEAR))[-2:])
text = base64.b64encode(cmyk.getvalue()).decode()
lines = [text[i:i + 96] for i in range(0, len(text), 96)]
print('    /// A JPEG file for print.\n    static let cmyk = """\n        ' + '\\\n        '.join(lines) + '\n        """')
print("}")
