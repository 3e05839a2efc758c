"""Support vector machines whose scores are coupled from the margins between pairs of classes, not counted as votes.

scikit-learn's SVC gives, of more than two classes, the number of pairs that each class wins, with a tie-break of less
than one: of images that the same classes win, nothing but their number is told.
"""

from typing import Any

import numpy as np
from scipy.special import expit
from sklearn.svm import SVC

# Pairwise probabilities keep this distance from 0 and 1, LIBSVM's own, so that the equations always have one solution.
SMALLEST = 1e-7
VALUES = 2**22  # of the equations solved together, at most


class PairwiseSVC(SVC):
    """An SVC whose scores are logarithms of probabilities, of more than two classes; of two, their margin.

    The margin f between two classes is read as the logarithm of their odds; a temperature fitted afterwards says what
    a margin is worth.
    """

    def decision_function(self, X: np.ndarray) -> np.ndarray:
        """Scores, float64 (n, k), or (n,) of two classes, above 0 for the second."""
        if len(self.classes_) == 2:
            return super().decision_function(X)
        step = max(1, VALUES // len(self.classes_) ** 2)
        blocks = (super(PairwiseSVC, self).decision_function(X[at : at + step]) for at in range(0, len(X), step))
        return np.concatenate([np.log(couple(expit(block))) for block in blocks])

    def predict(self, X: np.ndarray) -> np.ndarray:
        """The class with the highest score, (n,)."""
        scores = self.decision_function(X)
        return self.classes_[(scores > 0).astype(int) if scores.ndim == 1 else scores.argmax(axis=1)]


def svc_settings(combination: dict[str, Any], width: int) -> dict[str, Any]:
    """A grid's combination as an SVC takes it: a relative gamma divided by the number of features, a margin a pair.

    Parameters
    ----------
    combination : settings of an SVC, and "relative_gamma" in the place of gamma; features are scaled, so that 1 is a
        kernel as wide as two images are apart on average
    width : number of features

    >>> svc_settings({"C": 1, "relative_gamma": 0.5}, 100)
    {'C': 1, 'gamma': 0.005, 'decision_function_shape': 'ovo'}
    """
    settings = dict(combination)
    if "relative_gamma" in settings:
        settings["gamma"] = settings.pop("relative_gamma") / width
    return {**settings, "decision_function_shape": "ovo"}


def probabilities(scores: np.ndarray) -> np.ndarray:
    """What scores of a `PairwiseSVC` say before a temperature: float64 (n, k), rows summing to 1."""
    return np.column_stack([expit(-scores), expit(scores)]) if scores.ndim == 1 else np.exp(scores)


def couple(pairs: np.ndarray) -> np.ndarray:
    """Class probabilities that agree best with pairwise ones (Wu, Lin & Weng 2004, second method).

    They minimise the sum over pairs of (r_ji p_i - r_ij p_j)^2, where r_ij is the
    probability of i if the class is i or j.

    Parameters
    ----------
    pairs : float array, shape (n, k (k - 1) / 2)
        r_ij for i < j, in the order 01, 02, ..., 12, ..., as LIBSVM has its margins.

    Returns
    -------
    float64 array, shape (n, k), above 0, rows summing to 1

    >>> couple(np.array([[0.5, 0.8, 0.8]])).round(3).tolist()
    [[0.444, 0.444, 0.111]]
    """
    k = round((1 + np.sqrt(1 + 8 * pairs.shape[1])) / 2)
    step = max(1, VALUES // (k + 1) ** 2)
    parts = [_coupled(pairs[start : start + step], k) for start in range(0, len(pairs), step)]
    return np.concatenate(parts) if parts else np.empty((0, k))


def _coupled(pairs: np.ndarray, k: int) -> np.ndarray:
    rows, columns = np.triu_indices(k, 1)
    r = np.zeros((len(pairs), k, k))
    r[:, rows, columns] = np.clip(pairs, SMALLEST, 1 - SMALLEST)
    r[:, columns, rows] = 1 - r[:, rows, columns]
    # The minimum under the condition that all sum to 1, by a Lagrange multiplier: one more row and column of ones.
    equations = np.ones((len(pairs), k + 1, k + 1))
    equations[:, :k, :k] = -r * r.transpose(0, 2, 1)
    diagonal = np.arange(k)
    equations[:, diagonal, diagonal] = (r**2).sum(axis=1)
    equations[:, k, k] = 0
    right = np.zeros((len(pairs), k + 1, 1))
    right[:, k] = 1
    found = np.maximum(np.linalg.solve(equations, right)[:, :k, 0], np.finfo(float).tiny)
    return found / found.sum(axis=1, keepdims=True)
