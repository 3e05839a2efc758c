"""Pictures that anybody may hand in, as images like those that the networks were trained on; or why not."""

import contextlib
import os
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from medfusion.data.preprocessing import crop_box
from medfusion.errors import UserError, first_line

FORMATS = ("PNG", "JPEG")
MOST_PIXELS = 64_000_000  # a decoded picture takes up to 256 MB; compressed, a few hundred kB can hold any number
# Modes of 16-bit grey; Pillow reads 16-bit colour as 8-bit.
DEEP = {"I", "I;16", "I;16B", "I;16L", "I;16N"}


@dataclass(frozen=True)
class Form:
    """What the networks take.

    flag : MedMNIST's name of the data set
    size, channels : of an image
    """

    flag: str
    size: int
    channels: int


@dataclass(frozen=True)
class Read:
    """An image, uint8 (size, size, channels), and what was done to the picture that a reader should know."""

    image: np.ndarray
    notes: tuple[str, ...]


def read(path: str | Path, form: Form) -> Read:
    """Read a PNG or JPEG file of any size.

    Raises
    ------
    UserError
        If it is none, is damaged, too large, animated or has transparent pixels; the message does not name the file.
    """
    with _opened(path) as picture:
        picture.load()
        return prepared(picture, form)


def in_colour(path: str | Path) -> bool:
    """Whether a picture's file has colours, be they all grey; a palette and CMYK are colours too.

    Raises
    ------
    UserError
        As `read`.
    """
    with _opened(path) as picture:
        return picture.mode not in {"1", "L", "LA", "La", *DEEP}


@contextlib.contextmanager
def _opened(path: str | Path) -> Iterator[Image.Image]:
    """A picture whose header is accepted; what is wrong with it, now or in the block, is a UserError."""
    try:
        if not Path(path).exists():
            raise UserError("a link that leads nowhere" if os.path.lexists(path) else "there is no such file")
        if not Path(path).is_file():
            raise UserError("not a file; expected a PNG or JPEG picture")
        if not Path(path).stat().st_size:
            raise UserError("an empty file; expected a PNG or JPEG picture")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's about sizes, which `_check` refuses, and about odd metadata
            with Image.open(path) as picture:
                _check(picture)
                yield picture
    except UserError:
        raise
    except Image.UnidentifiedImageError:
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
    if picture.format == "PNG" and getattr(picture, "n_frames", 1) > 1:
        raise UserError(f"animated, {picture.n_frames} pictures; expected one still picture")


def prepared(picture: Image.Image, form: Form) -> Read:
    """Turn a decoded picture upright, into 8-bit grey or RGB, crop it to its middle, and resize it.

    See `preprocessing`, whose sentences say the same.

    Raises
    ------
    UserError
        If it has transparent pixels, or numbers that are no pixels.
    """
    notes = []
    if picture.getexif().get(0x0112) in range(2, 9):  # orientation
        picture = ImageOps.exif_transpose(picture)
        notes.append("turned upright")
    picture = _opaque(picture)
    if picture.mode in DEEP:
        picture = Image.fromarray(_eight_bits(np.asarray(picture)))
        notes.append("16 bits scaled to 8")
    mode = "L" if form.channels == 1 else "RGB"
    if picture.mode == "F":
        raise UserError("pixels are fractions; expected 8 or 16 bits")
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
        raise UserError("has transparent pixels, behind which anything may lie; expected an opaque picture: flatten it")
    return alpha.convert("L" if picture.mode in ("LA", "La", "L") else "RGB")


def _eight_bits(values: np.ndarray) -> np.ndarray:
    """16-bit grey as 8-bit: the whole range, 0 to 65535, becomes 0 to 255."""
    if values.min() < 0 or values.max() > 65535:
        raise UserError("pixels beyond 16 bits; expected 8 or 16")
    return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)  # rounded; 257 is odd, so there are no halves
