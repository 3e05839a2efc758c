"""What a user knows of images beside their classes: a CSV file with a row an image, and columns such as sex and site.

A row names its image by `file`, a picture's path below its folder; in a data set that is an .npz file by `split` and
`index`. The column `patient` says who it is of. All others are attributes. The Snakefile reads this.
"""

import csv
import hashlib
import io
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from medfusion.errors import UserError
from medfusion.escaping import printable

OF_PICTURES, OF_FILES = ("file",), ("split", "index")  # columns that name an image of a folder, and of an .npz file
PATIENT = "patient"
UNKNOWN = "unknown"
# What stands for no value, in whatever capitals.
MISSING = {"", "na", "n/a", "nan", "null", "none", "?", UNKNOWN}
LONGEST = 200  # characters of a name or value, which tables print

Key = tuple[str, ...]  # of an image: its path, or its split and index as text


@dataclass(frozen=True)
class Metadata:
    """What a file says of images.

    path : of the file
    columns : names of the attributes, in order
    values : of each image that has a row, its attributes in that order; UNKNOWN for none
    patients : of each image whose patient is known
    has_patients : whether there is a column for them
    """

    path: str
    columns: tuple[str, ...]
    values: dict[Key, tuple[str, ...]]
    patients: dict[Key, str]
    has_patients: bool

    def column(self, name: str, images: Sequence[Key]) -> list[str]:
        """An attribute of some images; UNKNOWN of those without a row."""
        place, nothing = self.columns.index(name), (UNKNOWN,) * len(self.columns)
        return [self.values.get(image, nothing)[place] for image in images]

    def groups(self, images: Sequence[Key]) -> list[str]:
        """The patients of some images; empty where one is not known."""
        return [self.patients.get(image, "") for image in images]

    def fingerprint(self) -> str:
        """SHA-256 of which image is of which patient."""
        lines = sorted("\0".join([*image, patient]) for image, patient in self.patients.items())
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()


@cache
def read(path: str, keys: tuple[str, ...]) -> Metadata:
    """Read a file of metadata: comma-separated, UTF-8, the first line names the columns.

    Parameters
    ----------
    keys : names of the columns that name an image, OF_PICTURES or OF_FILES

    Raises
    ------
    UserError
        If it is not such a file, or names an image twice.
    """
    rows = _rows(path)
    number, head = next(rows, (1, []))
    names = [cell.strip() for cell in head]
    folded = [name.casefold() for name in names]
    if lacking := [key for key in keys if key not in folded]:
        found = ", ".join(names[:5]) or "nothing"
        semicolons = "; separate columns by commas" if ";" in "".join(names) or "\t" in "".join(names) else ""
        raise UserError(
            f"{path}: lacks the column {' and '.join(map(repr, lacking))}; the first line names the columns, such as "
            f"{','.join(keys)},patient,sex,age,site; found {printable(found)[:LONGEST]}{semicolons}"
        )
    if bad := [name for name in names if not name or not name.isprintable() or len(name) > LONGEST]:
        raise UserError(
            f"{path}: {bad[0]!r} cannot be the name of a column; expected 1 to {LONGEST} printable characters"
        )
    if twice := [name for name in names if folded.count(name.casefold()) > 1]:
        raise UserError(f"{path}: has the column {twice[0]!r} twice; expected each name once")
    places = [folded.index(key) for key in keys]
    patient = folded.index(PATIENT) if PATIENT in folded else None
    attributes = [place for place in range(len(names)) if place not in (*places, patient)]
    if patient is None and not attributes:
        raise UserError(
            f"{path}: has no column beside {' and '.join(keys)}; expected some, such as patient, sex, age, site"
        )
    values: dict[Key, tuple[str, ...]] = {}
    patients: dict[Key, str] = {}
    lines: dict[Key, int] = {}
    for number, cells in rows:
        if len(cells) != len(names):
            raise UserError(f"{path}, line {number}: {len(cells)} values; expected {len(names)}, one a column")
        cells = [cell.strip() for cell in cells]
        if unfit := next((cell for cell in cells if not cell.isprintable() or len(cell) > LONGEST), None):
            raise UserError(f"{path}, line {number}: {unfit[:40]!r}; expected at most {LONGEST} printable characters")
        image = _image(path, number, keys, [cells[place] for place in places])
        if image in values:
            raise UserError(
                f"{path}, line {number}: {_called(image)} has line {lines[image]} already; keep one of them"
            )
        lines[image] = number
        values[image] = tuple(_value(cells[place]) for place in attributes)
        if patient is not None and (who := _value(cells[patient])) != UNKNOWN:
            patients[image] = who
    if not values:
        raise UserError(f"{path}: has no row below the names of the columns; expected one for each image")
    return Metadata(path, tuple(names[place] for place in attributes), values, patients, patient is not None)


def of_pictures(path: str, pictures: Collection[str]) -> Metadata:
    """The metadata of a folder of pictures.

    Parameters
    ----------
    pictures : paths of all its pictures below the folder

    Raises
    ------
    UserError
        As `read`, and if a row is of no picture.
    """
    found, known = read(path, OF_PICTURES), frozenset(pictures)
    if strange := [file for (file,) in found.values if file not in known]:
        more = f" (and {len(strange) - 1:,} more)" if strange[1:] else ""
        raise UserError(
            f"{path}: {strange[0]!r}{more} is no picture of the folder; expected paths below it, such as "
            f"{min(known)!r}, and no row for what is excluded"
        )
    return found


def of_splits(path: str, counts: Mapping[str, int]) -> Metadata:
    """The metadata of a data set that is an .npz file.

    Parameters
    ----------
    counts : of images by split; empty where they are not known yet

    Raises
    ------
    UserError
        As `read`, and if a row is of no image.
    """
    found = read(path, OF_FILES)
    for split, index in found.values:
        if counts and int(index) >= counts[split]:
            raise UserError(
                f"{path}: index {index} of {split} is of no image; expected 0 to {counts[split] - 1:,}, in the order "
                f"of {split}_images"
            )
    return found


def _rows(path: str) -> Iterator[tuple[int, list[str]]]:
    """Lines that are not empty, each with its number."""
    try:
        text = Path(path).read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UserError(f"{path}: not a text in UTF-8; save it as CSV in UTF-8") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); expected a CSV file") from None
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                yield reader.line_num, row
    except csv.Error as error:
        raise UserError(
            f"{path}, line {reader.line_num}: no CSV ({error}); expected values separated by commas"
        ) from None


def _image(path: str, number: int, keys: Key, cells: list[str]) -> Key:
    """Which image a row is of."""
    if keys == OF_PICTURES:
        return (cells[0].replace("\\", "/").removeprefix("./"),)
    split, index = cells
    if split not in ("train", "val", "test") or not (index.isascii() and index.isdigit() and len(index) < 10):
        raise UserError(
            f"{path}, line {number}: split {split!r}, index {index!r}; expected train, val or test, and a number from 0"
        )
    return split, str(int(index))


def _called(image: Key) -> str:
    return repr(image[0]) if len(image) == 1 else f"index {image[1]} of {image[0]}"


def _value(cell: str) -> str:
    return UNKNOWN if cell.casefold() in MISSING else cell
