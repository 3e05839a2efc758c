"""Prediction sets of a system that is averaged over folds: CV+ (Barber et al. 2021; Romano, Sesia & Candès 2020).

Each image of the folds has a score from the one fold that did not see it, and a new image has one from each fold: so
all images serve for training and for calibration. With a coverage of 1 - a intended, exchangeable images are covered
with a probability of at least 1 - 2a (but for a term that vanishes with the images in a fold), in practice about 1 - a.
"""

import numpy as np

from medfusion.evaluation.metrics import Measure, proportion
from medfusion.files.fold_ensembles import FoldEnsemble


def prediction_sets(
    out_of_fold: np.ndarray,
    fold: np.ndarray,
    labels: np.ndarray,
    members: np.ndarray,
    coverage: float,
    by_class: bool = False,
) -> np.ndarray:
    """The prediction set of each new image.

    It holds a class if fewer than coverage × (n + 1) images out of fold have a lower score for their true class than
    the new image has for this class, by the network of the same fold. A score is 1 - the probability.

    Parameters
    ----------
    out_of_fold : float (n, k), probabilities of the images of the folds by the fold that did not see each
    fold, labels : integers (n,), that fold from 0, and the true class
    members : float (folds, m, k), probabilities of new images by each fold
    coverage : above 0, below 1
    by_class : whether a class is held against the images of that class alone

    Returns
    -------
    bool (m, k)
    """
    scores = 1 - out_of_fold[np.arange(len(labels)), labels]
    result = np.empty(members.shape[1:], bool)
    for label in range(members.shape[2]):
        own = labels == label if by_class else np.ones(len(labels), bool)
        lower = np.zeros(members.shape[1], np.int64)
        for number, values in enumerate(members):
            of_fold = np.sort(scores[own & (fold == number)])
            lower += np.searchsorted(of_fold, 1 - values[:, label], side="left")
        # Rounded, because 0.55 * 100 is a little more than 55 to a computer.
        result[:, label] = lower < round((own.sum() + 1) * coverage, 9)
    return result


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
