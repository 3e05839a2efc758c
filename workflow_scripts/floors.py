"""The two floors every system is held against: the majority class, and the nearest training image in pixels."""

import numpy as np

from medfusion.files import hdf5, images, probabilities
from medfusion.jobs import stage
from medfusion.tasks import is_multi_label


def parser():
    result = stage.parser(__doc__)
    result.add_input("--images", nargs=3, metavar=("TRAIN", "VAL", "TEST"), help="prepared images (HDF5)")
    result.add_output("--majority", help="HDF5 file to write: {val,test}/probabilities")
    result.add_output("--nearest-neighbour", help="HDF5 file to write: {val,test}/probabilities")
    return result


def main(args, settings):
    from sklearn.neighbors import KNeighborsClassifier

    from medfusion.evaluation import label_metrics, metrics
    from medfusion.learning.subsets import at_most

    train_path, *others = args.images
    description, labels = images.describe(train_path), images.read_labels(train_path)
    classes = len(description.label_names)
    chosen = at_most(labels, settings["images"], seed=0)
    pixels = hdf5.rows(train_path, "images", chosen).reshape(len(chosen), -1).astype(np.float32)
    several = is_multi_label(description.task)
    # Of several labels an image takes all those of its neighbour, found by its row.
    known = np.arange(len(chosen)) if several else labels[chosen]
    neighbour = KNeighborsClassifier(1, algorithm="brute").fit(pixels, known)
    majority, nearest = {}, {}
    for split, path in zip(("val", "test"), others, strict=True):
        blocks = (block.reshape(len(block), -1).astype(np.float32) for block in images.image_blocks(path))
        if several:
            nearest[split] = np.concatenate([labels[chosen[neighbour.predict(block)]] for block in blocks])
            majority[split] = label_metrics.majority_probabilities(labels, len(nearest[split]))
        else:
            nearest[split] = np.concatenate([neighbour.predict_proba(block) for block in blocks])
            majority[split] = metrics.majority_probabilities(labels, classes, len(nearest[split]))
    probabilities.write(args.majority, description, majority)
    probabilities.write(args.nearest_neighbour, description, nearest)


if __name__ == "__main__":
    stage.run(main, parser())
