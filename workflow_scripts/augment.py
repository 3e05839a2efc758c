"""Write the augmented set: several randomly transformed copies of each training image."""

import numpy as np

from medfusion.files import images
from medfusion.files.hdf5 import create_hdf5, open_hdf5
from medfusion.jobs import stage


def parser():
    result = stage.parser(__doc__)
    result.add_input("--train", help="prepared training images (HDF5)")
    result.add_output("--augmented", help="HDF5 file to write: images uint8 (n, copies, H, W, C)")
    return result


def main(args, settings):
    from medfusion.learning.augmentation import augment

    augmentation = settings["augmentation"]
    description = images.describe(args.train)
    with open_hdf5(args.train) as source:
        shape = source["images"].shape
    copies = augmentation["copies"]
    # One generator for each copy: adding a copy leaves the others as they are.
    generators = [np.random.default_rng([augmentation["seed"], copy]) for copy in range(copies)]
    with create_hdf5(args.augmented, split="train", **description.attributes()) as augmented:
        chunks = (min(images.chunk_rows(shape[1:]), shape[0]), 1, *shape[1:])
        stored = augmented.create_dataset(
            "images", (shape[0], copies, *shape[1:]), np.uint8, chunks=chunks, compression="gzip", compression_opts=1
        )
        start = 0
        for block in images.image_blocks(args.train):
            for copy, rng in enumerate(generators):
                stored[start : start + len(block), copy] = augment(block, augmentation, rng)
            start += len(block)
            stage.progress(f"{start} of {shape[0]} images, {copies} copies each")


if __name__ == "__main__":
    stage.run(main, parser())
