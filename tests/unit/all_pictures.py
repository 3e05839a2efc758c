"""Pictures of all kinds that `predict` takes, as the bytes of files, for tests that compare two readers of them."""

import io
import struct
import zlib

import cv2
import numpy as np
from PIL import Image, ImageCms

ORIENTATION = 0x0112
SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # of a pixel, by the colour type of a PNG
PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
XMP = '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="{}"/></x:xmpmeta>'


def scene(rng: np.random.Generator, height: int, width: int, channels: int = 3) -> np.ndarray:
    """Soft shapes with some noise, uint8 (height, width, channels)."""
    coarse = rng.uniform(0, 255, (6, 6, channels)).astype(np.float32)
    soft = np.atleast_3d(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC))
    return np.clip(soft + rng.integers(-20, 21, soft.shape, dtype=np.int8), 0, 255).astype(np.uint8)


def chunk(kind: bytes, data: bytes) -> bytes:
    """A part of a PNG file."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(values: np.ndarray, kind: int, depth: int = 8, interlaced: bool = False, parts: bytes = b"") -> bytes:
    """A PNG file, whose rows are filtered in all five ways in turn.

    Parameters
    ----------
    values : samples as they are stored, (H, W) or (H, W, samples)
    kind : its colour type
    depth : bits of a sample
    parts : before the pixels
    """
    samples = values.reshape(*values.shape[:2], -1)
    assert samples.shape[2] == SAMPLES[kind]
    rows = b""
    for left, top, across, down in PASSES if interlaced else ((0, 0, 1, 1),):
        part = samples[top::down, left::across]
        if part.size:
            rows += filtered([packed(row.ravel(), depth) for row in part], max(1, samples.shape[2] * depth // 8))
    header = struct.pack(">IIBBBBB", samples.shape[1], samples.shape[0], depth, kind, 0, 0, interlaced)
    packer = zlib.compressobj(1)
    content = packer.compress(rows) + packer.flush()
    pieces = b"".join(chunk(b"IDAT", content[start : start + 5000]) for start in range(0, len(content), 5000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + parts + pieces + chunk(b"IEND", b"")


def packed(row: np.ndarray, depth: int) -> np.ndarray:
    """Samples of some bits in bytes."""
    if depth == 16:
        return row.astype(">u2").view(np.uint8)
    bits = np.unpackbits(row.astype(np.uint8)[:, None], axis=1)[:, 8 - depth :]
    return np.packbits(bits.ravel())


def filtered(rows: list[np.ndarray], step: int) -> bytes:
    """The rows of one pass, filtered (PNG, section 9)."""
    result, above = b"", np.zeros(len(rows[0]), int)
    for number, row in enumerate(rows):
        line = row.astype(int)
        left, corner = (np.concatenate([np.zeros(step, int), values])[: len(line)] for values in (line, above))
        distances = np.abs([above - corner, left - corner, left + above - 2 * corner])
        nearest = np.choose(np.argmin(distances, axis=0), [left, above, corner])
        taken = (0, left, above, (left + above) // 2, nearest)[number % 5]
        result += bytes([number % 5]) + ((line - taken) % 256).astype(np.uint8).tobytes()
        above = line
    return result


def saved(picture: Image.Image, form: str, **options) -> bytes:
    """A file that Pillow writes."""
    stream = io.BytesIO()
    picture.save(stream, form, **options)
    return stream.getvalue()


def exif(orientation: int) -> Image.Exif:
    """EXIF data that say which way up a picture is."""
    found = Image.Exif()
    found[ORIENTATION] = orientation
    return found


def pngs(rng: np.random.Generator) -> dict[str, bytes]:
    """PNG files."""

    def draw(height: int, width: int, channels: int = 3, depth: int = 8) -> np.ndarray:
        values = scene(rng, height, width, channels).astype(int)
        return values * 257 + rng.integers(0, 257, values.shape) if depth == 16 else values >> (8 - depth)

    def opaque(values: np.ndarray, depth: int = 8) -> np.ndarray:
        return np.dstack([values, np.full(values.shape[:2], 2**depth - 1)])

    palette = chunk(b"PLTE", rng.integers(0, 256, 3 * 256, dtype=np.uint8).tobytes())
    few = chunk(b"PLTE", rng.integers(0, 256, 3 * 16, dtype=np.uint8).tobytes())
    gamma = chunk(b"gAMA", struct.pack(">I", 100_000))
    colours = ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ")).tobytes()
    profile = chunk(b"iCCP", b"profile\0\0" + zlib.compress(colours))
    xmp = chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP.format(8).encode())
    raw = exif(6).tobytes()
    hexadecimal = f"\nexif\n{len(raw):8}\n{raw.hex()}\n".encode()
    turned = {
        f"turned {n}": png(draw(61, 97), 2, parts=chunk(b"eXIf", exif(n).tobytes().removeprefix(b"Exif\0\0")))
        for n in (3, 5, 6)
    }
    return {
        "grey as it is": png(draw(28, 28, 1), 0),
        "grey odd": png(draw(97, 61, 1), 0),
        "grey tall": png(draw(300, 33, 1), 0),
        "grey large": png(draw(900, 1200, 1), 0),
        "grey tiny": png(draw(5, 5, 1), 0),
        "grey one pixel": png(draw(1, 1, 1), 0),
        "grey of 1 bit": png(draw(60, 50, 1, 1), 0, 1),
        "grey of 2 bits": png(draw(61, 53, 1, 2), 0, 2),
        "grey of 4 bits interlaced": png(draw(77, 51, 1, 4), 0, 4, True),
        "grey of 16 bits": png(draw(64, 90, 1, 16), 0, 16),
        "grey of 16 bits interlaced": png(draw(35, 37, 1, 16), 0, 16, True),
        "grey with opaque alpha": png(opaque(draw(40, 70, 1)), 4),
        "grey with opaque alpha of 16 bits": png(opaque(draw(40, 70, 1, 16), 16), 4, 16),
        "grey with an unused transparent value": png(draw(40, 50, 1) | 1, 0, parts=chunk(b"tRNS", b"\0\x04")),
        "colour as it is": png(draw(28, 28), 2),
        "colour with the right height": png(draw(28, 41), 2),
        "colour odd interlaced": png(draw(97, 61), 2, interlaced=True),
        "colour large": png(draw(1100, 800), 2),
        "colour tiny": png(draw(3, 7), 2),
        "colour of 16 bits": png(draw(90, 64, 3, 16), 2, 16),
        "colour of the source's size": png(draw(363, 360), 2),
        "colour of the source's size, lying": png(draw(360, 363), 2),
        "colour that is grey": png(np.repeat(draw(60, 60, 1), 3, axis=2), 2),
        "colour with opaque alpha": png(opaque(draw(70, 40)), 6),
        "colour with opaque alpha of 16 bits": png(opaque(draw(70, 40, 3, 16), 16), 6, 16),
        "gamma": png(draw(50, 60), 2, parts=gamma),
        "a profile": png(draw(50, 60), 2, parts=profile),
        "palette": png(draw(64, 80, 1), 3, parts=palette),
        "palette of 4 bits": png(draw(45, 39, 1, 4), 3, 4, parts=few),
        "palette of 1 bit": png(draw(45, 39, 1, 1), 3, 1, parts=chunk(b"PLTE", b"\xc8\x1e\x14\x1e\x64\xc8")),
        "palette, opaque as far as used": png(draw(45, 39, 1) | 16, 3, parts=palette + chunk(b"tRNS", b"\0" * 16)),
        "turned by XMP": png(draw(61, 97), 2, parts=xmp),
        "turned by a raw profile": png(
            draw(61, 97), 2, parts=chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(hexadecimal))
        ),
        **turned,
    }


def jpegs(rng: np.random.Generator) -> dict[str, bytes]:
    """JPEG files."""

    def jpeg(height: int, width: int, channels: int = 3, mode: str | None = None, **options) -> bytes:
        values = scene(rng, height, width, channels)
        picture = Image.fromarray(values[..., 0] if channels == 1 else values)
        return saved(picture.convert(mode) if mode else picture, "JPEG", **{"quality": 85, **options})

    two = io.BytesIO()
    several = [Image.fromarray(scene(rng, 80, 90)) for _ in range(2)]
    several[0].save(two, "MPO", save_all=True, append_images=several[1:])
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    return {
        "grey": jpeg(90, 120, 1),
        "grey as it is": jpeg(28, 28, 1),
        "colour as it is": jpeg(28, 28),
        "colour 4:4:4": jpeg(91, 77, subsampling=0),
        "colour 4:2:2": jpeg(91, 77, subsampling=1),
        "colour 4:2:0": jpeg(91, 77, subsampling=2),
        "poor": jpeg(200, 150, quality=15),
        "progressive": jpeg(150, 200, progressive=True),
        "restarts": jpeg(150, 200, restart_marker_blocks=3),
        "tiny": jpeg(4, 9),
        "CMYK": jpeg(80, 70, mode="CMYK"),
        "a profile of another space": jpeg(80, 70, icc_profile=profile),
        "two pictures": two.getvalue(),
        "from a phone": jpeg(3024, 4032, exif=exif(6)),
        "turned by XMP": jpeg(60, 80, xmp=XMP.format(3).encode()),
        **{f"turned {n}": jpeg(60, 80, exif=exif(n)) for n in range(1, 9)},
    }


def make() -> dict[str, bytes]:
    """By file name."""
    rng = np.random.default_rng(7)
    return {f"{name}.png": content for name, content in pngs(rng).items()} | {
        f"{name}.jpg": content for name, content in jpegs(rng).items()
    }
