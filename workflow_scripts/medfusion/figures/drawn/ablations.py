"""What accuracy changes, seed by seed, with what is other in derived models."""

from typing import Any

from medfusion.figures.drawn import Drawn


def draw(settings: dict[str, Any], metrics: list[str]) -> Drawn:
    """The figure `contributions`, from the metrics.json files of derived models and of their bases."""
    from medfusion.evaluation import ablations
    from medfusion.figures import ablation_figures
    from medfusion.files.metric_files import read_metrics, tidy

    table = tidy(read_metrics(metrics, settings["display_names"]))
    rows = ablations.paired(table, settings["comparisons"])
    named = rows.replace({"base": settings["models"], "system": settings["systems"]})
    figure = ablation_figures.contributions(named, settings["confidence"], table["name"].iloc[0])
    return {"contributions": (figure, ablation_figures.contribution_numbers(rows))}
