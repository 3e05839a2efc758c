"""A backbone as small as can be, for the tests of what applies one: means over places, mixed by a fixed matrix."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

WIDTH = 5
# Features are the mean of each channel, and of its square, times this.
MIX = np.random.default_rng(0).normal(size=(6, WIDTH)).astype(np.float32)


def write(
    path: Path, size=16, layout="NCHW", channels=3, batch="n", output="features", nodes=(), kind=TensorProto.FLOAT
):
    """Write an ONNX file with one input, "images", and the outputs `output`, (n, WIDTH), and "places", (n, C, h, w).

    Parameters
    ----------
    nodes : more of them, at the end
    """
    sides = [size, size]
    shape = [batch, channels, *sides] if layout == "NCHW" else [batch, *sides, channels]
    axes = [2, 3] if layout == "NCHW" else [1, 2]
    graph = helper.make_graph(
        [
            helper.make_node("Mul", ["images", "images"], ["places"]),
            helper.make_node("ReduceMean", ["images"], ["means"], axes=axes, keepdims=0),
            helper.make_node("ReduceMean", ["places"], ["squares"], axes=axes, keepdims=0),
            helper.make_node("Concat", ["means", "squares"], ["both"], axis=1),
            helper.make_node("MatMul", ["both", "mix"], [output]),
            *nodes,
        ],
        "small",
        [helper.make_tensor_value_info("images", kind, shape)],
        [
            helper.make_tensor_value_info(output, kind, [batch, WIDTH]),
            helper.make_tensor_value_info("places", kind, shape),
        ],
        [numpy_helper.from_array(MIX[: 2 * channels].astype(helper.tensor_dtype_to_np_dtype(kind)), "mix")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, str(path))
    return path


def features(values: np.ndarray) -> np.ndarray:
    """What it says of prepared images (n, H, W, C), float64 (n, WIDTH)."""
    values = values.astype(np.float64)
    both = np.hstack([values.mean(axis=(1, 2)), (values**2).mean(axis=(1, 2))])
    return both @ MIX[: 2 * values.shape[3]].astype(np.float64)
