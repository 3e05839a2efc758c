"""Choose on the validation split: temperature, prediction sets, decision and referral thresholds of every system."""

import numpy as np

from medfusion.errors import UserError
from medfusion.files import calibrations, images, probabilities
from medfusion.jobs import stage
from medfusion.system_id import SystemId
from medfusion.tasks import most_probable


def parser():
    result = stage.parser(__doc__)
    result.add_input("--systems", nargs="+", metavar="PATH", help="probabilities (HDF5), in the settings' order")
    result.add_input("--val", help="prepared validation split, for its labels (HDF5)")
    result.add_output("--calibration", help="JSON file to write")
    return result


def main(args, settings):
    from medfusion.learning import calibration

    description, labels = images.describe(args.val), images.read_labels(args.val)
    chosen = {key: settings[key] for key in ("positive", "sensitivity", "coverage", "abstention_rate")}
    found = {SystemId(*run): path for run, path in zip(settings["systems"], args.systems, strict=True)}
    if chosen["coverage"] is None:
        highest = highest_accuracy(found, labels, description.task)
        chosen["coverage"] = calibration.default_coverage(highest, len(labels))
    runs = {}
    for run, path in found.items():
        try:
            runs[run] = calibration.choose(probabilities.read(path, "val"), labels, description.task, **chosen)
        except ValueError as error:
            raise UserError(f"{path}: {error}; delete it and run again") from None
    counts = np.bincount(labels, minlength=len(description.label_names))
    made = calibrations.Calibrations(
        dataset=settings["dataset"], task=description.task, images=tuple(counts.tolist()), runs=runs, **chosen
    )
    calibrations.write(args.calibration, made)
    stage.progress(f"{settings['dataset']}: {len(runs)} runs calibrated on {len(labels)} validation images")


def highest_accuracy(found, labels, task):
    """Of all systems, the highest mean accuracy over their seeds on the validation split."""
    by_system = {}
    for run, path in found.items():
        values = probabilities.read(path, "val")
        if len(values) == len(labels):  # else it is refused below
            by_system.setdefault(run.address, []).append(np.mean(most_probable(values, task) == labels))
    return max(map(np.mean, by_system.values()), default=0.0)


if __name__ == "__main__":
    stage.run(main, parser())
