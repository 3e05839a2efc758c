"""The end of a run in a few lines for the terminal: what was selected, what it reached, what to bear in mind."""

from collections.abc import Iterator, Mapping
from typing import Any

from medfusion.display_names import system_names
from medfusion.files import rankings
from medfusion.files.comparison_files import read_comparisons
from medfusion.report.paired import duplicates_clause


def lines(config: dict[str, Any], tables: Mapping[str, str]) -> Iterator[str]:
    """A line for each data set.

    Parameters
    ----------
    config : complete
    tables : paths of the page's tables by name, as `page.render` takes them
    """
    for key in config["datasets"]:
        selected = rankings.read(tables[f"{key}/ranking"]).systems[0]
        name, accuracy, auroc = system_names(config, key)[selected.address], selected.test_accuracy, selected.test_auroc
        compared = tables.get(f"{key}/comparisons")
        caveat = duplicates_clause(read_comparisons(compared)) if compared else ""
        yield (
            f"{key}: selected {name}: test accuracy {accuracy.mean:.3f} ({accuracy.low:.3f} to {accuracy.high:.3f}), "
            f"AUROC {auroc.mean:.3f}, n = {accuracy.n:,}. {caveat}".rstrip()
        )
