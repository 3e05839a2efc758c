"""Networks as ONNX, for programs without TensorFlow, and whether they say the same there."""

import json
import logging
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx

from medfusion.errors import UserError, first_line
from medfusion.learning.backend import keras

OUTPUTS = ("features", "probabilities")
TOLERANCE = 1e-5  # of probabilities; of features too, as a share of the largest where that is above 1


def convert(model: keras.Model, path: str | Path, label_names: Sequence[str], name: str = "the network") -> None:
    """Write a network as ONNX: from "images", uint8 (n, H, W, C), to "features" and "probabilities".

    Its metadata say of which classes the probabilities are: "label_names", a JSON list.

    The same network gives the same bytes: the converter numbers what it names, on and on within a process, so all
    inner names are given anew.

    Parameters
    ----------
    model : from `features.extractor`
    path : file to write
    label_names : in label order; of two, a network with one output gives the probability of the second
    name : of the network, for messages

    Raises
    ------
    UserError
        If it cannot be written so.
    """
    for layer in model.layers:
        if isinstance(layer, keras.layers.Normalization):  # as tensors they would be inputs of the file
            layer.mean, layer.variance = np.array(layer.mean), np.array(layer.variance)
    model(np.zeros((1, *model.input_shape[1:]), np.uint8))  # the converter wants a network that was used
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # Keras looks for np.object
        logging.getLogger("tf2onnx").setLevel(logging.ERROR)  # it warns, at length, of what it does not simplify
        file = Path(folder, "network.onnx")
        model.export(file, format="onnx", verbose=False)
        converted = onnx.load(file)
    _rename(converted.graph)
    onnx.helper.set_model_props(converted, {"label_names": json.dumps(list(label_names))})
    try:
        onnx.checker.check_model(converted, full_check=True)
    except onnx.checker.ValidationError as error:
        raise UserError(
            f"{name}: what it computes cannot be written as ONNX ({first_line(error)}); export a system of another"
        ) from None
    Path(path).write_bytes(converted.SerializeToString(deterministic=True))


def _rename(graph: onnx.GraphProto) -> None:
    """Give the outputs their names, and number everything else in its order."""
    names = {"": ""}
    names |= {value.name: "images" for value in graph.input}
    names |= {value.name: name for value, name in zip(graph.output, OUTPUTS, strict=True)}
    for node in graph.node:
        for name in (*node.input, *node.output):
            names.setdefault(name, f"value{len(names)}")
    del graph.value_info[:]
    graph.name, graph.doc_string = "network", ""
    for number, node in enumerate(graph.node):
        node.name, node.doc_string = f"{node.op_type}{number}", ""
        node.input[:] = [names[name] for name in node.input]
        node.output[:] = [names[name] for name in node.output]
    used = sorted((entry for entry in graph.initializer if entry.name in names), key=lambda entry: names[entry.name])
    kept = [onnx.TensorProto.FromString(entry.SerializeToString()) for entry in used]
    del graph.initializer[:]
    for entry in kept:
        entry.name = names[entry.name]
        graph.initializer.append(entry)
    for value in (*graph.input, *graph.output):
        value.name = names[value.name]
        value.type.tensor_type.shape.dim[0].dim_param = "n"


def compare(name: str, ours: tuple[np.ndarray, np.ndarray], theirs: tuple[np.ndarray, np.ndarray]) -> dict[str, float]:
    """The largest absolute differences of features and probabilities between a network and its ONNX form.

    Parameters
    ----------
    name : of the network, for the message
    ours, theirs : features (n, d) and probabilities (n, k), from Keras and from ONNX

    Raises
    ------
    UserError
        If one is above the tolerance, or no number.
    """
    found: dict[str, float] = {"images": len(ours[0])}
    for output, own, other in zip(OUTPUTS, ours, theirs, strict=True):
        difference = float(np.abs(own - other).max()) if own.shape == other.shape else float("nan")
        allowed = TOLERANCE * max(1.0, float(np.abs(own).max())) if output == "features" else TOLERANCE
        if not difference <= allowed:
            raise UserError(
                f"{name}: its {output} in ONNX differ by {difference:.2g} from those in Keras; expected at most "
                f"{allowed:.2g}. Install the versions of requirements.txt"
            )
        found[output] = difference
    return found
