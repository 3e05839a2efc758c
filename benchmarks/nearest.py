"""The nearest of many training images to each of others, of 28 and of 224 pixels a side, against scikit-learn's search.

Images are the first of Blood's; the larger ones are the same, enlarged. Theirs is `NearestNeighbors(algorithm="brute")`
on float32 pixels, over blocks of 128 MB of the training images; the other images are read for each.
"""

import statistics
import tempfile
from pathlib import Path

import cv2
import numpy as np
import threadpoolctl
import timing
from sklearn.neighbors import NearestNeighbors

from medfusion.files import hdf5
from medfusion.files.images import describe, image_blocks, read_images, read_labels, write_split
from medfusion.learning.nearest import nearest_rows

REPEATS = 3
SIDES = ("28", "224")
IMAGES = {"train": 3000, "val": 800}
HELD = 2**27  # bytes of training images that theirs holds as float32


def rows(results: Path) -> list[list[str]]:
    """The rows of the report, one a size."""
    found, lines = {}, []
    for side in SIDES:
        with tempfile.TemporaryDirectory() as folder:
            _write(results / "blood/images", Path(folder), int(side))
            found[side] = timing.compare("nearest", side, REPEATS, folder)
        if found[side].ours[0].found != found[side].theirs[0].found:
            raise SystemExit(f"error: the two sides find other images at {side} pixels a side")
        lines.append(
            [
                f"the nearest of {IMAGES['train']:,} images of {side} × {side} to each of {IMAGES['val']:,}",
                "`NearestNeighbors(algorithm='brute')` over blocks of 128 MB",
                found[side].in_words(),
                str(REPEATS),
                "the same images",
            ]
        )
    ours, theirs = (
        statistics.median(run.cpu for run in large) / statistics.median(run.cpu for run in small)
        for small, large in zip(*((each.ours, each.theirs) for each in found.values()), strict=True)
    )
    lines[-1][-1] += f"; {ours:.0f}× the time of 28 × 28, theirs {theirs:.0f}×, with 64× the pixels"
    return lines


def _write(images: Path, folder: Path, side: int) -> None:
    """The first images of two splits, with a side of so many pixels."""
    for split, number in IMAGES.items():
        source = images / f"{split}.h5"
        pixels = [
            cv2.resize(image, (side, side), interpolation=cv2.INTER_CUBIC) for image in read_images(source)[:number]
        ]
        write_split(folder / f"{split}.h5", split, describe(source), np.stack(pixels), read_labels(source)[:number])


def ours(train: Path, val: Path) -> np.ndarray:
    """As the stage baselines does."""
    return nearest_rows(train, np.arange(IMAGES["train"]), val)


def theirs(train: Path, val: Path) -> np.ndarray:
    """As a user would; exact too, because scikit-learn multiplies in float64."""
    step = HELD // (4 * int(np.prod(next(image_blocks(val, 1)).shape)))
    distances, found = [], []
    for start in range(0, IMAGES["train"], step):
        part = np.arange(start, min(IMAGES["train"], start + step))
        search = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(_flat(hdf5.rows(train, "images", part)))
        near = [search.kneighbors(_flat(block)) for block in image_blocks(val)]
        distances.append(np.concatenate([distance[:, 0] for distance, _ in near]))
        found.append(start + np.concatenate([index[:, 0] for _, index in near]))
    return np.array(found)[np.argmin(distances, axis=0), np.arange(IMAGES["val"])]


def _flat(pixels):
    return pixels.reshape(len(pixels), -1).astype(np.float32)


def main() -> None:
    """One side at one size."""
    args = timing.asked(__doc__)
    work, files = {"ours": ours, "theirs": theirs}[args.side], [args.results / f"{split}.h5" for split in IMAGES]
    with threadpoolctl.threadpool_limits(1):
        timing.side(lambda: work(*files), lambda found: {"rows": found.tolist()})


if __name__ == "__main__":
    main()
