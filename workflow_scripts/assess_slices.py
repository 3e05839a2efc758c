"""Measure the selected system in parts of the test images, by what a user knows of them: sex, age, site, device."""

from medfusion.errors import UserError
from medfusion.files import image_groups, images, probabilities
from medfusion.files.artifacts import write_json
from medfusion.jobs import stage
from medfusion.system_id import SystemId


def parser():
    result = stage.parser(__doc__)
    result.add_input("--systems", nargs="+", metavar="PATH", help="probabilities (HDF5), in the settings' order")
    result.add_input("--ranking", help="ranking of the systems (CSV)")
    result.add_input("--images", nargs=3, metavar=("TRAIN", "VAL", "TEST"), help="prepared images, for their numbers")
    result.add_input("--pictures", nargs="?", required=False, help="which picture became which image (CSV)")
    result.add_input("--test-labels", help="labels of the test split (HDF5)")
    result.add_input("--metadata", help="what is known of the images (CSV)")
    result.add_output("--slices", help="JSON file to write")
    result.add_output("--table", help="CSV file to write, a row a measure of a slice")
    return result


def main(args, settings):
    from medfusion.data import metadata
    from medfusion.evaluation import slices
    from medfusion.evaluation.discrimination import curve_classes
    from medfusion.files import rankings, slice_files

    description, labels = images.describe(args.test_labels), images.read_labels(args.test_labels)
    counts = image_groups.sizes(args.images)
    if args.pictures:
        keys = image_groups.picture_keys(args.pictures)
        known = metadata.of_pictures(args.metadata, [path for of_split in keys.values() for (path,) in of_split])
    else:
        keys = {split: [(split, str(index)) for index in range(count)] for split, count in counts.items()}
        known = metadata.of_splits(args.metadata, counts)
    systems = [SystemId(*run) for run in settings["systems"]]
    selected = rankings.read(args.ranking, {run.address for run in systems}).systems[0].address
    runs = [(run, path) for run, path in zip(systems, args.systems, strict=True) if run.address == selected]
    columns = {name: slices.values(name, known.column(name, keys["test"])) for name in known.columns}
    patients = known.groups(keys["test"])
    of_test, elsewhere = {*patients} - {""}, {split: {*known.groups(keys[split])} for split in ("train", "val")}
    elsewhere["either"] = elsewhere["train"] | elsewhere["val"]
    classes = curve_classes(description.task, len(description.label_names), settings["positive"])
    positive = classes[0] if len(classes) == 1 else None
    options = {key: settings[key] for key in ("replicates", "confidence")}
    try:
        found = slices.assess(
            labels,
            [probabilities.read(path, "test") for _, path in runs],
            description.task,
            {name: column for name, column in columns.items() if column},
            slices.numbered(patients) if known.has_patients else None,
            positive=positive,
            seed=settings["bootstrap_seed"],
            **options,
        )
    except ValueError as error:
        raise UserError(f"{runs[0][1]}, split test: {error}") from None
    write_json(
        args.slices,
        {
            "dataset": settings["dataset"],
            "generated": description.generated,
            "label_names": description.label_names,
            "system": selected,
            "seeds": [run.seed for run, _ in runs],
            "positive": positive,
            "confidence": settings["confidence"],
            "with_patients": known.has_patients,
            "without_row": sum(key not in known.values for key in keys["test"]),
            "shared": {split: len(of_test & others) for split, others in elsewhere.items()},
            "left_out": [
                [name, len({*known.column(name, keys["test"])})] for name, column in columns.items() if not column
            ],
            "slices": slice_files.rows(found),
        },
    )
    slice_files.write_table(args.table, found, settings["dataset"], selected)
    worse = [f"{one.column} {one.value}" for one in found if one.significant and one.difference.value < 0]
    stage.progress(
        f"{settings['dataset']}: {selected} in {len(found) - 1} slices of {len(labels):,} test images; "
        f"significantly worse: {', '.join(worse) or 'none'}"
    )


if __name__ == "__main__":
    stage.run(main, parser())
