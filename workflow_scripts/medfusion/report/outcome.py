"""The end of a run in a few lines for the terminal: what was selected, what it reached, what to bear in mind."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from medfusion.display_names import system_names
from medfusion.files import rankings
from medfusion.files.comparison_files import read_comparisons
from medfusion.report.paired import duplicates_clause


def lines(config: dict[str, Any], results: str) -> Iterator[str]:
    """A line for each data set.

    Parameters
    ----------
    config : complete
    results : folder of the page
    """
    for key, entry in config["datasets"].items():
        selected = rankings.read(f"{results}/{key}/ranking.csv").systems[0]
        name, accuracy, auroc = system_names(config, key)[selected.address], selected.test_accuracy, selected.test_auroc
        compared = Path(results, key, "comparisons.json")  # not of several labels at once
        caveat = duplicates_clause(read_comparisons(str(compared)), entry) if compared.exists() else ""
        yield (
            f"{key}: selected {name}: test accuracy {accuracy.mean:.3f} ({accuracy.low:.3f} to {accuracy.high:.3f}), "
            f"AUROC {auroc.mean:.3f}, n = {accuracy.n:,}. {caveat}".rstrip()
        )
