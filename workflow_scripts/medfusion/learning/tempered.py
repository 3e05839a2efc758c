"""A fitted classifier with a temperature, as files and model packages hold it."""

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from medfusion.learning import margins
from medfusion.learning.calibration import scale


class Tempered(ClassifierMixin, BaseEstimator):
    """A fitted classifier whose probabilities are scaled by a temperature, which changes no prediction.

    Parameters
    ----------
    estimator : fitted; with probabilities, or with the scores of a `margins.PairwiseSVC`
    temperature : above 0, as `calibration.choose_temperature` finds it
    """

    def __init__(self, estimator: BaseEstimator, temperature: float):
        self.estimator = estimator
        self.temperature = temperature

    @property
    def classes_(self) -> np.ndarray:
        """The labels in the order of the probabilities."""
        return self.estimator.classes_

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """Class probabilities, float64 (n, k)."""
        return scale(untempered(self.estimator, X), self.temperature)

    def predict(self, X: np.ndarray) -> np.ndarray:
        """The most probable class, (n,)."""
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


def check_fitted(model: BaseEstimator) -> None:
    """Raise scikit-learn's error for what is no fitted classifier, with or without a temperature."""
    check_is_fitted(model.estimator if isinstance(model, Tempered) else model)


def untempered(model: BaseEstimator, features: np.ndarray) -> np.ndarray:
    """What a fitted classifier says of features (n, d) before a temperature: float64 (n, k), rows summing to 1."""
    if hasattr(model, "predict_proba"):
        return model.predict_proba(features)
    return margins.probabilities(model.decision_function(features))
