"""A small exported system with random weights, for the tests of what reads one."""

from dataclasses import replace
from importlib import metadata
from pathlib import Path

import numpy as np
import tensorflow_ready  # noqa: F401

from medfusion.files.calibrations import Calibration
from medfusion.learning import classifiers, input_check, input_fitting, networks
from medfusion.learning.averages import averaged
from medfusion.learning.backend import keras
from medfusion.learning.features import apply, extractor
from medfusion.package import contents, fitted, input_checks, onnx_networks, predictor
from medfusion.package.contents import Member, ModelPackage, Network

VIEWS = ("horizontal_flip",)
KEY = "net/seed1/svm"


def make(
    folder: Path,
    channels: int = 1,
    classes: int = 2,
    generated: bool = False,
    images: np.ndarray | None = None,
    labels: np.ndarray | None = None,
) -> tuple[ModelPackage, np.ndarray]:
    """Write a fusion of a network (weight 0.25) and an SVM on its features.

    Parameters
    ----------
    images, labels : that the SVM is fitted on; noise if not given

    Returns
    -------
    package : what was written
    images : uint8 (40, 28, 28, channels), or those that were given
    """
    folder.mkdir(parents=True, exist_ok=True)
    if images is None:
        images = np.random.default_rng(classes).integers(0, 256, (40, 28, 28, channels), dtype=np.uint8)
    labels = np.arange(len(images)) % classes if labels is None else labels
    keras.utils.set_random_seed(1)
    network = networks.build("compact_resnet", (28, 28, channels), classes, {"widths": [4, 8]})
    model = extractor(network, ["features"])
    network.save(folder / "network.keras")
    names = ("malignant", "normal, benign") if classes == 2 else tuple(f"class {n}" for n in range(classes))
    onnx_networks.convert(model, folder / "network.onnx", names)
    features, _ = apply(model, images, VIEWS)
    svm = {"kind": "svm", "calibration": "temperature"}
    classifier = classifiers.fit(svm, {"C": 1.0, "kernel": "rbf"}, features, labels, features, labels, 1)
    fitted.save({KEY: classifier}, folder / contents.CLASSIFIERS)
    (folder / contents.CARD).write_text("A card.\n", encoding="utf-8")
    package = ModelPackage(
        name=f"Test data{' (generated images)' if generated else ''}",
        flag="breastmnist" if classes == 2 else "bloodmnist",
        task="binary-class" if classes == 2 else "multi-class",
        generated=generated,
        label_names=names,
        size=28,
        channels=channels,
        positive=0 if classes == 2 else None,
        networks=(Network("net", 1, "network.keras", "network.onnx", ("features",), VIEWS),),
        members=(Member(0, None, 0.25, 0.8), Member(0, KEY, 0.75, 1.0)),
        calibration=Calibration(2.0, 0.55, (0.5,) * classes, 0.45 if classes == 2 else None, 0.5),
        libraries={name: metadata.version(name) for name in ("onnxruntime", "scikit-learn", "skops")},
    )
    names = [path.name for path in sorted(folder.iterdir()) if path.name != contents.RECORD]
    contents.write(folder, package, {}, {name: folder / name for name in names})
    return package, images


def add_check(folder: Path, package: ModelPackage, images: np.ndarray, kind: str = "nearest") -> ModelPackage:
    """Give a model package an input check, fitted on the first half of some images and calibrated on the second."""
    network = predictor.load(folder / "network.onnx")
    features, statistics = averaged(network, images, VIEWS)[0].astype(np.float64), input_check.statistics(images)
    half = len(images) // 2
    labels = np.arange(half) % len(package.label_names)
    val = features[half:], statistics[half:]
    fitted_checks = input_fitting.fit([kind], features[:half], labels, statistics[:half], val, 0.05, 1)
    check = replace(fitted_checks[kind], auroc=dict.fromkeys(input_check.KINDS, 0.75))
    input_checks.save([check], folder / contents.INPUT_CHECK)
    checked = replace(package, input_check=(input_checks.numbers(check),))
    names = [path.name for path in sorted(folder.iterdir()) if path.name != contents.RECORD]
    contents.write(folder, checked, {}, {name: folder / name for name in names})
    return checked
