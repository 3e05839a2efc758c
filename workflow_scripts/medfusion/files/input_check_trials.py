"""input_check.json: how many images of which kinds the input check of the exported system flags.

The file holds an object:

    dataset   key of the data set
    other     key of the data set whose images are the condition "other"; null without another
    networks  of each network of the system: model, seed, kind of its check, mean AUROCs of all kinds (`auroc`)
    trials    of each condition and severity the fields of `Trial`
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from medfusion.errors import UserError
from medfusion.files.artifacts import read_record
from medfusion.learning.input_check import KINDS


@dataclass(frozen=True)
class Trial:
    """What the exported system says of some images.

    condition : "clean", a corruption, "noise", "white", "black", or "other": of another data set
    severity : 1 to 5 of a corruption, else 0
    n : number of images
    flagged : of these, those that are called unlike the training images
    unsure : those that are referred for their confidence
    referred : those that are referred for one of these, or both
    """

    condition: str
    severity: int
    n: int = 0
    flagged: int = 0
    unsure: int = 0
    referred: int = 0

    def more(self, flagged: np.ndarray, unsure: np.ndarray) -> "Trial":
        """With further images, bool (n,) each."""
        return replace(
            self,
            n=self.n + len(flagged),
            flagged=self.flagged + int(flagged.sum()),
            unsure=self.unsure + int(unsure.sum()),
            referred=self.referred + int((flagged | unsure).sum()),
        )

    def in_words(self) -> str:
        """A line for the log."""
        severity = f", severity {self.severity}" if self.severity else ""
        return f"{self.condition}{severity}: {self.flagged} of {self.n} flagged, {self.unsure} of low confidence"


@dataclass(frozen=True)
class Trials:
    """A whole input_check.json; see there."""

    other: str | None
    networks: tuple[Mapping[str, Any], ...]
    trials: tuple[Trial, ...]


def read(path: str | Path) -> Trials:
    """Read input_check.json.

    Raises
    ------
    UserError
        If the file is missing, is not JSON, or holds something else.
    """
    content = read_record(path, ("dataset", "other", "networks", "trials"))
    try:
        trials = tuple(Trial(**fields) for fields in content["trials"])
        for trial in trials:
            counts = (trial.flagged, trial.unsure, trial.referred)
            if not all(0 <= count <= trial.n for count in counts) or trial.n < 1:
                raise ValueError(f"counts of {trial.condition}")
        networks = tuple(content["networks"])
        if not networks or any(network["kind"] not in KINDS for network in networks):
            raise ValueError("kinds of checks")
        if not trials or trials[0].condition != "clean":
            raise ValueError("no images as they are")
        means = [float(network["auroc"][network["kind"]]) for network in networks]
        if not all(0 <= mean <= 1 for mean in means):
            raise ValueError("AUROCs")
        return Trials(content["other"], networks, trials)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path}: not what apply_input_check writes ({error!r}); delete it and run again") from None
