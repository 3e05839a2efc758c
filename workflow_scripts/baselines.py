"""The two baselines every system is held against: the majority class, and the nearest training image in pixels."""

import numpy as np

from medfusion.files import images, probabilities
from medfusion.jobs import stage
from medfusion.tasks import is_multi_label


def parser():
    result = stage.parser(__doc__)
    result.add_input("--images", nargs=3, metavar=("TRAIN", "VAL", "TEST"), help="prepared images (HDF5)")
    result.add_output("--majority", help="HDF5 file to write: {val,test}/probabilities")
    result.add_output("--nearest-neighbour", help="HDF5 file to write: {val,test}/probabilities")
    return result


def main(args, settings):
    from medfusion.evaluation import label_metrics, metrics
    from medfusion.learning.nearest import nearest_rows
    from medfusion.learning.subsets import at_most

    train_path, *others = args.images
    description, labels = images.describe(train_path), images.read_labels(train_path)
    classes = len(description.label_names)
    chosen = at_most(labels, settings["images"], seed=0)
    majority, nearest = {}, {}
    for split, path in zip(("val", "test"), others, strict=True):
        found = labels[nearest_rows(train_path, chosen, path)]
        if is_multi_label(description.task):
            nearest[split] = found
            majority[split] = label_metrics.majority_probabilities(labels, len(found))
        else:
            nearest[split] = np.eye(classes)[found]
            majority[split] = metrics.majority_probabilities(labels, classes, len(found))
        stage.progress(f"{len(found)} {split} images held against {len(chosen)} training images")
    probabilities.write(args.majority, description, majority, temperature=1.0)
    probabilities.write(args.nearest_neighbour, description, nearest, temperature=1.0)


if __name__ == "__main__":
    stage.run(main, parser())
