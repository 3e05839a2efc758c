"""A folder of pictures as a data set: which pictures there are, of which class, and of which split if it says so.

No picture is opened here: the Snakefile reads this.
"""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from medfusion.data import mask_names
from medfusion.data.natural_order import natural_key
from medfusion.data.passed_over import PassedOver, Patterns
from medfusion.errors import UserError

SPLITS = ("train", "val", "test")
MOST_CLASSES = 256  # that labels of eight bits can name
SUFFIXES = {".png", ".jpg", ".jpeg", ".jpe", ".jfif"}
# Pictures too, but none that is taken: named, where other files are passed over.
OTHER_PICTURES = {".gif", ".bmp", ".dib", ".tif", ".tiff", ".webp", ".avif", ".heic", ".heif", ".jp2", ".apng", ".dcm"}
# Folders that a user may mean as splits: taken for classes, they would give results that mean nothing.
LIKE_SPLITS = {*SPLITS, "training", "valid", "validation", "testing", "dev", "eval"}
LONGEST_NAME = 200  # characters of a class's name, which tables print


@dataclass(frozen=True)
class Found:
    """A picture by its place.

    path : below the folder of all pictures, with /
    split : train, val or test; empty if the folder has no splits
    label : of its class
    inside : path below the folder of its class
    size, mtime_ns : of the file, in bytes and nanoseconds since 1970
    """

    path: str
    split: str
    label: int
    inside: str
    size: int
    mtime_ns: int


@dataclass(frozen=True)
class Folder:
    """What a folder of pictures holds.

    label_names : of the classes, sorted: the names of their folders, numbers in them as numbers
    pictures : sorted by path
    passed : in words, what else there is and was passed over; empty if nothing
    """

    label_names: tuple[str, ...]
    pictures: tuple[Found, ...]
    passed: str

    @property
    def has_splits(self) -> bool:
        """Whether the folder says which pictures are train, val and test."""
        return bool(self.pictures[0].split)

    def masks(self) -> str:
        """What to say of pictures that seem to be masks of others; empty if none do."""
        return mask_names.warning([picture.path for picture in self.pictures], self.label_names)

    def fingerprint(self) -> str:
        """SHA-256 of what the folder lists: paths, sizes and times of all pictures; no picture is read."""
        digest = hashlib.sha256()
        for picture in self.pictures:
            digest.update(f"{picture.path}\0{picture.size}\0{picture.mtime_ns}\n".encode())
        return digest.hexdigest()


@cache
def look(folder: str, exclude: tuple[str, ...] = ()) -> Folder:
    """List the pictures of a folder: {class}/…, or {split}/{class}/… for the splits train, val and test.

    Pictures may lie in folders below that of their class. Names that begin with a dot are passed over, and so are
    leftovers of other systems, and files that are no pictures by their names.

    Parameters
    ----------
    folder : its path
    exclude : patterns of what else is passed over (`passed_over.Patterns`)

    Raises
    ------
    UserError
        If it is none of the two, if a class has no picture (in one of the splits), or if something cannot be read.
    """
    if not os.path.exists(folder):
        where = "" if os.path.isabs(folder) else f"; relative paths start at {os.getcwd()}"
        raise UserError(f"{folder}: there is no such folder{where}")
    if not os.path.isdir(folder):
        raise UserError(f"{folder}: not a folder; a file has source: file")
    listing = _Listing(folder, exclude)
    try:
        top = listing.folders(folder)
        if top and {name.casefold() for name in top} <= LIKE_SPLITS and not set(top) <= set(SPLITS):
            raise UserError(f"{folder}: has the folders {', '.join(top)}; call folders of splits train, val and test")
        given = [split for split in SPLITS if split in top]
        if given and (more := [name for name in top if name not in SPLITS]):
            raise UserError(
                f"{folder}: has folders of splits ({', '.join(given)}) beside others ({', '.join(more[:3])}); expected "
                "train, val and test with a folder for each class in them, or a folder for each class and nothing else"
            )
        if given and (missing := [split for split in SPLITS if split not in given]):
            raise UserError(
                f"{folder}: has the folders {', '.join(given)} but no {' and no '.join(missing)}; expected all three, "
                "or a folder for each class, which are split as the configuration says"
            )
        places = [(split, os.path.join(folder, split)) for split in SPLITS] if given else [("", folder)]
        below = {name for _, place in places for name in listing.folders(place)} if given else top
        names = tuple(sorted(below, key=natural_key))
        _check_names(folder, names)
        pictures = [
            picture
            for split, place in places
            for label, name in enumerate(names)
            for picture in listing.of_class(place, name, split, label)
        ]
    except OSError as error:
        raise UserError(f"{error.filename or folder}: cannot be read ({error.strerror}); make it readable") from None
    return Folder(names, tuple(sorted(pictures, key=lambda picture: picture.path)), str(listing.passed))


