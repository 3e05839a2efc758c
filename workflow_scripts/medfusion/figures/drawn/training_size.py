"""Test accuracy against the number of training images, with error bars over repeats."""

from typing import Any

from medfusion.figures.drawn import Drawn
from medfusion.files import images


def draw(settings: dict[str, Any], metrics: list[str], train: str) -> Drawn:
    """The figure `training_size`, from metrics.json files of repeats; the training split says how many 'all' are."""
    from medfusion.figures import curve_figures
    from medfusion.files.metric_files import read_metrics, tidy

    table = tidy(read_metrics(metrics, settings["display_names"]))
    points = table[(table["metric"] == "accuracy") & (table["split"] == "test")]
    total = str(len(images.read_labels(train)))
    sizes = points["system"].replace("all", total).astype(int)
    points = points.assign(size=sizes).rename(columns={"seed": "repeat"}).sort_values(["size", "repeat"])
    figure = curve_figures.training_size(points, f"{table['name'].iloc[0]} · test n = {points['n'].iloc[0]:,}")
    return {"training_size": (figure, points[["size", "repeat", "value", "low", "high", "n"]])}
