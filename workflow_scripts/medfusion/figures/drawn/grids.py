"""The grid of each classifier as heat maps, the chosen hyperparameters marked."""

from typing import Any

from medfusion.figures.drawn import Drawn
from medfusion.files.artifacts import read_record


def draw(settings: dict[str, Any], grid: list[str], best: list[str], data: list[str]) -> Drawn:
    """The figure `grids`, from grid.csv and best.json files in the settings' order; prepared splits name the data."""
    from medfusion.figures import choice_figures
    from medfusion.figures.figure_parts import data_line
    from medfusion.files.tables import read_table

    measures = ("accuracy", "auroc", "log_loss", "seconds")
    keys = ("hyperparameters", "selection", "criterion", "compared_images")
    tables, named, chosen = {}, {}, {}
    for (name, title), table, selection in zip(settings["classifiers"], grid, best, strict=True):
        tables[name] = named[title] = read_table(table, measures)
        chosen[title] = read_record(selection, keys)
    figure = choice_figures.grids(named, chosen, data_line(settings["name"], data))
    return {"grids": (figure, choice_figures.grid_numbers(tables))}
