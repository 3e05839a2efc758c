"""Choose test images to show one by one: confident errors, confused classes, where network and SVM disagree."""

import argparse
from typing import Any

from medfusion.errors import UserError
from medfusion.files import images, probabilities
from medfusion.files.artifacts import write_json
from medfusion.jobs import stage
from medfusion.system_id import SystemId

ERRORS = 18  # shown at most
PAIRS = 10  # of confused classes; the gallery shows the first of them
EACH = 6  # images of a pair, or of a kind of disagreement


def parser() -> argparse.ArgumentParser:
    """The arguments of the stage."""
    result = stage.parser(__doc__)
    result.add_input("--ranking", help="ranking of the candidates (CSV)")
    result.add_input(
        "--systems", nargs="+", metavar="PATH", help="probabilities of their first runs (HDF5), in the settings' order"
    )
    result.add_input("--test-labels", help="labels of the test split (HDF5)")
    result.add_output("--examples", help="JSON file to write: indices, labels, probabilities")
    return result


def main(args: argparse.Namespace, settings: dict[str, Any]) -> None:
    """Write the selection."""
    from medfusion.evaluation.examples import Judgement, disagreements
    from medfusion.files import rankings

    description, labels = images.describe(args.test_labels), images.read_labels(args.test_labels)
    seeds = {run.address: run.seed for run in (SystemId(*run) for run in settings["systems"])}
    paths = dict(zip(seeds, args.systems, strict=True))

    def judgement(address: str) -> Judgement:
        try:
            return Judgement(labels, probabilities.read(paths[address], "test"), description.task)
        except ValueError as error:
            raise UserError(f"{paths[address]}: {error}; delete it and run again") from None

    best = rankings.read(args.ranking, seeds).systems[0]
    of_best = judgement(best.address)

    studied = settings["studied"]
    network, svm, fusion = (
        judgement(f"{studied['model']}/{system}") if system else None
        for system in ("cnn", studied["svm"], studied["fusion"])
    )
    wrong = int((~of_best.right).sum())
    write_json(
        args.examples,
        {
            "dataset": settings["dataset"],
            "generated": description.generated,
            "n": len(labels),
            "best": {"model": best.model, "system": best.system, "seed": seeds[best.address]},
            "wrong": wrong,
            "errors": of_best.errors(ERRORS),
            "confused": of_best.confused(PAIRS, EACH),
            "studied": studied,
            "disagreements": disagreements(network, svm, fusion, EACH) if svm else None,
            "classes": network.of_each_class(),
        },
    )
    stage.progress(f"{settings['dataset']}: {best.address} is wrong on {wrong} of {len(labels)} test images")


if __name__ == "__main__":
    stage.run(main, parser())
