"""List labels that may be wrong: what the selected system says of val and test, and probes of train. Nothing is fitted.

Nothing but the page reads what this writes: no image is left out of anything, and no label is changed.
"""

import argparse
from typing import Any

from medfusion.errors import UserError
from medfusion.files import images, probabilities
from medfusion.files.artifacts import read_record, write_json
from medfusion.jobs import stage
from medfusion.system_id import SystemId


def parser() -> argparse.ArgumentParser:
    """The arguments of the stage."""
    result = stage.parser(__doc__)
    result.add_input("--out-of-fold", help="out-of-fold probabilities of the training images (HDF5)")
    result.add_input("--ranking", help="ranking of the candidates (CSV)")
    result.add_input(
        "--systems", nargs="+", metavar="PATH", help="probabilities of their first runs (HDF5), in the settings' order"
    )
    result.add_input("--train", help="prepared training split, for its labels (HDF5)")
    result.add_input("--val", help="prepared validation split, for its labels (HDF5)")
    result.add_input("--test-labels", help="labels of the test split (HDF5)")
    result.add_input("--near-duplicates", help="what audit_duplicates found (JSON)")
    result.add_output("--labels", help="CSV file to write, a row an image")
    result.add_output("--summary", help="JSON file to write: counts")
    return result


def main(args: argparse.Namespace, settings: dict[str, Any]) -> None:
    """Write the table and its counts."""
    from medfusion.evaluation import label_audit
    from medfusion.files import label_audits, rankings
    from medfusion.naming import data_name

    description = images.describe(args.test_labels)
    labels = {"train": args.train, "val": args.val, "test": args.test_labels}
    labels = {split: images.read_labels(path) for split, path in labels.items()}
    classes = len(description.label_names)
    near = read_record(args.near_duplicates, ("opposite_labels", "images"))
    if near["images"] != {split: len(own) for split, own in labels.items()}:
        raise UserError(f"{args.near_duplicates}: of other images than there are; delete it and run again")
    folds, model, of_train = label_audits.read_out_of_fold(args.out_of_fold, len(labels["train"]), classes)
    seeds = {run.address: run.seed for run in (SystemId(*run) for run in settings["systems"])}
    paths = dict(zip(seeds, args.systems, strict=True))
    best = rankings.read(args.ranking, seeds).systems[0]
    said = {"train": of_train}
    for split in ("val", "test"):
        said[split] = probabilities.read(paths[best.address], split)
        if said[split].shape != (len(labels[split]), classes):
            raise UserError(f"{paths[best.address]}: of other {split} images than there are; delete it and run again")
    table = label_audit.audit(
        {split: label_audit.judge(labels[split], said[split]) for split in labels}, near["opposite_labels"]
    )
    counts = label_audit.summary(table)
    data = data_name(settings["name"], description.generated)
    label_audits.write(args.labels, table, data, tuple(settings["label_names"] or description.label_names))
    write_json(
        args.summary,
        {
            "dataset": settings["dataset"],
            "system": {"model": best.model, "system": best.system, "seed": seeds[best.address]},
            "model": model,
            "folds": folds,
            "splits": counts,
        },
    )
    for split, found in counts.items():
        stage.progress(
            f"{settings['dataset']}: {found['flagged']} of {found['images']} labels of {split} may be wrong; "
            f"{found['opposite']} images have a near-duplicate of another label"
        )


if __name__ == "__main__":
    stage.run(main, parser())
