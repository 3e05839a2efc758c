"""The exported system at work: from images to calibrated probabilities, prediction sets and referrals."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
import onnxruntime

from medfusion.errors import UserError, first_line
from medfusion.files.artifacts import hash_file
from medfusion.learning.averages import averaged
from medfusion.learning.backbones import Backbone
from medfusion.learning.calibration import prediction_sets, scale
from medfusion.learning.fusion import fuse
from medfusion.package import contents
from medfusion.package.network_checks import check_network
from medfusion.tasks import as_stored, most_probable

OUTPUTS = ["features", "probabilities"]
Applied: TypeAlias = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]  # images to features and probabilities


class Predictions(NamedTuple):
    """What the system says of n images.

    probabilities : float64 (n, k), calibrated
    labels : int (n,), the predicted classes, by the rule that all figures were measured with
    sets : bool (n, k), the classes that the prediction sets hold
    referred : bool (n,), whether a human should look: confidence below the threshold
    at_threshold : bool (n,), whether the positive label's probability reaches the threshold that was chosen for it on
        validation; None where there is none
    """

    probabilities: np.ndarray
    labels: np.ndarray
    sets: np.ndarray
    referred: np.ndarray
    at_threshold: np.ndarray | None


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
        self._try(folder)

    def _try(self, folder: str | Path) -> None:
        """One image, of which nothing is asked but that the parts fit together."""
        package = self.package
        try:
            values = self.predict(np.zeros((1, package.size, package.size, package.channels), np.uint8)).probabilities
        except Exception as error:  # each library has exceptions of its own
            raise UserError(
                f"{folder}: its parts do not fit together ({first_line(error)}); get the model package again"
            ) from None
        if values.shape != (1, len(package.label_names)) or not np.isfinite(values).all():
            raise UserError(f"{folder}: its answers are no probabilities of its classes; get the model package again")

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        """The system's class probabilities before calibration, float64 (n, k).

        Parameters
        ----------
        images : uint8 (n, size, size, channels)
        """
        outputs = [
            averaged(network, images, entry.views)
            for network, entry in zip(self._networks, self.package.networks, strict=True)
        ]
        values = []
        for member in self.package.members:
            features, own = outputs[member.network]
            found = self._classifiers[member.classifier].predict_proba(features) if member.classifier else own
            values.append(scale(as_stored(found), member.temperature))  # as between the stages
        return fuse(values, np.array([member.weight for member in self.package.members]))

    def predict(self, images: np.ndarray) -> Predictions:
        """Everything that the system says of images, uint8 (n, size, size, channels)."""
        return self.answers(self.probabilities(images))

    def answers(self, values: np.ndarray) -> Predictions:
        """What follows from the probabilities before calibration, float64 (n, k)."""
        package, calibration = self.package, self.package.calibration
        scaled = scale(values, calibration.temperature)
        sets = prediction_sets(scaled, calibration.marginal)
        reached = None
        if calibration.decision is not None:
            reached = scaled[:, package.positive] >= calibration.decision
        referred = scaled.max(axis=1) < calibration.referral
        return Predictions(scaled, most_probable(values, package.task), sets, referred, reached)


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
    """A network in ONNX: from uint8 images (n, H, W, C) to features and probabilities.

    Raises
    ------
    UserError
        If the file is none.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = threads
    try:
        check_network(path)
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the runtime has an exception for each of its states
        raise UserError(f"{path}: cannot be loaded ({first_line(error)}); get the model package again") from None
    return lambda images: tuple(session.run(OUTPUTS, {"images": np.ascontiguousarray(images)}))
