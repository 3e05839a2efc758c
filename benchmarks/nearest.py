"""The nearest training image of Blood's validation images, of 28 and 224 pixels a side, against scikit-learn's search.

Theirs is `NearestNeighbors(algorithm="brute")` on float32 pixels, over blocks of 128 MB of the training images; the
other images are read for each. The larger images are the first of each split, enlarged.
"""

import statistics
import tempfile
from pathlib import Path

import numpy as np
import threadpoolctl
import timing

REPEATS = 3
LARGE = {"train": 1500, "val": 400}  # images of 224 × 224; of 28 × 28 all
HELD = 2**27  # bytes of training images that theirs holds as float32


def rows(results: Path) -> list[list[str]]:
    """The rows of the report, one a size."""
    found = {side: timing.compare("nearest", side, REPEATS, str(results)) for side in ("28", "224")}
    lines = []
    for side, comparison in found.items():
        ours, theirs = comparison.ours[0].found, comparison.theirs[0].found
        if ours != theirs:
            raise SystemExit(f"error: the two sides find other images at {side} pixels a side")
        note = "the same images"
        if side == "224":
            growth = [
                statistics.median(run.cpu / run.found["pairs"] for run in large)
                / statistics.median(run.cpu / run.found["pairs"] for run in small)
                for small, large in zip(
                    (found["28"].ours, found["28"].theirs), (comparison.ours, comparison.theirs), strict=True
                )
            ]
            note += f"; a pair costs ours {growth[0]:.0f}× one of 28 × 28, theirs {growth[1]:.0f}×; 64× the pixels"
        title = f"the nearest of {ours['train']:,} Blood images of {side} × {side} to each of {ours['val']:,}"
        against = "`NearestNeighbors(algorithm='brute')` over blocks of 128 MB"
        lines.append([title, against, comparison.in_words(), str(REPEATS), note])
    return lines


def ours(train: Path, val: Path) -> np.ndarray:
    """As the stage baselines does."""
    from medfusion.files.images import read_labels
    from medfusion.learning.nearest import nearest_rows

    return nearest_rows(train, np.arange(len(read_labels(train))), val)


def theirs(train: Path, val: Path) -> np.ndarray:
    """As a user would; exact too, because scikit-learn multiplies in float64."""
    from sklearn.neighbors import NearestNeighbors

    from medfusion.files import hdf5
    from medfusion.files.images import image_blocks, read_labels

    number, best, found, start = len(read_labels(train)), [], [], 0
    size = int(np.prod(next(image_blocks(val, 1)).shape[1:]))
    for start in range(0, number, HELD // (4 * size)):
        part = np.arange(start, min(number, start + HELD // (4 * size)))
        search = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(_flat(hdf5.rows(train, "images", part)))
        near = [search.kneighbors(_flat(block)) for block in image_blocks(val)]
        best.append(np.concatenate([distance[:, 0] for distance, _ in near]))
        found.append(start + np.concatenate([index[:, 0] for _, index in near]))
    chosen = np.argmin(best, axis=0)
    return np.array(found)[chosen, np.arange(len(chosen))]


def _flat(pixels):
    return pixels.reshape(len(pixels), -1).astype(np.float32)


def _enlarged(images: Path, folder: Path) -> list[Path]:
    """The first images of two splits at eight times their side."""
    import cv2

    from medfusion.files.images import describe, read_images, read_labels, write_split

    for split, number in LARGE.items():
        source = images / f"{split}.h5"
        pixels = [
            cv2.resize(image, (224, 224), interpolation=cv2.INTER_CUBIC) for image in read_images(source)[:number]
        ]
        write_split(folder / f"{split}.h5", split, describe(source), np.stack(pixels), read_labels(source)[:number])
    return [folder / f"{split}.h5" for split in LARGE]


def _judge(found: np.ndarray, train: Path) -> dict[str, int]:
    from medfusion.files.images import read_labels

    number = len(read_labels(train))
    return {
        "train": number,
        "val": len(found),
        "pairs": number * len(found),
        "sum": int((found * np.arange(1, len(found) + 1)).sum()),
    }


def main() -> None:
    """One side at one size."""
    args = timing.asked(__doc__)
    work, images = {"ours": ours, "theirs": theirs}[args.side], args.results / "blood/images"
    with threadpoolctl.threadpool_limits(1), tempfile.TemporaryDirectory() as folder:
        files = [images / f"{split}.h5" for split in LARGE] if args.case == "28" else _enlarged(images, Path(folder))
        timing.side(lambda: work(*files), lambda found: _judge(found, files[0]))


if __name__ == "__main__":
    main()
