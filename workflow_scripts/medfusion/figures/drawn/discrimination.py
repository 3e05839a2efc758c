"""Discrimination between the classes: ROC and precision-recall curves, net benefit."""

from typing import Any

from medfusion.figures.drawn import Drawn


def draw(settings: dict[str, Any], measured: str) -> Drawn:
    """The figure `roc`, from what was measured on the test split (JSON)."""
    from medfusion.figures import discrimination_figures as figures
    from medfusion.files import discriminations

    found = discriminations.read(measured, settings["display_names"])
    return {"roc": (figures.curves(found), figures.curve_numbers(found))}
