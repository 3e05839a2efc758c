"""Validation accuracy and log loss over the weights of each fusion, the choice marked."""

from typing import Any

from medfusion.figures.drawn import Drawn
from medfusion.files.artifacts import read_record


def draw(settings: dict[str, Any], fusion: list[str], data: list[str]) -> Drawn:
    """The figure `fusions`, from fusion.json files in the settings' order; prepared splits name the data."""
    from medfusion.figures import choice_figures
    from medfusion.figures.figure_parts import data_line

    keys = ("members", "weights", "criterion", "curve")
    contents, named = {}, {}
    for (name, title), path in zip(settings["fusions"], fusion, strict=True):
        contents[name] = content = read_record(path, keys)
        members = [settings["members"][key] for key in content["members"]]
        named[title] = {**content, "members": members, "as_original": content["members"][0] == "cnn"}
    figure = choice_figures.fusions(named, data_line(settings["name"], data))
    return {"fusions": (figure, choice_figures.fusion_numbers(contents))}
