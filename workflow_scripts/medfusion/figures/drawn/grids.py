"""The grid of settings of each classifier as heat maps, the chosen cell marked."""

from typing import Any

from medfusion.figures.drawn import Drawn
from medfusion.files.artifacts import read_record
from medfusion.files.prepared import data_line


def draw(settings: dict[str, Any], grid: list[str], best: list[str], data: list[str]) -> Drawn:
    """The figure `grids`, from grid.csv and best.json files in the settings' order; prepared splits name the data."""
    from medfusion.figures import choice_figures
    from medfusion.files.tables import read_table

    names = settings["classifiers"]
    measures = ("accuracy", "auroc", "log_loss", "seconds")
    tables = {name: read_table(path, measures) for name, path in zip(names, grid, strict=True)}
    selections = {
        name: read_record(path, ("cell", "selection", "criterion", "compared_images"))
        for name, path in zip(names, best, strict=True)
    }
    named = {settings["classifiers"][name]: table for name, table in tables.items()}
    chosen = {settings["classifiers"][name]: selection for name, selection in selections.items()}
    figure = choice_figures.grids(named, chosen, data_line(settings["name"], data))
    return {"grids": (figure, choice_figures.grid_numbers(tables))}
