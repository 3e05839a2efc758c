"""The figures of the page: which section each belongs to, and what it says in words."""

from collections.abc import Mapping

from medfusion.figures.registry import FIGURES, Figure
from medfusion.report.page_components import Picture, picture

OTHER = "other"
# Folders of a data set that are named after no model.
ASIDE = (
    *("inspect", "audit", "results", "studies", "learning_curve", "reliability", "corruptions", "examples"),
    *("ablations", "labels", "discrimination"),
)


def rank(name: str) -> int:
    """The place of a figure on the page."""
    last = name.rpartition("/")[2]
    return list(FIGURES).index(last) if last in FIGURES else len(FIGURES)


def read_picture(
    name: str, path: str, data: str, captions: Mapping[str, str], models: Mapping[str, str]
) -> tuple[str, Picture]:
    """A figure with the section it belongs to.

    Parameters
    ----------
    name : path below the results folder without suffix: data set, then what the figure is of, then its own name
    path : of the file
    data : name of the data set, which the figure itself says too, for its alternative text
    captions : by the figures' own names
    models : names of models, by key
    """
    _, *middle, last = name.split("/")
    figure = FIGURES.get(last, Figure(OTHER, last.replace("_", " ").capitalize()))
    parts = [part for part in middle if part not in ASIDE]
    of = ", ".join(
        f"seed {part[4:]}" if part.startswith("seed") and part[4:].isdigit() else models[part] for part in parts
    )
    title = f"{figure.title}: {of}" if of else figure.title
    return figure.section, picture(name, path, title, captions.get(last, ""), f"{title}. {data}.")
