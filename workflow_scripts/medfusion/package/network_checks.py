"""What a network in ONNX may be: only what our export writes (see `checks`)."""

import math
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import onnx

MOST_BYTES = 2**31  # of a file
# What networks as we export them compute; nothing here repeats, or depends on anything but the image.
OPERATIONS = {
    "Add", "AveragePool", "BatchNormalization", "Cast", "Clip", "Concat", "Conv", "Div", "Erf", "Flatten", "Gather",
    "Gemm", "GlobalAveragePool", "Identity", "MatMul", "MaxPool", "Mul", "Neg", "Pad", "Reciprocal", "Relu",
    "ReduceMean", "Reshape", "Resize", "Shape", "Sigmoid", "Slice", "Softmax", "Sqrt", "Squeeze", "Sub", "Transpose",
    "Unsqueeze",
}  # fmt: skip
MOST_STEPS = 2000
MOST_NUMBER = 4096  # of a kernel's side, a border, a stride, a factor
MOST_AXES = 8  # as numbers of images have, and borders before and behind


def check_network(path: str | Path) -> None:
    """Refuse an ONNX file that holds anything but the operations of our networks.

    Raises
    ------
    ValueError
        Saying what it holds.
    """
    if os.path.getsize(path) > MOST_BYTES:
        raise ValueError(f"more than {MOST_BYTES:,} bytes")
    model = onnx.load(path, load_external_data=False)
    if model.functions or model.graph.sparse_initializer or len(model.graph.node) > MOST_STEPS:
        raise ValueError("more than the steps of a network")
    if any(tensor.external_data for tensor in model.graph.initializer):
        raise ValueError("weights in another file")
    few = {tensor.name: tensor for tensor in model.graph.initializer if math.prod(tensor.dims) <= MOST_AXES}
    for node in model.graph.node:
        if node.op_type in ("Pad", "Resize"):
            given = [few.get(name) for name in node.input[1:] if name]
            if not all(one and (abs(onnx.numpy_helper.to_array(one)) <= MOST_NUMBER).all() for one in given):
                raise ValueError(f"a number in {node.op_type!r} that is too large")
        if node.op_type not in OPERATIONS or node.domain:
            raise ValueError(f"the operation {node.op_type!r}")
        for attribute in node.attribute:
            if attribute.HasField("g") or attribute.graphs or attribute.ref_attr_name or attribute.HasField("t"):
                raise ValueError(f"a graph inside {node.op_type!r}")
            if any(abs(number) > MOST_NUMBER for number in _numbers(attribute)):
                raise ValueError(f"a number in {node.op_type!r} that is too large")


def _numbers(attribute: Any) -> Iterable[int]:
    return (*attribute.ints, *((attribute.i,) if attribute.HasField("i") else ()))