def _check_names(folder: str, names: tuple[str, ...]) -> None:
    if len(names) < 2:
        held = f"the folder {names[0]}" if names else "no folder"
        raise UserError(f"{folder}: holds {held}; expected at least two, one for each class, named like it")
    if len(names) > MOST_CLASSES:
        raise UserError(f"{folder}: holds {len(names)} folders; expected one for each class, at most {MOST_CLASSES}")
    for name in names:
        if not name.isprintable() or not name.strip() or len(name) > LONGEST_NAME:
            raise UserError(
                f"{folder}: the folder {name!r} cannot be the name of a class; expected at most {LONGEST_NAME} "
                "printable characters"
            )


class _Listing:
    """Looks through the folders below one, and counts what it passes over."""

    def __init__(self, top: str, exclude: tuple[str, ...]):
        self._top = top
        self.passed = PassedOver()
        self._excluded = Patterns(exclude, self.passed)

    def _wanted(self, place: str, name: str) -> bool:
        path = Path(place, name).relative_to(self._top).as_posix()
        return not self.passed.is_leftover(name) and not self._excluded.match(path)

    def folders(self, place: str) -> list[str]:
        """The names of the folders in one that should hold nothing else."""
        with os.scandir(place) as entries:
            seen = [entry for entry in sorted(entries, key=lambda entry: entry.name) if self._wanted(place, entry.name)]
        for entry in seen:
            if entry.is_symlink() and not os.path.exists(entry.path):
                raise UserError(f"{entry.path}: a link to nowhere; is a disk not there?")
            if not entry.is_dir() and Path(entry.name).suffix.lower() in SUFFIXES | OTHER_PICTURES:
                raise UserError(f"{entry.path}: a picture in no folder of a class; put it into one, or elsewhere")
        return [entry.name for entry in seen if entry.is_dir()]

    def of_class(self, place: str, name: str, split: str, label: int) -> list[Found]:
        """The pictures of a class."""
        top, found = os.path.join(place, name), []
        for path in self._files(top):
            if Path(path).suffix.lower() not in SUFFIXES | OTHER_PICTURES:
                self.passed.others += 1
                continue
            if any("\ud800" <= letter <= "\udfff" for letter in path):
                raise UserError(f"{path!a}: the name is not valid UTF-8; rename the file")
            inside, stat = Path(path).relative_to(top).as_posix(), os.stat(path)
            below = "/".join(part for part in (split, name, inside) if part)
            found.append(Found(below, split, label, inside, stat.st_size, stat.st_mtime_ns))
        if not found:
            every = "every split needs some of each class" if split else "every class needs some"
            raise UserError(
                f"{top}: no picture; {every}: files that end in .png, .jpg or .jpeg; if it is no class, say exclude: "
                f"{name!r}"
            )
        return found

    def _files(self, top: str) -> Iterator[str]:
        """Every file below a folder; a fault of the system is raised, so that no picture is left out unseen."""

        def fail(error: OSError) -> None:
            raise error

        if not os.path.isdir(top):
            return
        for place, folders, names in os.walk(top, onerror=fail):
            folders[:] = [name for name in folders if self._wanted(place, name)]
            for name in folders:
                if os.path.islink(os.path.join(place, name)):
                    raise UserError(
                        f"{os.path.join(place, name)}: a link to a folder is not followed; put the folder there"
                    )
            yield from (os.path.join(place, name) for name in names if self._wanted(place, name))
