"""Whether a PNG or JPEG file is whole: Pillow fills in what is missing, and says nothing of it."""

import math
import zlib

import simplejpeg

from medfusion.errors import UserError

PNG = b"\x89PNG\r\n\x1a\n"
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by the colour type of a PNG
# Of an interlaced PNG, the first column and row of each pass, and the steps from one to the next (PNG, section 8.2).
PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
INFLATED = 2**24  # bytes at once
# Scans of a JPEG, and pixels times scans: programs write some ten, and each is a pass through all pixels.
MOST_SCANS, MOST_SCANNED = 100, 1_000_000_000
# What libjpeg-turbo says of whole files that it can take apart only in other ways than this.
NO_DAMAGE = ("subsampling", "Unsupported")


def check_jpeg(data: bytes, pixels: int) -> None:
    """Refuse a JPEG file with any part of its pixels that libjpeg has to make up.

    Parameters
    ----------
    data : the file
    pixels : that its header declares

    Raises
    ------
    UserError
        With what libjpeg-turbo says.
    """
    coded = _without_remarks(data)
    if (scans := coded.count(b"\xff\xda")) > min(MOST_SCANS, MOST_SCANNED // pixels):
        raise UserError(f"{scans} scans of {pixels:,} pixels are too many; save it again, as a baseline JPEG")
    try:
        # Small and grey: all that is coded is read whatever becomes of it.
        simplejpeg.decode_jpeg(coded, "GRAY", fastdct=True, fastupsample=True, min_factor=8, strict=True)
    except ValueError as error:
        if not any(words in str(error) for words in NO_DAMAGE):
            raise UserError(f"damaged ({error}); get it again") from None


def _without_remarks(data: bytes) -> bytes:
    """A JPEG file without what is said beside its pixels: libjpeg warns of that too, and its first warning is all."""
    kept, place = [data[:2]], 2
    while data[place : place + 1] == b"\xff" and place + 4 <= len(data):
        marker = data[place + 1]
        if marker == 0xFF:  # may stand before any marker
            place += 1
            continue
        if marker in (0x01, *range(0xD0, 0xD9)):  # without a length
            kept.append(data[place : place + 2])
            place += 2
            continue
        if marker in (0xD9, 0xDA):
            break
        end = place + 2 + int.from_bytes(data[place + 2 : place + 4], "big")
        if marker not in (0xFE, *range(0xE0, 0xF0)):
            kept.append(data[place:end])
        place = end
    return b"".join([*kept, data[place:]])


def check_png(data: bytes) -> int:
    """Refuse a PNG file with a wrong checksum, or with fewer or more pixels than its header declares.

    Returns
    -------
    Bits of each value of a pixel: 1, 2, 4, 8 or 16

    Raises
    ------
    UserError
        With what is wrong.
    """
    place, inflater, held, declared, depth = len(PNG), zlib.decompressobj(), 0, 0, 0
    while (kind := data[place + 4 : place + 8]) != b"IEND":
        end = place + 12 + int.from_bytes(data[place : place + 4], "big")
        if len(kind) < 4 or end > len(data):
            raise UserError("cut short; get it again")
        if zlib.crc32(memoryview(data)[place + 4 : end - 4]) != int.from_bytes(data[end - 4 : end], "big"):
            raise UserError(f"damaged (the checksum of its part {kind.decode('latin-1')!r} differs); get it again")
        if kind == b"IHDR":
            depth, declared = _declared(data[place + 8 : end - 4])
        elif kind == b"IDAT":
            part = data[place + 8 : end - 4]
            while part and held <= declared:
                try:
                    held += len(inflater.decompress(part, INFLATED))
                except zlib.error as error:
                    raise UserError(f"damaged ({error}); get it again") from None
                part = inflater.unconsumed_tail
        place = end
    if held != declared or not inflater.eof:
        raise UserError(f"damaged ({held:,} bytes of pixels; its header declares {declared:,}); get it again")
    return depth


def _declared(header: bytes) -> tuple[int, int]:
    """Bits of a value, and bytes of all filtered rows, that the IHDR part of a PNG file declares."""
    width, height, depth = int.from_bytes(header[:4], "big"), int.from_bytes(header[4:8], "big"), header[8]
    bits, total = depth * CHANNELS[header[9]], 0
    for left, top, across, down in PASSES if header[12] else ((0, 0, 1, 1),):
        columns, rows = math.ceil((width - left) / across), math.ceil((height - top) / down)
        if columns > 0 and rows > 0:
            total += rows * (1 + math.ceil(columns * bits / 8))
    return depth, total
