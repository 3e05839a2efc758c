"""Measure on the test split how well the selected system discriminates between classes: curves, operating points."""

import numpy as np

from medfusion.errors import UserError
from medfusion.files import calibrations, images, probabilities
from medfusion.files.artifacts import write_json
from medfusion.jobs import stage
from medfusion.system_id import SystemId


def parser():
    result = stage.parser(__doc__)
    result.add_input("--systems", nargs="+", metavar="PATH", help="probabilities (HDF5), in the settings' order")
    result.add_input("--baseline", help="probabilities of the nearest neighbour (HDF5)")
    result.add_input(
        "--calibration", nargs="*", metavar="PATH", help="what validation chose (JSON); none of several labels"
    )
    result.add_input("--ranking", help="ranking of the systems (CSV)")
    result.add_input("--test-labels", help="labels of the test split (HDF5)")
    result.add_output("--discrimination", help="JSON file to write")
    return result


def main(args, settings):
    from medfusion.evaluation import discrimination, ranking
    from medfusion.files import rankings, reliabilities
    from medfusion.tasks import membership

    description, labels = images.describe(args.test_labels), images.read_labels(args.test_labels)
    files = dict(zip((SystemId(*run) for run in settings["systems"]), args.systems, strict=True))
    ranked = rankings.read(args.ranking, {run.address for run in files}).systems
    selected, network = ranked[0].address, ranking.network_alone(ranked).address
    baseline = SystemId(rankings.BASELINES, None, "nearest_neighbour")
    files[baseline] = args.baseline
    chosen = {run: found for path in args.calibration for run, found in calibrations.read(path).runs.items()}
    options = {key: settings[key] for key in ("positive", "prevalences", "replicates", "confidence")}
    options["seed"] = settings["bootstrap_seed"]
    groups, curves = {}, {}
    for address in dict.fromkeys((selected, network, baseline.address)):
        for run in [run for run in files if run.address == address]:
            calibration = chosen.get(run)
            if chosen and calibration is None and run != baseline:
                raise UserError(f"{args.calibration[0]}: lacks {address}, seed {run.seed}; delete it and run again")
            by_validation = (calibration.temperature, calibration.decision) if calibration else ()
            try:
                measures, drawn = discrimination.measure(
                    labels,
                    probabilities.read(files[run], "test"),
                    description.task,
                    discrimination.Chosen(*by_validation),
                    **options,
                )
            except ValueError as error:
                raise UserError(f"{files[run]}, split test: {error}") from None
            group = groups.setdefault(run.group, {"model": run.model, "seed": run.seed, "systems": {}})
            group["systems"][run.system] = {"test": reliabilities.rows(measures)}
            curves.setdefault(address, []).append((run.seed, drawn))
            stage.progress(f"{settings['dataset']}: curves of {address}, seed {run.seed}, n = {len(labels)}")
    true = membership(labels, len(description.label_names))
    classes = discrimination.curve_classes(description.task, true.shape[1], settings["positive"])
    write_json(
        args.discrimination,
        {
            "dataset": settings["dataset"],
            "flag": description.flag,
            "task": description.task,
            "label_names": description.label_names,
            "generated": description.generated,
            "positive": classes[0] if len(classes) == 1 else settings["positive"],
            "classes": classes,
            "images": len(labels),
            "with": true.sum(axis=0).tolist(),
            "confidence": settings["confidence"],
            "prevalences": settings["prevalences"],
            "selected": selected,
            "network": network,
            "baseline": baseline.address,
            "groups": list(groups.values()),
            "curves": [_of_system(address, runs, classes, settings) for address, runs in curves.items()],
            "places": {name: places.tolist() for name, places in discrimination.PLACES.items()},
        },
    )


def _of_system(address, runs, classes, settings):
    """The curves of one system, over its runs."""
    from medfusion.evaluation.discrimination import mean_band
    from medfusion.files.discriminations import curve

    bands = {
        name: mean_band([drawn.bands[name] for _, drawn in runs], name, settings["confidence"])
        for name in runs[0][1].bands
    }
    each = {
        name: np.mean([drawn.classes[name] for _, drawn in runs], axis=0)
        for name in runs[0][1].classes
        if len(classes) > 1
    }
    return curve(address, [seed for seed, _ in runs], bands, each)


if __name__ == "__main__":
    stage.run(main, parser())
