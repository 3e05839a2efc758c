"""Pictures that anybody may hand in, as images like those that the networks were trained on; or why not."""

import contextlib
import io
import os
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from medfusion.data import wholeness
from medfusion.data.preprocessing import crop_box
from medfusion.errors import UserError, first_line

FORMATS = ("PNG", "JPEG")
MOST_PIXELS = 64_000_000  # a decoded picture takes up to 256 MB; compressed, a few hundred kB can hold any number
MOST_BYTES = 2**29  # of a file: what so many pixels take that are not compressed
# Modes of 16-bit grey; Pillow reads 16-bit colour as 8-bit.
DEEP = {"I", "I;16", "I;16B", "I;16L", "I;16N"}
# What detectors and scanners give, in files of 16 bits.
DEPTHS = (8, 10, 12, 14)
ORIENTATION = 0x0112  # in EXIF data
TRANSPARENT = "has transparent pixels, behind which anything may lie; expected an opaque picture: flatten it"


@dataclass(frozen=True)
class Form:
    """What the networks take.

    flag : MedMNIST's name of the data set
    size, channels : of an image
    bits : of the 16 of a picture of 16 bits, so many hold its values, the lowest; None if that is not known
    """

    flag: str
    size: int
    channels: int
    bits: int | None = None


@dataclass(frozen=True)
class Read:
    """An image, and what was done to the picture that a reader should know.

    image : uint8 (size, size, channels)
    notes : in words
    brightest : the largest value of a picture of 16 bits; None of others
    """

    image: np.ndarray
    notes: tuple[str, ...]
    brightest: int | None = None


def read(path: str | Path, form: Form) -> Read:
    """Read a PNG or JPEG file of any size.

    Of 16 bits, all hold values where the form does not say how many do: see `likely_bits`.

    Raises
    ------
    UserError
        If it is none, is damaged, too large, animated, has transparent pixels or values of more bits than the form
        says; the message does not name the file.
    """
    with _opened(path) as (picture, data):
        values = _deep_values(picture, data)
        if values is None:
            picture.load()
            return prepared(picture, form)
        brightest, bits = int(values.max()), form.bits or 16
        if brightest >= 2**bits:
            raise UserError(f"has values up to {brightest}; expected at most {2**bits - 1} with {bits} bits")
        turned = picture.getexif().get(ORIENTATION)
        values = _eight_bits(values, bits)
        deep = Image.fromarray(values)
        if turned:
            deep.getexif()[ORIENTATION] = turned
        done = prepared(deep, form)
        note = "16 bits scaled to 8" if bits == 16 else f"16 bits, of which {bits} hold values, scaled to 8"
        return Read(done.image, (note, *done.notes), brightest)


def likely_bits(brightest: int) -> int | None:
    """How many bits seem to hold values where none of 16 bits is larger than this; None if it may be all of them.

    >>> [likely_bits(value) for value in (255, 1023, 4095, 4096, 16384)]
    [8, 10, 12, 14, None]
    """
    return next((bits for bits in DEPTHS if brightest < 2**bits), None)


def in_colour(path: str | Path) -> bool:
    """Whether a picture's file has colours, be they all grey; a palette and CMYK are colours too.

    Raises
    ------
    UserError
        As `read`.
    """
    with _opened(path) as (picture, _):
        return picture.mode not in {"1", "L", "LA", "La", *DEEP}


@contextlib.contextmanager
def _opened(path: str | Path) -> Iterator[tuple[Image.Image, bytes]]:
    """A picture whose header is accepted, and its file's bytes; what is wrong, now or in the block, is a UserError."""
    try:
        if not Path(path).exists():
            raise UserError("a link that leads nowhere" if os.path.lexists(path) else "there is no such file")
        if not Path(path).is_file():
            raise UserError("not a file; expected a PNG or JPEG picture")
        if not Path(path).stat().st_size:
            raise UserError("an empty file; expected a PNG or JPEG picture")
        if Path(path).stat().st_size > MOST_BYTES:
            raise UserError(f"larger than {MOST_BYTES / 1e6:.0f} MB; make it smaller first")
        data = Path(path).read_bytes()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's about sizes, which `_check` refuses, and about odd metadata
            with Image.open(io.BytesIO(data)) as picture:
                _check(picture)
                yield picture, data
    except UserError:
        raise
    except UnidentifiedImageError:
        raise UserError("no picture that can be read, whatever its name says; expected PNG or JPEG") from None
    except Image.DecompressionBombError:
        raise UserError(f"more than {MOST_PIXELS:,} pixels; make it smaller first") from None
    except PermissionError:
        raise UserError("cannot be read (permission denied); make it readable") from None
    except OSError as error:
        reason = error.strerror or first_line(error)
        raise UserError(f"cannot be read ({reason}); damaged or cut short, get it again") from None
    except MemoryError:
        raise UserError("too large for this machine's memory; make it smaller first") from None
    except Exception as error:  # Pillow passes on whatever its decoders raise
        raise UserError(f"cannot be decoded ({first_line(error)}); damaged, get it again") from None


