"""The exported system at work: from images to calibrated probabilities, prediction sets and referrals."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
import onnxruntime

from medfusion.errors import UserError, first_line
from medfusion.files.artifacts import hash_file
from medfusion.learning import input_check
from medfusion.learning.averages import averaged
from medfusion.learning.backbones import Backbone
from medfusion.learning.calibration import prediction_sets, scale
from medfusion.learning.fusion import fuse
from medfusion.learning.input_check import InputCheck
from medfusion.package import contents, input_checks
from medfusion.package.network_checks import check_network
from medfusion.tasks import as_stored, most_probable

OUTPUTS = ["features", "probabilities"]
Applied: TypeAlias = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]  # images to features and probabilities


class Predictions(NamedTuple):
    """What the system says of n images.

    probabilities : float64 (n, k), calibrated
    labels : int (n,), the predicted classes, by the rule that all figures were measured with
    sets : bool (n, k), the classes that the prediction sets hold
    referred : bool (n,), whether a human should look: confidence below the threshold, or an image that is unlike the
        training images
    at_threshold : bool (n,), whether the positive label's probability reaches the threshold that was chosen for it on
        validation; None where there is none
    unlike_scores : float64 (n,), how unlike the training images each is; None where the model package has no check
    unlike : bool (n,), whether the score is above the limit; None likewise
    """

    probabilities: np.ndarray
    labels: np.ndarray
    sets: np.ndarray
    referred: np.ndarray
    at_threshold: np.ndarray | None
    unlike_scores: np.ndarray | None = None
    unlike: np.ndarray | None = None


class Predictor:
    """A model package, read and ready.

    Parameters
    ----------
    folder : the model package
    threads : processor threads a network
    backbones : files of backbones that the model package needs and does not hold

    Raises
    ------
    UserError
        If the model package is not as it was exported, or cannot be loaded, or a backbone is not given.
    """

    def __init__(self, folder: str | Path, threads: int = 1, backbones: Sequence[str | Path] = ()):
        self.package = contents.read(folder)
        given = {hash_file(path): path for path in backbones}
        self._networks = [_network(folder, network, threads, given) for network in self.package.networks]
        self._classifiers = {}
        if any(member.classifier for member in self.package.members):
            from medfusion.package import fitted  # a second for scikit-learn, which a network alone does not need

            self._classifiers = fitted.load(Path(folder, contents.CLASSIFIERS))
        self.checks: list[InputCheck] | None = None
        if self.package.input_check is not None:
            path = Path(folder, contents.INPUT_CHECK)
            self.checks = input_checks.load(path, self.package.input_check, self.package.channels)
        self._try(folder)

    def _try(self, folder: str | Path) -> None:
        """One image, of which nothing is asked but that the parts fit together."""
        package = self.package
        try:
            found = self.predict(np.zeros((1, package.size, package.size, package.channels), np.uint8))
        except Exception as error:  # each library has exceptions of its own
            raise UserError(
                f"{folder}: its parts do not fit together ({first_line(error)}); get the model package again"
            ) from None
        values, scores = found.probabilities, found.unlike_scores
        sound = scores is None or np.isfinite(scores).all()
        if values.shape != (1, len(package.label_names)) or not np.isfinite(values).all() or not sound:
            raise UserError(f"{folder}: its answers are no probabilities of its classes; get the model package again")

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        """The system's class probabilities before calibration, float64 (n, k).

        Parameters
        ----------
        images : uint8 (n, size, size, channels)
        """
        return self.said(images)[0]

    def said(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """The same, and how unlike the training images each is, float64 (n,); None without an input check."""
        outputs = self._outputs(images)
        return self._fused(outputs), self._unlike(outputs, images)

    def _outputs(self, images: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
        """Features and probabilities of each network."""
        return [
            averaged(network, images, entry.views)
            for network, entry in zip(self._networks, self.package.networks, strict=True)
        ]

    def _fused(self, outputs: list[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
        values = []
        for member in self.package.members:
            features, own = outputs[member.network]
            found = self._classifiers[member.classifier].predict_proba(features) if member.classifier else own
            values.append(scale(as_stored(found), member.temperature))  # as between the stages
        return fuse(values, np.array([member.weight for member in self.package.members]))

    def predict(self, images: np.ndarray) -> Predictions:
        """Everything that the system says of images, uint8 (n, size, size, channels)."""
        return self.answers(*self.said(images))

    def _unlike(self, outputs: list[tuple[np.ndarray, np.ndarray]], images: np.ndarray) -> np.ndarray | None:
        """How unlike the training images each is, float64 (n,)."""
        if self.checks is None:
            return None
        pairs = zip(self.checks, outputs, strict=True)
        return input_check.of_system([input_check.scores(check, features, images) for check, (features, _) in pairs])

    def answers(self, values: np.ndarray, scores: np.ndarray | None = None) -> Predictions:
        """What follows from the probabilities before calibration, float64 (n, k), and the scores of the input check."""
        package, calibration = self.package, self.package.calibration
        scaled = scale(values, calibration.temperature)
        sets = prediction_sets(scaled, calibration.marginal)
        reached = None
        if calibration.decision is not None:
            reached = scaled[:, package.positive] >= calibration.decision
        referred = scaled.max(axis=1) < calibration.referral
        unlike = None
        if scores is not None:
            unlike = scores > input_check.LIMIT
            referred = referred | unlike
        return Predictions(scaled, most_probable(values, package.task), sets, referred, reached, scores, unlike)


def _network(folder: str | Path, network: contents.Network, threads: int, given: Mapping[str, str | Path]) -> Applied:
    """One of the networks, ready; a backbone that is not in the folder is among those given, by SHA-256."""
    path = Path(folder, network.onnx) if network.onnx else None
    if network.backbone is None:
        assert path  # contents.read has seen to it
        return load(path, threads)
    if path is None and network.backbone.sha256 not in given:
        others = f", and not that of {', '.join(map(str, given.values()))}" if given else ""
        raise UserError(
            f"{folder}: needs the backbone {network.backbone.file}, which may not be passed on with it: give its file "
            f"with --backbone FILE (its SHA-256 is {network.backbone.sha256}{others})"
        )
    return Backbone(path or given[network.backbone.sha256], network.backbone.input, network.layers[0], threads)


def load(path: str | Path, threads: int = 1) -> Applied:
    """A network in ONNX: a function from uint8 images (n, H, W, C) to features (n, d) and probabilities (n, k).

    Raises
    ------
    UserError
        If the file is not such a network.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = threads
    try:
        check_network(path)
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the runtime has an exception for each of its states
        raise UserError(f"{path}: cannot be loaded ({first_line(error)}); get the model package again") from None
    return lambda images: tuple(session.run(OUTPUTS, {"images": np.ascontiguousarray(images)}))
