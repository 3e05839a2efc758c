"""The gallery of images whose labels may be wrong."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from medfusion.figures.example_figures import ACROSS, gallery
from medfusion.figures.montage import message
from medfusion.files.label_audits import SPLITS
from medfusion.naming import DisplayNames, class_names

SHOWN = ACROSS  # images of each split


def chosen(table: pd.DataFrame) -> pd.DataFrame:
    """Of each split the flagged images with the lowest scores, at most `SHOWN`, equals by their index."""
    flagged = table[table["flagged"]].sort_values(["score", "index"])
    return flagged.groupby("split").head(SHOWN)


def mislabelled(
    table: pd.DataFrame, shown_rows: pd.DataFrame, pictures: Mapping[tuple[str, int], np.ndarray], display: DisplayNames
) -> Figure:
    """These images, the most doubtful first; under each its label with its probability, and the suggested class.

    Parameters
    ----------
    table : as `label_audits.read` has it
    shown_rows : as `chosen` has them
    pictures : uint8 (H, W, C) by split and index
    """
    title = f"{display.name}: labels that may be wrong"
    if not len(shown_rows):
        return message(f"No label of {len(table):,} is flagged.", title)
    names = class_names(display.label_names, 10**6)
    groups = []
    for split in SPLITS:
        part = table[table["split"] == split]
        rows: Iterable[Any] = shown_rows[shown_rows["split"] == split].itertuples()
        cells = [
            (
                pictures[split, row.index],
                f"{names[row.label]} {row.score:.2f}\nor {names[row.suggested]}?",
                bool(row.opposite_split),
            )
            for row in rows
        ]
        groups.append((f"{split}: {part['flagged'].sum():,} of {len(part):,} labels flagged", cells))
    return gallery(groups, f"{title} (red: a near-duplicate has another label)")
