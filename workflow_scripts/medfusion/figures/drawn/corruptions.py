"""What corrupted test images cost: a panel for each corruption."""

from typing import Any

from medfusion.figures.drawn import Drawn


def draw(settings: dict[str, Any], measured: str, ranking: str, data: list[str]) -> Drawn:
    """The figure `corruptions`, from the table of measures and the ranking; the prepared test split names the data."""
    from medfusion.evaluation.corruptions import drawn
    from medfusion.figures import corruption_figures
    from medfusion.files import corrupted_files, rankings
    from medfusion.files.images import describe
    from medfusion.naming import Names, data_name

    table = corrupted_files.read(measured)
    systems = drawn(table, rankings.read(ranking).systems)
    source = data_name(settings["name"], describe(data[0]).generated)
    figure = corruption_figures.severities(table, systems, Names(settings["systems"]), source)
    return {"corruptions": (figure, corruption_figures.severity_numbers(table, systems))}
