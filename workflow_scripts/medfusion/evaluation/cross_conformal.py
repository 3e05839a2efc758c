"""What prediction sets of a system that is averaged over folds are worth on test images."""

import numpy as np

from medfusion.evaluation.metrics import Measure, proportion
from medfusion.files.fold_ensembles import FoldEnsemble
from medfusion.learning.cross_conformal import prediction_sets


def measure(labels: np.ndarray, found: FoldEnsemble, coverage: float, confidence: float) -> dict[str, list[Measure]]:
    """Of sets with one threshold for all classes ("marginal") and with one each ("by_class") the measures.

    Parameters
    ----------
    labels : int (m,), true classes of the test images
    found : the system
    coverage : intended
    confidence : nominal coverage of the (Wilson) intervals

    Returns
    -------
    By kind: shares of images whose set holds the true class, a single class, and none
    """
    result = {}
    for kind in ("marginal", "by_class"):
        parts = (found.out_of_fold, found.fold, found.labels, found.members)
        sets = prediction_sets(*parts, coverage, kind == "by_class")
        sizes = sets.sum(axis=1)
        shares = {"coverage": sets[np.arange(len(labels)), labels], "single": sizes == 1, "empty": sizes == 0}
        result[kind] = [proportion(name, int(share.sum()), len(labels), confidence) for name, share in shares.items()]
    return result
