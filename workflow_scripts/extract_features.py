"""Apply a trained network to all splits; write features of named layers and class probabilities, in blocks, and the
temperature by which validation would have the probabilities scaled.

Of the training split these may be of several copies of each image, changed at random as in training."""

import numpy as np

from medfusion.files import images
from medfusion.files.hdf5 import create_hdf5, open_hdf5
from medfusion.jobs import stage


def parser():
    result = stage.parser(__doc__)
    result.add_input("--model", help="trained network (.keras)")
    result.add_input("--images", nargs=3, metavar=("TRAIN", "VAL", "TEST"), help="prepared images (HDF5)")
    result.add_input(
        "--augmented",
        required=False,
        nargs="?",
        help="the bank of augmented images (HDF5), if copies are made of these",
    )
    result.add_output("--out", help="HDF5 file to write: {split}/features and {split}/probabilities")
    return result


def main(args, settings):
    from medfusion.learning import backend
    from medfusion.learning.calibration import temperature_of
    from medfusion.learning.copies import random_copies
    from medfusion.learning.features import apply, extractor, load_network

    backend.configure(settings["threads"], seed=0)
    model = extractor(load_network(args.model), settings["layers"])
    attributes = {key: settings[key] for key in ("layers", "views", "copies")}
    attributes |= images.describe(args.images[0]).attributes()
    rngs = [np.random.default_rng([settings["seed"], number]) for number in range(settings["copies"])]
    with create_hdf5(args.out, **attributes) as file:
        for split, path in zip(("train", "val", "test"), args.images, strict=True):
            done = 0
            for block in images.image_blocks(path):
                if split == "train" and settings["copies"]:
                    versions = [block] if not args.augmented else versions_of(args.augmented, done, len(block))
                    found = [apply(model, copy, {"views": []}) for copy in random_copies(versions, settings, rngs)]
                    features, probabilities = (np.stack(values, axis=1) for values in zip(*found, strict=True))
                else:
                    features, probabilities = apply(model, block, settings)
                for name, values in (("features", features), ("probabilities", probabilities)):
                    append(file, f"{split}/{name}", values)
                done += len(block)
                stage.progress(f"{settings['title']}: features of {done} {split} images")
        labels = images.read_labels(args.images[1])
        file.attrs["temperature"] = temperature_of(file["val/probabilities"][:], labels)


def versions_of(bank, start, rows):
    """The augmented versions of some rows of images, each uint8 (rows, H, W, C)."""
    with open_hdf5(bank) as file:
        return list(np.moveaxis(file["images"][start : start + rows], 1, 0))


def append(file, name, values):
    """Add rows to a growing dataset."""
    if name not in file:
        shape = values.shape[1:]
        file.create_dataset(name, (0, *shape), np.float32, maxshape=(None, *shape))
    rows = len(file[name])
    file[name].resize(rows + len(values), axis=0)
    file[name][rows:] = values


if __name__ == "__main__":
    stage.run(main, parser())
