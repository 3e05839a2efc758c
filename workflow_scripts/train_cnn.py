"""Train one network with one seed; write it (without augmentation layers) and its curves."""

import csv
import io

import numpy as np

from medfusion.files import images
from medfusion.files.archives import make_zip_reproducible
from medfusion.files.artifacts import replacing, write_text
from medfusion.files.hdf5 import open_hdf5
from medfusion.jobs import stage
from medfusion.learning.subsets import stratified_subset


def parser():
    result = stage.parser(__doc__)
    result.add_input("--train", help="prepared training images (HDF5)")
    result.add_input("--val", help="prepared validation images (HDF5)")
    result.add_input(
        "--augmented", required=False, help="the bank of augmented images (HDF5), if the network draws from it"
    )
    result.add_output("--model", help=".keras file to write")
    result.add_output("--history", help="CSV file to write, a row an epoch")
    return result


def main(args, settings):
    from medfusion.learning import backend
    from medfusion.learning.training import train

    backend.configure(settings["threads"], settings["seed"])
    labels = images.read_labels(args.train)
    chosen = np.arange(len(labels))
    if settings["train_images"] != "all":
        chosen = stratified_subset(labels, settings["train_images"], settings["seed"])
    planes = []
    if settings["network"]["training"]["images"] != "augmented":
        planes.append(images.read_images(args.train)[chosen])
    if args.augmented:
        with open_hdf5(args.augmented) as bank:
            planes += [bank["images"][:, copy][chosen] for copy in range(bank["images"].shape[1])]
    model, history = train(
        planes,
        labels[chosen],
        images.read_images(args.val),
        images.read_labels(args.val),
        settings["network"],
        len(images.describe(args.train).label_names),
        settings["seed"],
        lambda line: stage.progress(f"{settings['title']}: {line}"),
    )
    stage.progress(f"{settings['title']}: {model.count_params():,} parameters, {len(history)} epochs")
    table = io.StringIO()
    writer = csv.DictWriter(table, history[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows(history)
    with replacing(args.model) as temporary:
        model.save(temporary)
        make_zip_reproducible(temporary)
    write_text(args.history, table.getvalue())


if __name__ == "__main__":
    stage.run(main, parser())
