"""Fit a classifier on network features: compare its grid's combinations, refit the best, write its probabilities."""

import csv
import io

import numpy as np

from medfusion.errors import UserError
from medfusion.files import hdf5, images, probabilities
from medfusion.files.artifacts import write_json, write_text
from medfusion.jobs import stage
from medfusion.tasks import strata


def parser():
    result = stage.parser(__doc__)
    result.add_input("--features", help="features of all splits (HDF5)")
    result.add_input("--train", help="prepared training split, for its labels (HDF5)")
    result.add_input("--val", help="prepared validation split, for its labels (HDF5)")
    result.add_input("--groups", required=False, nargs="?", help="images that belong together (.csv)")
    result.add_output("--grid", help="CSV file to write, a row a combination")
    result.add_output("--best", help="JSON file to write: the chosen combination")
    result.add_output("--model", help="fitted classifier to write (.skops)")
    result.add_output("--probabilities", help="HDF5 file to write: {val,test}/probabilities")
    return result


def main(args, settings):
    from medfusion.learning import approximate, classifiers, grid_search
    from medfusion.learning.calibration import temperature_of
    from medfusion.learning.subsets import at_most, training_rows

    classifier, seed = settings["classifier"], settings["seed"]
    labels, val_labels = images.read_labels(args.train), images.read_labels(args.val)
    with hdf5.open_hdf5(args.features) as file:
        width = file["train/features"].shape[1]
    # Those that the network was trained on, or some of them.
    left_out = None
    if args.groups:
        from medfusion.files import image_groups  # with pandas, which other jobs do without

        left_out = image_groups.duplicated(args.groups, len(labels), settings["drop_near_duplicates_of"])
    known = training_rows(labels, settings["train_images"], seed, left_out)
    use = approximate.rule(classifier, len(known), width)
    fitted = known[at_most(labels[known], use.images, seed)]
    # Of the validation split likewise; a quarter as much, because it is held beside the other.
    least, held = len(np.unique(strata(val_labels))), classifier["fit_values"] // (4 * width)
    if held < least:
        raise UserError(
            f"{settings['title']}: fit_values: {classifier['fit_values']:,} numbers are {held} validation images of "
            f"{width:,} features; expected at least {4 * least * width:,}, an image of each class"
        )
    scored = at_most(val_labels, held, seed)
    data = (
        hdf5.rows(args.features, "train/features", fitted),
        labels[fitted],
        hdf5.rows(args.features, "val/features", scored),
        val_labels[scored],
    )

    rows, equally_good = grid_search.search(
        classifier, *data, seed, lambda line: stage.progress(f"{settings['title']}: {line}")
    )
    best = grid_search.combinations_of(classifier["grid"])[equally_good[0]]
    estimator = approximate.estimator_name(use, best)
    stage.progress(f"{settings['title']}: chosen {best}, to be fitted on {use.images} images ({estimator})")
    model = classifiers.fit(classifier, best, *data, seed, use.components)

    table = io.StringIO()
    writer = csv.DictWriter(table, rows[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(args.grid, table.getvalue())
    used = {key: classifier[key] for key in ("kind", "selection", "criterion", "calibration")}
    used |= {
        "measures": {name: rows[equally_good[0]][name] for name in ("accuracy", "auroc", "log_loss")},
        "combinations": len(rows),
        "equally_good": len(equally_good),
        "compared_images": grid_search.compared_images(classifier, len(fitted)),
        "fitted_images": len(fitted),
        "training_images": len(known),
        "scored_images": len(scored),
        "validation_images": len(val_labels),
        "estimator": estimator,
        "nystroem_components": use.components if estimator == "nystroem" else None,
    }
    write_json(args.best, {"hyperparameters": best, **used})
    classifiers.save(model, args.model)
    applied = {
        split: np.concatenate(
            [classifiers.probabilities(model, block) for block in hdf5.blocks(args.features, f"{split}/features")]
        )
        for split in ("val", "test")
    }
    temperature = temperature_of(applied["val"], val_labels)
    probabilities.write(args.probabilities, probabilities.describe(args.features), applied, temperature)


if __name__ == "__main__":
    stage.run(main, parser())
