"""Compare every system with the selected one, and measure all with and without near-duplicates of training images."""

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
    result.add_input("--ranking", help="ranking of the systems (CSV)")
    result.add_input("--systems", nargs="+", metavar="PATH", help="probabilities (HDF5), in the settings' order")
    result.add_input("--test-labels", help="labels of the test split (HDF5)")
    result.add_input("--near-duplicates", help="counts of near-duplicates, with the test images that have one (.json)")
    result.add_output("--comparisons", help="JSON file to write")
    return result


def main(args: argparse.Namespace, settings: dict[str, Any]) -> None:
    """Write the comparisons, and the measures on both parts of the test images."""
    from dataclasses import asdict

    from medfusion.evaluation import comparisons
    from medfusion.files import rankings

    dataset = settings["dataset"]
    order = [row.address for part in rankings.read(args.ranking) for row in part]
    description = images.describe(args.test_labels)
    labels = images.read_labels(args.test_labels)
    threshold, having = near_duplicates(args.near_duplicates, len(labels))
    parts = {"without": ~having, "with": having} if 0 < having.sum() < len(labels) else {}
    runs, measured, predictions = {}, {}, {}
    for one, path in zip(settings["systems"], args.systems, strict=True):
        system = SystemId(*one)
        values = probabilities.read(path, "test")
        name = system.address
        try:
            run = comparisons.measured(labels, values, description.task, probabilities.temperature(path))
            found = measure_parts(labels, values, description.task, parts, settings["confidence"])
        except ValueError as error:
            raise UserError(f"{path}: {error}") from None
        runs.setdefault(name, []).append(run)
        predictions.setdefault(name, []).append(values)
        measured.setdefault(name, []).append({"seed": system.seed, **found})
        stage.progress(f"{settings['title']}: {len(settings['systems'])} runs to compare: measured {path}")
    if set(order) != set(runs):
        absent = ", ".join(sorted(set(order) ^ set(runs)))
        raise UserError(
            f"{args.ranking}: not of the systems that are to be compared ({absent}); delete it and run again"
        )
    best, *others = order
    known, same_as = {}, {}
    for name in order:
        first = known.setdefault(comparisons.fingerprint(predictions[name]), name)
        if first != name:
            same_as[name] = first
    distinct = {name: runs[name] for name in others if name not in same_as}
    compared = comparisons.compare(labels, runs[best], distinct, settings["confidence"])
    itself = comparisons.compare(labels, runs[best], {best: runs[best]}, settings["confidence"])
    compared |= {name: (itself | compared)[first] for name, first in same_as.items()}
    gains = []
    for fusion, members in settings["fusions"].items():
        member = next(name for name in order if name in members)
        found = comparisons.gain(labels, runs[fusion], runs[member], settings["confidence"])
        entry = {"system": fusion, "member": member}
        for name, one in found.items():
            entry[name] = {"difference": one.value, "low": one.low, "high": one.high, "p": one.p}
        gains.append(entry)
    gains.sort(key=lambda entry: order.index(entry["system"]))
    write_json(
        args.comparisons,
        {
            "dataset": dataset,
            "flag": description.flag,
            "generated": description.generated,
            "split": "test",
            "n": len(labels),
            "confidence": settings["confidence"],
            "best": best,
            "family": len(distinct),
            "systems": [
                {
                    "system": name,
                    "same_as": same_as.get(name),
                    "runs": len(runs[name]),
                    **{measure: asdict(comparison) for measure, comparison in compared[name].items()},
                }
                for name in others
            ],
            "primary": primary(labels, runs, settings),
            "fusions": gains,
            "near_duplicates": {
                "threshold": threshold,
                "images": int(having.sum()),
                "parts": {
                    part: {"n": int(chosen.sum()), "classes": class_counts(labels[chosen], description)}
                    for part, chosen in parts.items()
                },
                "systems": [{"system": name, "runs": measured[name]} for name in (best, *others)] if parts else [],
            },
        },
    )


def primary(labels, runs, settings):
    """The comparisons that were declared beforehand, a family of their own; None where none were."""
    from dataclasses import asdict

    from medfusion.evaluation import comparisons

    if not settings["primary"]:
        return None
    measure, pairs = settings["primary"]["measure"], settings["primary"]["compare"]
    compared = [(runs[first], runs[second]) for first, second in pairs]
    found = comparisons.compare_pairs(labels, compared, measure, settings["confidence"])
    rows = [
        {"first": first, "second": second, measure: asdict(one)}
        for (first, second), one in zip(pairs, found, strict=True)
    ]
    return {"measure": measure, "pairs": rows}


def near_duplicates(path, n):
    """The threshold of near-duplicates; and which of the test images have one in training, bool (n,)."""
    import numpy as np

    summary = read_record(path, ("threshold", "splits", "images"))
    across = [part for part in summary["splits"] if (part["first"], part["second"]) == ("train", "test")]
    if len(across) != 1 or summary["images"].get("test") != n:
        raise UserError(f"{path}: not of training images and {n:,} test images; delete it and run again")
    having = np.zeros(n, dtype=bool)
    having[across[0]["indices"]] = True
    return summary["threshold"], having


def measure_parts(labels, values, task, parts, confidence):
    """Accuracy and AUROC of one run on each part; an AUROC is null where a class has too few images."""
    from medfusion.evaluation.image_parts import measure_part

    result = {}
    for name, part in parts.items():
        accuracy, auroc = measure_part(labels, values, task, part, confidence)
        result[name] = {"accuracy": accuracy._asdict(), "auroc": auroc._asdict() if auroc else None}
    return result


def class_counts(labels, description):
    """The number of images of each class, in label order."""
    return [int((labels == label).sum()) for label in range(len(description.label_names))]


if __name__ == "__main__":
    stage.run(main, parser())
