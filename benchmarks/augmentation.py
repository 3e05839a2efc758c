"""The augmented set of Blood, against Keras preprocessing layers over the same images."""

from pathlib import Path

import numpy as np
import timing

COPIES = 4
REPEATS = 5
SETTINGS = {"flip": "horizontal", "rotation": 36, "scale": 0.1, "contrast": 0}
BATCH = 128


def rows(results: Path) -> list[list[str]]:
    """The row of the report."""
    found = timing.compare("augmentation", "augmented", REPEATS, str(results))
    return [
        [
            f"{COPIES} augmented copies of {found.ours[0].found['images']:,} Blood images",
            "`RandomFlip`, `RandomRotation`, `RandomZoom` of Keras over the same images",
            found.in_words(),
            str(REPEATS),
            "flip, ±36°, ±10 %",
        ]
    ]


def ours(images: np.ndarray) -> None:
    """As the stage augment does."""
    from medfusion.learning.augmentation import augment

    def work() -> dict[str, int]:
        for copy in range(COPIES):
            augment(images, SETTINGS, np.random.default_rng(copy))
        return {"images": len(images)}

    timing.side(work)


def theirs(images: np.ndarray) -> None:
    """As a user would, with the layers that Keras has for it."""
    from medfusion.learning import backend

    backend.configure(threads=1, seed=0)
    layers = backend.keras.layers
    layers = backend.keras.Sequential(
        [
            layers.RandomFlip("horizontal"),
            layers.RandomRotation(SETTINGS["rotation"] / 360, fill_mode="reflect"),
            layers.RandomZoom(SETTINGS["scale"], fill_mode="reflect"),
        ]
    )
    layers(images[:8], training=True)

    def work() -> dict[str, int]:
        for _ in range(COPIES):
            for start in range(0, len(images), BATCH):
                layers(images[start : start + BATCH].astype(np.float32), training=True)
        return {"images": len(images)}

    timing.side(work)


def main() -> None:
    """One side."""
    args = timing.asked(__doc__)
    from medfusion.files.images import read_images

    {"ours": ours, "theirs": theirs}[args.side](read_images(args.results / "blood/images/train.h5"))


if __name__ == "__main__":
    main()
