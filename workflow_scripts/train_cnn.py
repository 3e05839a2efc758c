"""Train one network with one seed; write it (without augmentation layers) and its curves."""

import csv
import io

from medfusion.files import images
from medfusion.files.archives import make_zip_reproducible
from medfusion.files.artifacts import replacing, write_text
from medfusion.jobs import stage
from medfusion.learning.sparkline import sparkline


def parser():
    result = stage.parser(__doc__)
    result.add_input("--train", help="prepared training images (HDF5)")
    result.add_input("--val", help="prepared validation images (HDF5)")
    result.add_input(
        "--augmented",
        required=False,
        nargs="?",
        help="the augmented set (HDF5), if the network draws from it",
    )
    result.add_input("--weights", required=False, help="file of weights that a pretrained network starts from")
    result.add_input("--groups", required=False, nargs="?", help="images that belong together (.csv)")
    result.add_output("--model", help=".keras file to write")
    result.add_output("--history", help="CSV file to write, a row an epoch")
    return result


def main(args, settings):
    from medfusion.learning import backend
    from medfusion.learning.training import train
    from medfusion.learning.training_images import open_images

    network, seed = settings["network"], settings["seed"]
    description = images.describe(args.train)
    left_out = None
    if args.groups:
        from medfusion.files import image_groups  # with pandas, which other jobs do without

        number = len(images.read_labels(args.train))
        left_out = image_groups.duplicated(args.groups, number, settings["drop_near_duplicates_of"])
    backend.configure(settings["threads"], seed)
    model, history = train(
        open_images(args.train, args.augmented, settings["train_images"], seed, left_out),
        open_images(args.val),
        network,
        len(description.label_names),
        seed,
        lambda line: stage.progress(f"{settings['title']}: {line}"),
        description.task,
        settings["precision"],
        args.weights,
    )
    losses = [row["val_loss"] for row in history]
    stage.progress(
        f"{settings['title']}: {model.count_params():,} parameters, {len(history)} epochs, validation loss "
        f"{sparkline(losses)} lowest {min(losses):.4f} in epoch {1 + losses.index(min(losses))}"
    )
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
