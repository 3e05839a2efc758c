"""Rank the systems of a data set by their validation images; the first is the selected one, wherever one is."""

from collections import Counter

from medfusion.errors import UserError
from medfusion.files import images, probabilities
from medfusion.jobs import stage
from medfusion.system_id import SystemId


def parser():
    result = stage.parser(__doc__)
    result.add_input("--metrics", nargs="+", metavar="PATH", help="metrics.json files of candidates and baselines")
    result.add_input("--systems", nargs="+", metavar="PATH", help="candidates' probabilities (HDF5), in that order")
    result.add_input("--val", help="prepared validation split, for its labels (HDF5)")
    result.add_output("--ranking", help="CSV file to write, a row a system")
    return result


def main(args, settings):
    from medfusion.evaluation import ranking
    from medfusion.files import rankings
    from medfusion.files.metric_files import read_metrics, tidy

    table = tidy(read_metrics(args.metrics, {settings["dataset"]: {"name": settings["dataset"]}}))
    labels, sums, runs = images.read_labels(args.val), {}, Counter()
    for run, path in zip(settings["systems"], args.systems, strict=True):
        address = SystemId(*run).address
        try:
            found = contributions(path, labels, settings["criterion"])
        except (ValueError, IndexError) as error:
            raise UserError(f"{path}: {error}; delete it and run again") from None
        sums[address] = {name: values + sums.get(address, {}).get(name, 0) for name, values in found.items()}
        runs[address] += 1

    def of_system(address, measure):
        if address not in runs:
            raise UserError(f"{args.metrics[0]}: measures of {address}, which is no candidate; delete it and run again")
        return sums[address][measure] / runs[address]

    drawn = settings["replicates"], settings["bootstrap_seed"]
    found = ranking.rank(table, settings["criterion"], of_system, labels, *drawn)
    rankings.write(args.ranking, found, table["name"].iloc[0])
    good = sum(system.equally_good for system in found.systems)
    stage.progress(
        f"{settings['dataset']}: selected {found.systems[0].address}, of {len(found.systems)} systems; {good} of them "
        f"are equally good on {len(labels):,} validation images by {settings['criterion']}"
    )


def contributions(path, labels, criterion):
    """What each validation image adds to the deviation of a run's measures, as `evaluate` takes them.

    Float64 (n,) of the criterion, and of what decides between systems that are equal by it.
    """
    from medfusion.learning import choosing
    from medfusion.learning.calibration import scale

    values = probabilities.read(path, "val")
    if len(values) != len(labels):
        raise ValueError(f"{len(values)} validation images, expected {len(labels)}")
    scaled = scale(values, probabilities.temperature(path))
    return {
        name: choosing.contributions(scaled if name == "log_loss" else values, labels, name)
        for name in {criterion, "accuracy", "log_loss"}
    }


if __name__ == "__main__":
    stage.run(main, parser())
