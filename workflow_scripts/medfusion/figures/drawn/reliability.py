"""How far probabilities can be trusted: reliability diagrams, risk-coverage curves, prediction sets."""

from typing import Any

from medfusion.figures.drawn import Drawn


def draw(settings: dict[str, Any], measured: str) -> Drawn:
    """The figures `reliability`, `risk_coverage` and `conformal`, from what was measured on the test split (JSON)."""
    from medfusion.figures import reliability_figures as figures
    from medfusion.files import reliabilities

    found = reliabilities.read(measured, settings["display_names"])
    return {
        "reliability": (figures.diagrams(found), figures.diagram_numbers(found)),
        "risk_coverage": (figures.risk_coverage(found), figures.risk_coverage_numbers(found)),
        "conformal": (figures.conformal(found), figures.conformal_numbers(found)),
    }
