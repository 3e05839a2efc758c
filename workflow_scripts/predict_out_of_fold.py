"""Say of each training image, by probes that were not fitted on it, how probable its label is: for the label audit.

The probes are linear, on the features that tell the validation images best, and on coarse pixels; their probabilities
are averaged. The network was trained on these images: its features hide wrong labels that it learnt by heart.
"""

import numpy as np

from medfusion.files import image_groups, images, label_audits
from medfusion.jobs import stage


def parser():
    result = stage.parser(__doc__)
    result.add_input(
        "--features", nargs="+", metavar="PATH", help="features of networks (HDF5), in the settings' order"
    )
    result.add_input("--train", help="prepared training split (HDF5)")
    result.add_input("--val", help="prepared validation split, for its labels (HDF5)")
    result.add_input("--groups", help="images that belong together (.csv)")
    result.add_output("--out-of-fold", help="HDF5 file to write: probabilities (n, k) of the training images")
    return result


def main(args, settings):
    from medfusion.learning import out_of_fold

    description, labels = images.describe(args.train), images.read_labels(args.train)
    groups = image_groups.read(args.groups, {"train": len(labels)})["train"]
    val_labels, seed = images.read_labels(args.val), settings["seed"]
    losses = []
    for model, path in zip(settings["models"], args.features, strict=True):
        own, val = out_of_fold.features(path), out_of_fold.features(path, "val")
        losses.append(out_of_fold.log_loss(own, labels, val, val_labels, seed))
        stage.progress(f"{settings['title']}: features of {model}: log loss {losses[-1]:.4f} on validation")
    best = int(np.argmin(losses))
    views = [out_of_fold.features(args.features[best]), out_of_fold.pixels(args.train)]
    found = out_of_fold.predict(
        views,
        labels,
        groups,
        len(description.label_names),
        seed,
        lambda line: stage.progress(f"{settings['title']}: {line}"),
    )
    label_audits.write_out_of_fold(args.out_of_fold, description, out_of_fold.FOLDS, settings["models"][best], found)


if __name__ == "__main__":
    stage.run(main, parser())
