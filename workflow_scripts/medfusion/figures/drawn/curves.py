"""Accuracy and loss over the epochs of a network, all its seeds in one figure."""

from typing import Any

from medfusion.figures.drawn import Drawn


def draw(settings: dict[str, Any], history: list[str], data: list[str]) -> Drawn:
    """The figure `curves`, from history.csv files in the order of seeds; prepared splits name the data."""
    from medfusion.figures import curve_figures
    from medfusion.figures.figure_parts import data_line
    from medfusion.files.tables import read_table

    columns = ("epoch", "loss", "accuracy", "val_loss", "val_accuracy")
    histories = {seed: read_table(path, columns) for seed, path in zip(settings["seeds"], history, strict=True)}
    figure = curve_figures.training_curves(histories, data_line(settings["name"], data))
    return {"curves": (figure, curve_figures.training_numbers(histories))}
