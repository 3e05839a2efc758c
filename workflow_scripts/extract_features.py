"""Apply a trained network to all splits; write features of named layers and class probabilities, in blocks, and the
temperature by which validation would have the probabilities scaled."""

import numpy as np

from medfusion.files import images
from medfusion.files.hdf5 import create_hdf5
from medfusion.jobs import stage


def parser():
    result = stage.parser(__doc__)
    result.add_input("--model", help="trained network (.keras)")
    result.add_input("--images", nargs=3, metavar=("TRAIN", "VAL", "TEST"), help="prepared images (HDF5)")
    result.add_output("--features", help="HDF5 file to write: {split}/features and {split}/probabilities")
    return result


def main(args, settings):
    from medfusion.learning import backend
    from medfusion.learning.calibration import temperature_of
    from medfusion.learning.features import apply, extractor, load_network

    backend.configure(settings["threads"], seed=0)
    model = extractor(load_network(args.model), settings["layers"])
    attributes = images.describe(args.images[0]).attributes()
    with create_hdf5(
        args.features, layers=settings["layers"], views=settings["test_time_augmentation"], **attributes
    ) as file:
        for split, path in zip(("train", "val", "test"), args.images, strict=True):
            done = 0
            for block in images.image_blocks(path):
                features, probabilities = apply(model, block, settings["test_time_augmentation"])
                for name, values in (("features", features), ("probabilities", probabilities)):
                    append(file, f"{split}/{name}", values)
                done += len(block)
                stage.progress(f"{settings['title']}: features of {done} {split} images")
        labels = images.read_labels(args.images[1])
        file.attrs["temperature"] = temperature_of(file["val/probabilities"][:], labels)


def append(file, name, values):
    """Add rows to a growing dataset."""
    if name not in file:
        file.create_dataset(name, (0, values.shape[1]), np.float32, maxshape=(None, values.shape[1]))
    rows = len(file[name])
    file[name].resize(rows + len(values), axis=0)
    file[name][rows:] = values


if __name__ == "__main__":
    stage.run(main, parser())
