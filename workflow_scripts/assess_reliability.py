"""Measure on the test split how far probabilities can be trusted, with what was chosen on validation."""

import numpy as np

from medfusion.errors import UserError
from medfusion.files import calibrations, images, probabilities
from medfusion.files.artifacts import write_json
from medfusion.jobs import stage
from medfusion.system_id import SystemId


def parser():
    result = stage.parser(__doc__)
    result.add_input("--systems", nargs="+", metavar="PATH", help="probabilities (HDF5), in the settings' order")
    result.add_input("--calibration", help="what was chosen on the validation split (JSON)")
    result.add_input("--ranking", help="ranking of the systems (CSV)")
    result.add_input("--test-labels", help="labels of the test split (HDF5)")
    result.add_output("--reliability", help="JSON file to write")
    return result


def main(args, settings):
    from medfusion.evaluation import ranking, reliability
    from medfusion.files import rankings, reliabilities

    description, labels = images.describe(args.test_labels), images.read_labels(args.test_labels)
    chosen, systems = calibrations.read(args.calibration), [SystemId(*run) for run in settings["systems"]]
    ranked = rankings.read(args.ranking, {run.address for run in systems}).systems
    best, network = ranked[0].address, ranking.network_alone(ranked).address
    options = {"positive": chosen.positive, "ece_bins": settings["ece_bins"], "replicates": settings["replicates"]}
    options |= {"confidence": settings["confidence"], "seed": settings["bootstrap_seed"]}
    groups, drawn = {}, []
    for run, path in zip(systems, args.systems, strict=True):
        address, values = run.address, probabilities.read(path, "test")
        calibration = chosen.runs.get(run)
        if calibration is None:
            raise UserError(f"{args.calibration}: lacks {address}, seed {run.seed}; delete it and run again")
        try:
            measures = reliability.measure(labels, values, calibration, description.task, **options)
        except ValueError as error:
            raise UserError(f"{path}, split test: {error}") from None
        group = groups.setdefault(run.group, {"model": run.model, "seed": run.seed, "systems": {}})
        group["systems"][run.system] = {"test": reliabilities.rows(measures)}
        if address in (best, network):
            parts = (calibration.temperature, description.task, settings["ece_bins"], settings["confidence"])
            drawn.append({"address": address, "seed": run.seed, **reliability.curves(labels, values, *parts)})
    write_json(
        args.reliability,
        {
            "dataset": settings["dataset"],
            "flag": description.flag,
            "task": description.task,
            "label_names": description.label_names,
            "generated": description.generated,
            "positive": chosen.positive,
            "sensitivity": chosen.sensitivity,
            "coverage": chosen.coverage,
            "abstention_rate": chosen.abstention_rate,
            "validation": chosen.images,
            "test": np.bincount(labels, minlength=len(description.label_names)).tolist(),
            "always": [label for label, limit in enumerate(calibration.by_class) if limit is None],
            "confidence": settings["confidence"],
            "best": best,
            "network": network,
            "groups": list(groups.values()),
            "drawn": drawn,
        },
    )
    stage.progress(
        f"{settings['dataset']}: probabilities of {len(settings['systems'])} runs measured, n = {len(labels)}"
    )


if __name__ == "__main__":
    stage.run(main, parser())
