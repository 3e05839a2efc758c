"""Measure what corrupted test images cost each system, with what was chosen on validation."""

from medfusion.errors import UserError
from medfusion.files import calibrations, corrupted_files, images
from medfusion.jobs import stage
from medfusion.system_id import SystemId


def parser():
    result = stage.parser(__doc__)
    result.add_input("--corrupted", nargs="+", metavar="PATH", help="corrupted.h5 of networks, in the settings' order")
    result.add_input("--calibration", help="what was chosen on the validation split (JSON)")
    result.add_input("--test-labels", help="labels of the test split (HDF5)")
    result.add_output("--corruptions", help="CSV file to write, a row a measure")
    return result


def main(args, settings):
    import pandas as pd

    from medfusion.evaluation import corruptions
    from medfusion.naming import data_name

    description, labels = images.describe(args.test_labels), images.read_labels(args.test_labels)
    chosen = calibrations.read(args.calibration)
    options = {key: settings[key] for key in ("ece_bins", "replicates", "confidence")}
    options["seed"] = settings["bootstrap_seed"]
    rows = []
    for (model, seed, systems), path in zip(settings["runs"], args.corrupted, strict=True):
        numbers = corrupted_files.numbers(path)
        if numbers.max(initial=-1) >= len(labels):
            raise UserError(f"{path}: of more test images than there are ({len(labels)}); delete it and run again")
        for system in systems:
            run = SystemId(model, seed, system)
            if run not in chosen.runs:
                raise UserError(f"{args.calibration}: lacks {run.address}, seed {seed}; delete it and run again")
            said = corrupted_files.conditions(path, system)
            try:
                found = corruptions.measure(labels[numbers], said, chosen.runs[run], description.task, **options)
            except ValueError as error:
                raise UserError(f"{path}, {system}: {error}; delete it and run again") from None
            rows += [(model, seed, system, name, level, *measure) for name, level, measure in found]
            stage.progress(f"{settings['dataset']}/{model}, seed {seed}: {system}: {_in_words(found)}")
    table = pd.DataFrame(rows, columns=corrupted_files.COLUMNS[1:])
    table.insert(0, "data", data_name(settings["dataset"], description.generated))
    corrupted_files.write_table(args.corruptions, table)


def _in_words(rows):
    """The balanced error of untouched images, and the mean over all corruptions."""
    errors = {name: one.value for name, level, one in rows if one.metric == "balanced_error" and level in ("0", "mean")}
    return f"balanced error {errors['clean']:.4f} of images as they are, {errors['all']:.4f} of corrupted ones"


if __name__ == "__main__":
    stage.run(main, parser())
