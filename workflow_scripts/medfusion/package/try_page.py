"""A model package as the page reads it on which the system is tried in a browser."""

import base64
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from medfusion.data import pictures
from medfusion.data.preprocessing import SOURCE_CROPS
from medfusion.errors import UserError
from medfusion.package import contents, fitted
from medfusion.package.answers import UNLIKE
from medfusion.package.contents import ModelPackage
from medfusion.package.predictor import Predictor
from medfusion.package.web_parts import Arrays, described, described_check
from medfusion.reruns.fingerprint import ROOT


def page_file(name: str) -> Path:
    """What one of the files `try_files.PAGE` is a copy of."""
    return ROOT / "templates" / f"write_try_page.{name}"


def system(
    folder: str | Path,
    package: ModelPackage,
    record: dict[str, Any],
    samples: Sequence[tuple[np.ndarray, int]],
    fill: Iterable[int],
) -> tuple[dict[str, Any], bytes]:
    """What the page reads: system.json, and system.bin with the arrays and networks that this names.

    Parameters
    ----------
    folder : the model package
    package, record : model_package.json, as `contents.read` returns it and as it is
    samples : images, uint8 (size, size, channels), with their labels
    fill : the colour that parts of a picture are hidden with, of 0 to 255 for each channel

    Raises
    ------
    UserError
        If the model package is damaged, or holds a backbone, for which a browser would have to enlarge images alike.
    """
    if any(network.backbone for network in package.networks):
        raise UserError(f"{folder}: holds a pretrained backbone, which is not tried in a browser; use predict.py")
    arrays = Arrays()
    models = fitted.load(Path(folder, contents.CLASSIFIERS)) if any(m.classifier for m in package.members) else {}
    sizes, side = SOURCE_CROPS.get(package.flag, (set(), 0))
    calibration = package.calibration
    predictor = Predictor(folder)
    checks, answers = predictor.checks, predictor.predict(np.stack([image for image, _ in samples]))
    unlike = [None] * len(samples) if answers.unlike_scores is None else answers.unlike_scores.tolist()
    content = {
        "name": package.name,
        "words": _words(package, record),
        "warning": contents.WARNING,
        "generated_warning": contents.GENERATED,
        "generated": package.generated,
        "task": package.task,
        "label_names": package.label_names,
        "positive": package.positive,
        "size": package.size,
        "channels": package.channels,
        "bits": package.bits,
        "crop": {"sizes": sorted(sizes), "side": side} if sizes else None,
        "most": {"pixels": pictures.MOST_PIXELS, "bytes": pictures.MOST_BYTES},
        "fill": [int(value) for value in fill],
        "networks": [
            {"onnx": arrays.add(Path(folder, network.onnx).read_bytes()), "views": network.views}
            for network in package.networks
            if network.onnx
        ],
        "members": [vars(member) for member in package.members],
        "classifiers": {name: described(model, arrays) for name, model in models.items()},
        "calibration": {key: getattr(calibration, key) for key in ("temperature", "marginal", "decision", "referral")},
        "input_check": None if checks is None else [described_check(check, arrays) for check in checks],
        "unlike": UNLIKE,
        "coverage": record.get("coverage"),
        "samples": [
            {"class": package.label_names[label], "png": _png(image), "probabilities": values.tolist(), "unlike": score}
            for (image, label), values, score in zip(samples, answers.probabilities, unlike, strict=True)
        ],
    }
    return content, arrays.content()


def _words(package: ModelPackage, record: dict[str, Any]) -> str:
    """What answers, in a line."""
    named = record.get("system", {}).get("address")
    seed = record.get("system", {}).get("seed")
    of_seed = f", seed {seed}" if seed is not None else ""
    return f"{named}{of_seed}; {len(package.label_names)} classes" if named else f"{len(package.label_names)} classes"


def _png(image: np.ndarray) -> str:
    """A PNG file in base64."""
    stream = io.BytesIO()
    Image.fromarray(image[..., 0] if image.shape[2] == 1 else image).save(stream, "PNG")
    return base64.b64encode(stream.getvalue()).decode("ascii")
