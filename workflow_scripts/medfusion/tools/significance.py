"""Whether two runs differ in one measure of one system by more than chance, by the strongest test that they allow."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import ttest_ind_from_stats
from statsmodels.stats.proportion import proportions_ztest

from medfusion.evaluation.paired_tests import accuracy_difference

LEVEL = 0.05


@dataclass(frozen=True)
class Test:
    """A test's name as tables print it, and its two-sided p value; None where there is none to make."""

    name: str
    p: float | None = None


def paired(old: Sequence[np.ndarray], new: Sequence[np.ndarray]) -> Test:
    """Sign flips over the same images of the difference of mean accuracy; of one seed each, McNemar's exact test.

    Parameters
    ----------
    old, new : for each seed of either run, which images it got right, bool (n,)
    """
    name = f"sign flips, exact, {len(old)} seeds" if len(old) == len(new) else "sign flips, exact, over all seeds"
    if len(old) == len(new) == 1:
        name = "McNemar, exact"
    return Test(name, accuracy_difference(np.stack(new), np.stack(old), 1 - LEVEL).p)


def unpaired(metric: str, old: Sequence[float], new: Sequence[float], n: tuple[int, int]) -> Test:
    """A weaker test where single predictions are not at hand: of seeds' values, or of shares of right images.

    Welch's t test with two seeds or more on both sides, else for the accuracy the two-proportion z test, as if the
    runs had been measured on different images.

    Parameters
    ----------
    metric : its name
    old, new : values of the runs' seeds
    n : test images of either
    """
    if min(len(old), len(new)) >= 2:
        sds = np.std(old, ddof=1), np.std(new, ddof=1)
        if not any(sds):
            return Test("none: no spread over seeds")
        p = ttest_ind_from_stats(np.mean(old), sds[0], len(old), np.mean(new), sds[1], len(new), equal_var=False).pvalue
        return Test("Welch, over seeds (weaker)", float(p))
    if metric != "accuracy":
        return Test("none: one seed")
    means = np.mean(old), np.mean(new)
    if means[0] == means[1]:
        return Test("two-proportion z (weaker)", 1.0)
    p = proportions_ztest(np.multiply(means, n), n)[1]
    return Test("two-proportion z (weaker)", float(p))
