"""Pictures whose names say that they belong to others: masks, outlines and the like, as segmentation sets have them."""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import PurePosixPath

WORDS = (
    r"(?:masks?|msk|segm?|segmentations?|segmented|gt|ground[ _-]?truth|labels?|labell?ed|annotations?|annot|anno|"
    r"annotated|rois?|contours?|outlines?|overlays?|heatmaps?|borders?)"
)
HINT = re.compile("mask|msk|seg|gt|truth|label|anno|roi|contour|outline|overlay|heatmap|border", re.IGNORECASE)
BEHIND = re.compile(rf"[\s_.-]+{WORDS}(?P<number>[\s_.-]?\d+)?$", re.IGNORECASE)
BEFORE = re.compile(rf"^{WORDS}[\s_.-]+", re.IGNORECASE)
FOLDER = re.compile(rf"{WORDS}$", re.IGNORECASE)


def warning(paths: Sequence[str], classes: Sequence[str]) -> str:
    """What to say of pictures that are named like another and a word for masks, or lie in a folder that is; or nothing.

    Parameters
    ----------
    paths : of all pictures, with /: {class}/… or {split}/{class}/…
    classes : the names of their folders
    """
    if not any(map(HINT.search, paths)):
        return ""
    known = [PurePosixPath(path) for path in paths]
    # A name by the folder that it lies in, and, for masks in a folder of their own, by the class.
    beside = {(path.parent, path.stem) for path in known}
    apart = [path for path in known if not any(FOLDER.match(part) for part in _inside(path, classes))]
    below = {(_class(path, classes), path.stem) for path in apart}
    found: Counter[str] = Counter()
    example: dict[str, str] = {}
    for path in known:
        if pattern := _pattern(path, beside, below, classes):
            found[pattern] += 1
            example.setdefault(pattern, str(path))
    for name in classes:
        end = BEHIND.search(name)
        if (end and name[: end.start()] in classes) or (FOLDER.match(name) and _repeats(name, known, classes)):
            found[name], example[name] = sum(_class(path, classes).name == name for path in known), f"the folder {name}"
    if not found:
        return ""
    patterns = ", ".join(f"'{pattern}'" for pattern in found)
    examples = ", ".join(list(example.values())[:3])
    return (
        f"{found.total():,} pictures that are named like masks of others are taken as pictures of their class "
        f"({examples}); exclude: {patterns if len(found) == 1 else f'[{patterns}]'} leaves them out"
    )


def _class(path: PurePosixPath, classes: Sequence[str]) -> PurePosixPath:
    """The folder of a picture's class."""
    depth = 1 if path.parts[0] in classes else 2
    return PurePosixPath(*path.parts[:depth])


def _inside(path: PurePosixPath, classes: Sequence[str]) -> tuple[str, ...]:
    """The folders between that of the class and the picture."""
    return path.parent.relative_to(_class(path, classes)).parts


def _pattern(path: PurePosixPath, beside: set, below: set, classes: Sequence[str]) -> str:
    """A pattern for a picture that seems to be the mask of another; nothing for others."""
    stem, end, start = path.stem, BEHIND.search(path.stem), BEFORE.match(path.stem)
    if end and (path.parent, stem[: end.start()]) in beside:
        word = end[0].removesuffix(end["number"] or "")
        return f"*{word}*" if end["number"] else f"*{word}.*"
    if start and (path.parent, stem[start.end() :]) in beside:
        return f"{start[0]}*"
    folder = next((part for part in _inside(path, classes) if FOLDER.match(part)), "")
    stems = {stem, BEHIND.sub("", stem), BEFORE.sub("", stem)} if folder else ()
    return folder if any((_class(path, classes), name) in below for name in stems) else ""


def _repeats(name: str, known: Sequence[PurePosixPath], classes: Sequence[str]) -> bool:
    """Whether at least half of the pictures of a class are named like some of other classes."""
    own = [path.stem for path in known if _class(path, classes).name == name]
    others = {path.stem for path in known if _class(path, classes).name != name}
    return 2 * sum(bool({stem, BEHIND.sub("", stem), BEFORE.sub("", stem)} & others) for stem in own) >= len(own)
