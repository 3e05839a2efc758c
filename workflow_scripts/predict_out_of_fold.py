"""Say of each training image, by probes that were not fitted on it, how probable its label is: for the label audit.

The probes are linear, on the features of each model's first network and on coarse pixels; their probabilities are
averaged. The networks were trained on these images: how far they learnt wrong labels by heart, the probes agree.
"""

from medfusion.files import image_groups, images, label_audits
from medfusion.jobs import stage


def parser():
    result = stage.parser(__doc__)
    result.add_input("--features", nargs="+", metavar="PATH", help="features of networks (HDF5)")
    result.add_input("--train", help="prepared training split (HDF5)")
    result.add_input("--groups", help="images that belong together (.csv)")
    result.add_output("--out-of-fold", help="HDF5 file to write: probabilities (n, k) of the training images")
    return result


def main(args, settings):
    from medfusion.learning import out_of_fold

    description, labels = images.describe(args.train), images.read_labels(args.train)
    groups = image_groups.read(args.groups, {"train": len(labels)})["train"]
    views = [*(out_of_fold.features(path) for path in args.features), out_of_fold.pixels(args.train)]
    found = out_of_fold.predict(
        views,
        labels,
        groups,
        len(description.label_names),
        settings["seed"],
        lambda line: stage.progress(f"{settings['title']}: {line}"),
    )
    label_audits.write_out_of_fold(args.out_of_fold, description, out_of_fold.FOLDS, found)


if __name__ == "__main__":
    stage.run(main, parser())
