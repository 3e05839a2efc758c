"""Tests of damaged pictures: whatever a decoder would fill in is refused, and nothing that is whole."""

import io
import os
import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest
from PIL import Image

from medfusion.data import pictures, wholeness
from medfusion.data.pictures import Form
from medfusion.errors import UserError

RNG = np.random.default_rng(3)
COLOUR = Form("", 28, 3)
SMOOTH = Image.fromarray(np.kron(RNG.integers(0, 255, (16, 16, 3), np.uint8), np.ones((9, 13, 1), np.uint8)))


def saved(picture, kind, **options):
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


def exif():
    tags = Image.Exif()
    tags[0x0112] = 6
    return tags


JPEG = saved(SMOOTH, "JPEG", quality=90)
SCAN = JPEG.index(b"\xff\xda") + 14
THIRD = (len(JPEG) - SCAN) // 3
SIZE = JPEG.index(b"\xff\xc0") + 5
WHOLE_JPEGS = {
    "baseline": JPEG,
    "progressive": saved(SMOOTH, "JPEG", progressive=True),
    "optimised": saved(SMOOTH, "JPEG", optimize=True),
    "CMYK": saved(SMOOTH.convert("CMYK"), "JPEG"),
    "progressive CMYK": saved(SMOOTH.convert("CMYK"), "JPEG", progressive=True),
    "grey": saved(SMOOTH.convert("L"), "JPEG"),
    "RGB": saved(SMOOTH, "JPEG", keep_rgb=True),
    "restart markers": saved(SMOOTH, "JPEG", restart_marker_blocks=2),
    "4:4:4": saved(SMOOTH, "JPEG", subsampling=0),
    "4:2:2": saved(SMOOTH, "JPEG", subsampling=1),
    "EXIF": saved(SMOOTH, "JPEG", exif=exif()),
    "comment": saved(SMOOTH, "JPEG", comment="\xff\xda" * 200),
    "bytes behind the end": JPEG + b"more",
    "another picture behind the end": JPEG + JPEG[:300],
    "filled markers": JPEG[:2] + b"\xff\xff" + JPEG[2:],
    "unknown JFIF": JPEG.replace(b"JFIF\0\1\1", b"JFIF\0\2\1"),
    "one pixel": saved(SMOOTH.resize((1, 1)), "JPEG"),
    "several pictures": saved(SMOOTH, "MPO", save_all=True, append_images=[SMOOTH]),
}
DAMAGED_JPEGS = {
    "middle missing": JPEG[: SCAN + THIRD] + JPEG[SCAN + 2 * THIRD :],
    "middle zero": JPEG[: SCAN + THIRD] + bytes(THIRD) + JPEG[SCAN + 2 * THIRD :],
    "middle noise": JPEG[: SCAN + THIRD] + RNG.bytes(THIRD) + JPEG[SCAN + 2 * THIRD :],
    "no pixels": JPEG[:SCAN] + b"\xff\xd9",
    "size forged": JPEG[:SIZE] + (2048).to_bytes(2, "big") * 2 + JPEG[SIZE + 4 :],
    "no end": JPEG[:-2],
    "half": JPEG[: len(JPEG) // 2],
    "unknown JFIF, and half": WHOLE_JPEGS["unknown JFIF"][: len(JPEG) // 2],
    "half of a progressive one": (lambda data: data[: len(data) // 2])(WHOLE_JPEGS["progressive"]),
    "a restart marker missing": WHOLE_JPEGS["restart markers"].replace(b"\xff\xd3", b"", 1),
}


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(depth=8, colour=0, interlaced=0, rows=None, side=9, packed=None):
    rows = bytes(side * (1 + side)) if rows is None else rows
    header = struct.pack(">IIBBBBB", side, side, depth, colour, 0, 0, interlaced)
    pixels = zlib.compress(rows) if packed is None else packed
    return wholeness.PNG + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


STORED = saved(SMOOTH, "PNG", compress_level=0)
PLACE = STORED.index(b"IDAT") + 200
# Of 9 × 9 pixels: rows times (1 + columns) of the seven passes.
INTERLACED = 2 * 3 + 2 * 2 + 1 * 4 + 3 * 3 + 2 * 6 + 5 * 5 + 4 * 10
PARTS = zlib.compress(bytes(90))
WHOLE_PNGS = {
    "colour": saved(SMOOTH, "PNG"),
    "grey": saved(SMOOTH.convert("L"), "PNG"),
    "two levels": saved(SMOOTH.convert("1"), "PNG"),
    "palette": saved(SMOOTH.quantize(7), "PNG"),
    "16 bits": saved(Image.fromarray(RNG.integers(0, 65536, (31, 17)).astype(np.uint16)), "PNG"),
    "interlaced": png(interlaced=1, rows=bytes(INTERLACED)),
    "bytes behind the end": saved(SMOOTH, "PNG") + b"more",
    "pixels in two parts": png().replace(
        chunk(b"IDAT", zlib.compress(bytes(90))), chunk(b"IDAT", PARTS[:5]) + chunk(b"IDAT", PARTS[5:])
    ),
}
DAMAGED_PNGS = {
    "a byte of a pixel": STORED[:PLACE] + bytes([STORED[PLACE] ^ 1]) + STORED[PLACE + 1 :],
    "half": WHOLE_PNGS["colour"][: len(WHOLE_PNGS["colour"]) // 2],
    "no end": WHOLE_PNGS["colour"][:-12],
    "fewer rows": png(rows=bytes(80)),
    "more rows": png(rows=bytes(100)),
    "no pixels": png(packed=b""),
    "no checksum of all pixels": png(packed=zlib.compress(bytes(90))[:-4]),
    "noise": png(packed=RNG.bytes(50)),
}


def read(tmp_path, data, form=COLOUR):
    (tmp_path / "picture").write_bytes(data)
    return pictures.read(tmp_path / "picture", form)


@pytest.mark.parametrize("kind", [*WHOLE_JPEGS, *WHOLE_PNGS])
def test_what_is_whole_is_taken(tmp_path, kind):
    read(tmp_path, {**WHOLE_JPEGS, **WHOLE_PNGS}[kind])


@pytest.mark.parametrize("damage", [*DAMAGED_JPEGS, *DAMAGED_PNGS])
def test_what_is_damaged_is_refused(tmp_path, damage):
    data = (DAMAGED_JPEGS if damage in DAMAGED_JPEGS else DAMAGED_PNGS)[damage]
    with pytest.raises(UserError, match="damaged|cut short"):
        read(tmp_path, data)


@pytest.mark.parametrize("place", range(0, 40))
def test_a_bit_of_a_png_that_turned_is_seen(tmp_path, place):
    data = bytearray(WHOLE_PNGS["grey"])
    place = 8 + place * (len(data) - 8 - 13) // 39  # before the part that says it ends
    data[place] ^= 4
    with pytest.raises(UserError):
        read(tmp_path, bytes(data))


BOMBS = ["flat.jpg", "progressive.jpg", "scans.jpg", "fewer scans.jpg"]
BOMBS += ["deep.png", "deep colour.png", "more than declared.png"]
REFUSED = ["scans.jpg", "fewer scans.jpg", "more than declared.png"]


def bombs():
    """Small files that would take much memory or time."""
    side = 8000
    flat = Image.new("RGB", (side, side))
    progressive = saved(flat, "JPEG", progressive=True)
    last = progressive.rindex(b"\xff\xda")
    made = [
        saved(flat, "JPEG"),
        progressive,
        progressive[:-2] + progressive[last:-2] * 2000 + b"\xff\xd9",
        progressive[:-2] + progressive[last:-2] * 80 + b"\xff\xd9",
        png(16, 0, side=side, packed=zlib.compress(bytes(side * (1 + 2 * side)), 1)),
        png(16, 2, side=side, packed=zlib.compress(bytes(side * (1 + 6 * side)), 1)),
        png(packed=zlib.compress(bytes(2**30), 1)),
    ]
    return dict(zip(BOMBS, made, strict=True))


@pytest.fixture(scope="module")
def bomb_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bombs")
    for name, data in bombs().items():
        (folder / name).write_bytes(data)
    return folder


@pytest.mark.parametrize("name", BOMBS)
def test_a_small_file_takes_neither_much_memory_nor_much_time(bomb_folder, name):
    code = (
        "import sys; from medfusion.data import pictures; from medfusion.errors import UserError\n"
        "try: pictures.read(sys.argv[1], pictures.Form('', 28, 1))\n"
        "except UserError as error: print('refused', error)\n"
        # Not ru_maxrss: it starts at the memory of the process that started this one.
        "peak = next(line for line in open('/proc/self/status') if line.startswith('VmHWM')).split()[1]\n"
        "print(int(peak) // 1024)\n"
    )
    command, places = [sys.executable, "-c", code, bomb_folder / name], os.pathsep.join(sys.path)
    done = subprocess.run(command, env={"PYTHONPATH": places}, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[-1]) < 1500, done.stdout
    assert ("refused" in done.stdout) == (name in REFUSED)


# -- 16 bits ----------------------------------------------------------------------------------------------------------


def deep_png(colour, values):
    """A PNG of 16 bits from values (28, 28, channels)."""
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    return png(16, colour, rows=rows, side=28)


@pytest.mark.parametrize(("colour", "channels"), [(0, 1), (2, 3), (4, 2), (6, 4)])
@pytest.mark.parametrize("bits", [8, 10, 12, 13, 16])
def test_values_of_any_depth_and_layout_become_8_bits(tmp_path, colour, channels, bits):
    values = RNG.integers(0, 2**bits, (28, 28, channels))
    values[0, 0] = 2**bits - 1
    if channels in (2, 4):
        values[..., -1] = 65535
    seen = values[..., :3] if channels > 2 else values[..., :1]
    found = read(tmp_path, deep_png(colour, values), Form("", 28, seen.shape[2], bits))
    np.testing.assert_array_equal(found.image, np.rint(seen / (2**bits - 1) * 255))
    assert found.brightest == seen.max() and any("16 bits" in note for note in found.notes)
    if channels in (2, 4):
        values[3, 3, -1] = 65534
        with pytest.raises(UserError, match="transparent"):
            read(tmp_path, deep_png(colour, values), Form("", 28, 3, bits))


def test_a_value_of_more_bits_than_said_is_refused(tmp_path):
    with pytest.raises(UserError, match="has values up to 4096; expected at most 4095 with 12 bits"):
        read(tmp_path, deep_png(0, np.full((28, 28, 1), 4096)), Form("", 28, 1, 12))


def test_a_deep_picture_is_turned_upright_too(tmp_path):
    values = np.arange(28 * 28, dtype=np.uint16).reshape(28, 28) * 80
    found = read(tmp_path, saved(Image.fromarray(values), "PNG", exif=exif()), Form("", 28, 1))
    np.testing.assert_array_equal(found.image[..., 0], np.rint(np.rot90(values, 3) / 257))
    assert "turned upright" in found.notes
