"""Which labels may be wrong, by confident learning (Northcutt et al. 2021) as cleanlab has it: described, not decided.

A label is flagged where the probabilities say another class with more confidence than they usually do of images of that
class. Whatever a system takes for something else may so be flagged: a weak one flags its own errors.
"""

import numpy as np
import pandas as pd
from cleanlab.filter import find_label_issues
from cleanlab.rank import get_label_quality_scores

COLUMNS = ["split", "index", "label", "suggested", "score", "flagged", "opposite_split", "opposite_index"]
METHOD = "prune_by_noise_rate"  # cleanlab's default


def judge(labels: np.ndarray, probabilities: np.ndarray) -> pd.DataFrame:
    """What probabilities say of labels.

    Parameters
    ----------
    labels : int (n,), in 0 … k − 1
    probabilities : float (n, k), of images that they were not fitted on; rows of NaN where there are none

    Returns
    -------
    A row an image: label; suggested, the most probable class; score, the probability of the label (self-confidence: the
    lower, the more doubtful); flagged, bool. Without probabilities the label is suggested, score is NaN.
    """
    known = np.isfinite(probabilities).all(axis=1)
    table = pd.DataFrame({"label": labels.astype(np.int64), "suggested": labels.astype(np.int64)})
    table["score"], table["flagged"] = np.nan, False
    own, said = table["label"].to_numpy()[known], probabilities[known]
    if not len(own):
        return table
    table.loc[known, "suggested"] = said.argmax(axis=1)
    table.loc[known, "score"] = get_label_quality_scores(own, said, method="self_confidence")
    if len(np.unique(own)) > 1:  # of one class cleanlab can say nothing
        # One process, so that a job keeps to its threads.
        table.loc[known, "flagged"] = find_label_issues(own, said, filter_by=METHOD, n_jobs=1)
    return table


def audit(splits: dict[str, pd.DataFrame], opposite: list[list]) -> pd.DataFrame:
    """The table of all images, with `COLUMNS`.

    Parameters
    ----------
    splits : what `judge` returns, by split
    opposite : of images with a near-duplicate of another label split, index, and those of the other
    """
    parts = [table.assign(split=split, index=np.arange(len(table))) for split, table in splits.items()]
    columns = ["split", "index", "opposite_split", "opposite_index"]
    others = pd.DataFrame(opposite, columns=columns).astype({"index": np.int64, "opposite_index": "Int64"})
    return pd.concat(parts).merge(others, how="left", on=["split", "index"])[COLUMNS]


def summary(table: pd.DataFrame) -> dict[str, dict[str, int]]:
    """Of each split the number of images, and of those judged, taken for another class, flagged, with a near-duplicate
    of another label ("opposite"), and both of the last.
    """
    found = {}
    for split, part in table.groupby("split", sort=False):
        opposite = part["opposite_split"].notna()
        found[str(split)] = {
            "images": len(part),
            "judged": int(part["score"].notna().sum()),
            "taken": int((part["suggested"] != part["label"]).sum()),
            "flagged": int(part["flagged"].sum()),
            "opposite": int(opposite.sum()),
            "both": int((opposite & part["flagged"]).sum()),
        }
    return found
