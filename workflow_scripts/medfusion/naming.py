"""How names, counts and settings are written in figures, tables and the page."""

import textwrap
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from medfusion.files.images import Description

# Of the criteria that validation chooses by, as texts say them.
CRITERIA = {"log_loss": "log loss", "auroc": "AUROC", "accuracy": "accuracy"}


def class_names(names: Sequence[str], width: int = 16, lines: int = 4) -> list[str]:
    """Class names for tick labels: without what stands in brackets, wrapped, unless two would become equal.

    Of more than so many lines the rest is cut; names that are equal then have the number of their label before them.

    >>> class_names(["immature granulocytes(myelocytes, ...)", "platelet"])
    ['immature\\ngranulocytes', 'platelet']
    """
    short = [name.partition("(")[0].strip() or name for name in names]
    if len(set(short)) < len(short):
        short = list(names)
    cut = [_cut(name, width, lines) for name in short]
    if len(set(cut)) < len(set(short)):
        cut = [_cut(f"{label}: {name}", width, lines) for label, name in enumerate(short)]
    return cut


def _cut(name: str, width: int, lines: int) -> str:
    if any(unicodedata.east_asian_width(letter) in "WF" for letter in name):  # of two columns each
        width = max(width // 2, 2)
    wrapped = textwrap.wrap(name, width)
    kept = wrapped[:lines]
    if len(wrapped) > lines:
        kept[-1] = kept[-1][: width - 1] + "…"
    return "\n".join(kept)


def intervals(confidence: str, kinds: str) -> str:
    """What stands under a figure.

    >>> intervals("95 %", "Wilson")
    'the 95 % interval (Wilson); of several seeds that of their mean, which allows for other images and other seeds'
    """
    return (
        f"the {confidence} interval ({kinds}); of several seeds that of their mean, which allows for other images and "
        "other seeds"
    )


def data_name(name: str, generated: bool) -> str:
    """The name of a data set, which says so if its images were generated."""
    return f"{name} (generated images)" if generated and "generated" not in name else name


class Names(dict[str, str]):
    """Display names of systems by address, or of parts by key; what has none is called by that.

    >>> Names({"net/cnn": "Net alone"})["net/cnn"], Names()["net/cnn"]
    ('Net alone', 'net/cnn')
    """

    def __missing__(self, key: str) -> str:
        return key


@dataclass(frozen=True)
class DisplayNames:
    """What figures call a data set and its classes.

    name : says so if the images were generated
    label_names : one per class, in label order
    systems : names of systems, by address
    """

    name: str
    label_names: tuple[str, ...]
    systems: Names = field(default_factory=Names)


def display_names(description: Description, settings: dict[str, Any]) -> DisplayNames:
    """The names that the configuration gives to described data: "name", "label_names" unless None, "systems" if any."""
    return DisplayNames(
        data_name(settings["name"], description.generated),
        tuple(settings["label_names"] or description.label_names),
        Names(settings.get("systems", {})),
    )


def span(values: Sequence[Any], one: str, many: str) -> str:
    """Few values in full, many as a count.

    >>> span([1, 2, 3], "seed", "seeds"), span([4], "seed", "seeds"), span(range(9), "seed", "seeds")
    ('seeds 1, 2, 3', 'seed 4', '9 seeds')
    """
    if len(values) > 6:
        return f"{len(values)} {many}"
    return f"{one if len(values) == 1 else many} {', '.join(str(value) for value in values)}"


def no_learning_curves(commonest: int, folds: int) -> str:
    """Why the learning curves of classifiers are left out: the training images of the commonest class are too few."""
    return (
        f"Learning curves are left out: the commonest class has {commonest} training images; {folds} folds "
        f"(studies.folds) need at least {folds} of it."
    )


def setting(value: Any) -> str:
    """A grid setting as text: a whole number without its point, nothing as "none".

    >>> setting(5.0), setting(0.1), setting(float("nan")), setting("rbf")
    ('5', '0.1', 'none', 'rbf')
    """
    if value is None or value != value:
        return "none"
    return f"{value:g}" if isinstance(value, int | float) else str(value)


def percent(share: float, decimals: int | None = None) -> str:
    """A share in per cent, the sign kept on the number's line; without decimals as many as it has, as a setting.

    >>> percent(0.955, 1), percent(0.95), percent(0.975)
    ('95.5\\xa0%', '95\\xa0%', '97.5\\xa0%')
    """
    text = f"{round(100 * share, 6):g}" if decimals is None else f"{100 * share:.{decimals}f}"
    return f"{text}\N{NO-BREAK SPACE}%"