def _check(picture: Image.Image) -> None:
    """Refuse by its header what is not to be decoded."""
    if picture.format not in (*FORMATS, "MPO"):  # MPO: a JPEG with more pictures behind the first
        raise UserError(f"{picture.format}; expected PNG or JPEG")
    width, height = picture.size
    if width * height > MOST_PIXELS:
        raise UserError(f"{width} × {height} pixels; expected at most {MOST_PIXELS:,} in all: make it smaller first")
    if picture.format == "PNG" and (frames := getattr(picture, "n_frames", 1)) > 1:
        raise UserError(f"animated, {frames} pictures; expected one still picture")


def prepared(picture: Image.Image, form: Form) -> Read:
    """Turn a decoded picture upright, into 8-bit grey or RGB, crop it to its middle, and resize it.

    See `preprocessing`, whose sentences say the same.

    Raises
    ------
    UserError
        If it has transparent pixels.
    """
    notes = []
    if picture.getexif().get(ORIENTATION) in range(2, 9):
        picture = ImageOps.exif_transpose(picture)
        notes.append("turned upright")
    picture = _opaque(picture)
    mode = "L" if form.channels == 1 else "RGB"
    if picture.mode == "CMYK":
        picture = picture.convert("RGB")
        notes.append("CMYK converted")
    if mode == "RGB" and picture.mode in ("L", "1"):
        notes.append("grey: no colour to go by")
    if mode == "L" and picture.mode not in ("L", "1"):
        channels = np.asarray(picture.convert("RGB"))
        if not (channels == channels[..., :1]).all():
            notes.append("colour turned to grey")
    picture = picture.convert(mode)
    if picture.size != (form.size, form.size):
        box = crop_box(*picture.size, form.flag)
        if box != (0, 0, *picture.size):
            notes.append(f"cropped to its middle {box[2] - box[0]} × {box[3] - box[1]}")
        if box[2] - box[0] < form.size:
            notes.append("enlarged: smaller than what the networks saw")
        picture = picture.crop(box).resize((form.size, form.size), Image.Resampling.BICUBIC)
    return Read(np.asarray(picture, np.uint8).reshape(form.size, form.size, form.channels), tuple(notes))


def _opaque(picture: Image.Image) -> Image.Image:
    """The picture without alpha channel and palette."""
    if not picture.has_transparency_data:
        return picture.convert("RGB") if picture.mode == "P" else picture
    alpha = None if picture.mode in DEEP else picture.convert("RGBA")
    if alpha is None or alpha.getchannel("A").getextrema() != (255, 255):
        raise UserError(TRANSPARENT)
    return alpha.convert("L" if picture.mode in ("LA", "La", "L") else "RGB")


def _deep_values(picture: Image.Image, data: bytes) -> np.ndarray | None:
    """The values of a picture of 16 bits, uint16 (H, W) or (H, W, 3), None of others; refuses a file that is not whole.

    Pillow keeps the upper eight bits of colours, so that another decoder has to read these.
    """
    if picture.format != "PNG":
        wholeness.check_jpeg(data, picture.width * picture.height)
        return None
    if wholeness.check_png(data) < 16:
        return None
    if picture.mode in DEEP:
        picture.load()
        return np.asarray(_opaque(picture)).astype(np.uint16)
    import cv2  # some time, which other pictures do not need

    values = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if values is None or values.dtype != np.uint16 or values.ndim != 3:
        raise UserError("cannot be decoded as a picture of 16 bits; save it with 8")
    if (values[..., 3:] != 65535).any() or "transparency" in picture.info:
        raise UserError(TRANSPARENT)
    return values[..., 0] if picture.mode in ("L", "LA") else values[..., 2::-1]


def _eight_bits(values: np.ndarray, bits: int) -> np.ndarray:
    """Values of some bits as 8-bit: the whole range, 0 to 2^bits - 1, becomes 0 to 255, rounded."""
    most = 2**bits - 1
    table = ((2 * 255 * np.arange(most + 1, dtype=np.uint32) + most) // (2 * most)).astype(np.uint8)
    return np.stack([table[row] for row in values])  # row by row: an index takes eight bytes
