"""The two floors every system is held against: the majority class, and the nearest training image in pixels."""

import numpy as np

from medfusion.files import hdf5, images, probabilities
from medfusion.jobs import stage


def parser():
    result = stage.parser(__doc__)
    result.add_input("--images", nargs=3, metavar=("TRAIN", "VAL", "TEST"), help="prepared images (HDF5)")
    result.add_output("--majority", help="HDF5 file to write: {val,test}/probabilities")
    result.add_output("--nearest-neighbour", help="HDF5 file to write: {val,test}/probabilities")
    return result


def main(args, settings):
    from sklearn.neighbors import KNeighborsClassifier

    from medfusion.evaluation import metrics
    from medfusion.learning.subsets import at_most

    train_path, *others = args.images
    description, labels = images.describe(train_path), images.read_labels(train_path)
    classes = len(description.label_names)
    chosen = at_most(labels, settings["images"], seed=0)
    pixels = hdf5.rows(train_path, "images", chosen).reshape(len(chosen), -1).astype(np.float32)
    neighbour = KNeighborsClassifier(1, algorithm="brute").fit(pixels, labels[chosen])
    majority, nearest = {}, {}
    for split, path in zip(("val", "test"), others, strict=True):
        blocks = (block.reshape(len(block), -1).astype(np.float32) for block in images.image_blocks(path))
        nearest[split] = np.concatenate([neighbour.predict_proba(block) for block in blocks])
        majority[split] = metrics.majority_probabilities(labels, classes, len(nearest[split]))
    probabilities.write(args.majority, description, majority)
    probabilities.write(args.nearest_neighbour, description, nearest)


if __name__ == "__main__":
    stage.run(main, parser())
