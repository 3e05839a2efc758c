"""All near-duplicates among Blood images, against the product of all pairs of standardised images, block by block."""

import contextlib
from pathlib import Path

import numpy as np
import timing

THRESHOLD = 0.95
REPEATS = 3
ROWS = 2048  # images at once


def rows(results: Path) -> list[list[str]]:
    """The row of the report."""
    found = timing.compare("near_duplicates", "train", REPEATS, str(results))
    ours, theirs = found.ours[0].found, found.theirs[0].found
    if ours["pairs"] != theirs["pairs"]:
        raise SystemExit(f"error: the two sides find {ours['pairs']} and {theirs['pairs']} pairs")
    return [
        [
            f"pairs with a correlation of {THRESHOLD:g} or more among {ours['images']:,} Blood images",
            "products of all pairs of standardised images, in float32 blocks",
            found.in_words(),
            str(REPEATS),
            f"both find {ours['pairs']} pairs; the ratio grows with the number of images and of their pixels",
        ]
    ]


def ours(path: Path) -> dict[str, int]:
    """As the stage audit_duplicates does."""
    from medfusion.data.duplicate_search import Search

    with contextlib.ExitStack() as stack:
        search = Search(stack, [path])
        pairs = sum(len(found.first) for found in search.pairs(THRESHOLD))
        return {"images": int(search.starts[-1]), "pairs": pairs}


def theirs(path: Path) -> dict[str, int]:
    """Every pair in all pixels; each block is read and standardised once, and all are held in memory."""
    from medfusion.data.duplicate_search import standardised
    from medfusion.files.images import image_blocks

    blocks = [standardised(images.reshape(len(images), -1))[0] for images in image_blocks(path, ROWS)]
    pairs = 0
    for number, block in enumerate(blocks):
        pairs += int(np.triu(block @ block.T >= THRESHOLD, k=1).sum())
        pairs += sum(int((block @ other.T >= THRESHOLD).sum()) for other in blocks[number + 1 :])
    return {"images": sum(map(len, blocks)), "pairs": pairs}


def main() -> None:
    """One side."""
    args = timing.asked(__doc__)
    work = {"ours": ours, "theirs": theirs}[args.side]
    timing.side(lambda: work(args.results / "blood/images/train.h5"))


if __name__ == "__main__":
    main()
