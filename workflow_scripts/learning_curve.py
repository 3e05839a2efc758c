"""Training-size study: train a network on stratified subsets of several sizes, all with one seed."""

import numpy as np

from medfusion.files import images, probabilities
from medfusion.files.hdf5 import open_hdf5
from medfusion.jobs import stage
from medfusion.learning.subsets import stratified_subset


def parser():
    result = stage.parser(__doc__)
    result.add_input("--images", nargs=3, metavar=("TRAIN", "VAL", "TEST"), help="prepared images (HDF5)")
    result.add_input(
        "--augmented", required=False, help="the bank of augmented images (HDF5), if the network draws from it"
    )
    result.add_output("--out", nargs="+", metavar="PATH", help="probabilities (HDF5) to write, in the settings' order")
    return result


def main(args, settings):
    from medfusion.learning import backend
    from medfusion.learning.features import apply, extractor
    from medfusion.learning.training import train

    network, seed = settings["network"], settings["seed"]
    train_path, val_path, test_path = args.images
    description = images.describe(train_path)
    labels, val_labels = images.read_labels(train_path), images.read_labels(val_path)
    val_images, test_images = images.read_images(val_path), images.read_images(test_path)
    planes = [] if network["training"]["images"] == "augmented" else [images.read_images(train_path)]
    if args.augmented:
        with open_hdf5(args.augmented) as bank:
            planes += [bank["images"][:, copy] for copy in range(bank["images"].shape[1])]
    for size, path in zip(settings["sizes"], args.out, strict=True):
        backend.keras.utils.clear_session()  # of the network before
        backend.configure(settings["threads"], seed)
        chosen = np.arange(len(labels)) if size == "all" else stratified_subset(labels, size, seed)
        model, _ = train(
            [plane[chosen] for plane in planes],
            labels[chosen],
            val_images,
            val_labels,
            network,
            len(description.label_names),
            seed,
            lambda line, size=size: stage.progress(f"{settings['title']}, {size} images: {line}"),
        )
        model = extractor(model, network["features"]["layer"])
        applied = {
            split: apply(model, pixels, network["features"])[1]
            for split, pixels in (("val", val_images), ("test", test_images))
        }
        probabilities.write(path, description, applied)


if __name__ == "__main__":
    stage.run(main, parser())
