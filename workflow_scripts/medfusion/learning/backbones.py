"""A frozen backbone: an ONNX file that turns images into features, run by ONNX Runtime on the processor."""

import contextlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import onnxruntime

from medfusion.errors import UserError, first_line
from medfusion.files.artifacts import hash_file

MOST_BYTES = 2**31  # of a file: what the format holds in one piece
PIXELS = 2**20  # that a backbone takes in one step: bounds memory
MOST_IMAGES = 256  # that a file takes at once, if it takes no other number: bounds memory too
NUMBERS = re.compile(r"tensor\((float|double|u?int)")  # kinds of outputs
ALIKE = 1e-3  # of the largest feature: what other sums in another order may do
REPEATING = {"Loop", "Scan"}  # a forged one could keep a program at work for ever
DRAWING = {"Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike"}


@dataclass(frozen=True)
class Input:
    """How images, 0 to 255, become what a backbone takes: (value × scale − mean) / std, float32.

    size : pixels a side, to which images are interpolated
    layout : "NCHW" or "NHWC"
    channels : 3 (RGB; grey images get three equal ones) or 1
    scale : of every value
    mean, std : of each channel
    """

    size: int
    layout: str
    channels: int
    scale: float
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one image."""
        sides = (self.size, self.size)
        return (self.channels, *sides) if self.layout == "NCHW" else (*sides, self.channels)


def prepared(images: np.ndarray, taken: Input) -> np.ndarray:
    """Images as a backbone takes them: interpolated (bicubic where enlarged, else by area), then scaled.

    Parameters
    ----------
    images : uint8 (n, H, W, C), C = 1 or 3

    Returns
    -------
    float32 (n, channels, size, size), or channels last

    Raises
    ------
    UserError
        If the images are coloured and the backbone takes grey ones.
    """
    channels = images.shape[3]
    if channels > taken.channels:
        raise UserError(
            f"options.input.channels: {taken.channels}, and the images have {channels}; expected a backbone for "
            f"{channels}"
        )
    side = (taken.size, taken.size)
    if images.shape[1:3] != side:
        how = cv2.INTER_AREA if taken.size < min(images.shape[1:3]) else cv2.INTER_CUBIC
        resized = [cv2.resize(np.ascontiguousarray(image), side, interpolation=how) for image in images]
        images = np.stack(resized).reshape(len(images), *side, channels)
    mean, std = (np.array(values, np.float32) for values in (taken.mean, taken.std))
    values = (images.astype(np.float32) * np.float32(taken.scale) - mean) / std  # equal grey channels, apart from here
    return np.ascontiguousarray(values.transpose(0, 3, 1, 2) if taken.layout == "NCHW" else values)


class Backbone:
    """A backbone that is ready: from uint8 images (n, H, W, C) to features, float32 (n, d).

    Called like a network, it gives the pair of these and probabilities of no class, (n, 0): these its head gives.

    Parameters
    ----------
    path : the ONNX file
    taken : what it takes
    output : the name of its output; None for the only one
    threads : processor threads

    Raises
    ------
    UserError
        If the file is no ONNX, or does not fit; one line says what it is and what was expected.

    Attributes
    ----------
    output : the name
    width : d
    """

    def __init__(self, path: str | Path, taken: Input, output: str | None, threads: int = 1):
        self._path, self._taken = path, taken
        check_file(path)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.use_deterministic_compute = True
        options.log_severity_level = 4  # what it cannot do is raised as well
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # the runtime has an exception for each of its states
            raise UserError(f"{path}: ONNX Runtime cannot load it ({first_line(error)}); export it anew") from None
        self._batch = self._check_input()
        self.output = self._chosen(output)
        self.width = 0
        self.width = self._tried()

    def __call__(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        step = self._batch or max(1, PIXELS // self._taken.size**2)
        parts = [self._run(images[start : start + step]) for start in range(0, len(images), step)]
        return np.concatenate(parts), np.empty((len(images), 0), np.float32)

    def _run(self, images: np.ndarray) -> np.ndarray:
        missing = max(0, (self._batch or 0) - len(images))  # a file may take no other number of images
        padded = np.concatenate([images, np.repeat(images[-1:], missing, axis=0)])
        try:
            found = self._session.run([self.output], {self._name: prepared(padded, self._taken)})[0]
        except UserError:
            raise
        except Exception as error:
            raise UserError(f"{self._path}: fails on an image ({first_line(error)}); export it anew") from None
        if found.ndim != 2 or len(found) != len(padded) or not found.shape[1]:
            raise UserError(f"{self._path}: {self._no_features(found.shape)}")
        if self.width and found.shape[1] != self.width:
            raise UserError(
                f"{self._path}: gives {found.shape[1]} features of some images and {self.width} of others; expected "
                "one number of features"
            )
        with np.errstate(over="ignore"):  # of float64: told below
            found = found[: len(images)].astype(np.float32, copy=False)
        if not np.isfinite(found).all():
            raise UserError(
                f"{self._path}: gives features that are no numbers; look at scale, mean and std of its input"
            )
        return found

    def _check_input(self) -> int | None:
        """Hold the file's input against what it is said to take; how many images it takes at once, if that is fixed."""
        inputs = self._session.get_inputs()
        if len(inputs) != 1:
            names = ", ".join(value.name for value in inputs) or "none"
            raise UserError(f"{self._path}: has {len(inputs)} inputs ({names}); expected one, the images")
        self._name, expected = inputs[0].name, self._taken.shape
        if inputs[0].type != "tensor(float)":
            raise UserError(f"{self._path}: takes {inputs[0].type}; expected tensor(float), float32")
        if not inputs[0].shape:  # it leaves everything open
            return None
        batch, *shape = inputs[0].shape
        fits = [not isinstance(own, int) or own == other for own, other in zip(shape, expected, strict=False)]
        if len(shape) != 3 or not all(fits):
            raise UserError(
                f"{self._path}: takes images of the shape {_shape(inputs[0].shape)}, and its input is said to be "
                f"{_shape(['n', *expected])}; correct size, channels or layout of options.input"
            )
        if not isinstance(batch, int):
            return None
        if not 1 <= batch <= MOST_IMAGES:
            raise UserError(
                f"{self._path}: takes {batch:,} images at once; expected at most {MOST_IMAGES}: export it for any "
                "number"
            )
        return batch

    def _chosen(self, output: str | None) -> str:
        kinds = {value.name: value.type for value in self._session.get_outputs()}
        shapes = {value.name: value.shape for value in self._session.get_outputs()}
        known = ", ".join(f"{name} {_shape(shape)}" for name, shape in shapes.items())
        if output is None and len(shapes) > 1:
            raise UserError(f"{self._path}: has several outputs; name one in options.output: {known}")
        if output is not None and output not in shapes:
            raise UserError(f"{self._path}: has no output {output!r}; it has {known}")
        name = output or next(iter(shapes))
        if not NUMBERS.match(kinds[name]):
            raise UserError(f"{self._path}: its output {name!r} is {kinds[name]}; expected tensor(float), numbers")
        return name

    def _tried(self) -> int:
        """Two images, which tell what no declaration has to: how many features there are, and whose they are."""
        side, channels = self._taken.size, self._taken.channels
        pair = np.zeros((2, side, side, channels), np.uint8)
        pair[1] = np.random.default_rng(0).integers(0, 256, pair[1].shape)
        width, alone = self._run(pair[:1]).shape[1], self._run(pair[1:])
        if not _alike(alone, self._run(pair[1:])):
            raise UserError(f"{self._path}: gives other features of the same image each time; export it for inference")
        if self._batch == 1:
            return width
        together = None
        with contextlib.suppress(UserError):  # exported with one image, which shapes inside of it remember
            together = self._run(pair)[1:]
        if together is None or not _alike(alone, together):
            if self._batch:
                raise UserError(
                    f"{self._path}: the features of an image depend on the other {self._batch - 1} that it takes; "
                    "export it for one image, or for inference"
                )
            self._batch = 1  # so that they depend on the image alone
        return width

    def _no_features(self, shape: tuple[int, ...]) -> str:
        return (
            f"its output {self.output!r} has the shape {_shape(['n', *shape[1:]])}; expected (n, features): name a "
            "pooled output, or export the mean over places or tokens"
        )


def check_file(path: str | Path) -> None:
    """Refuse what is no ONNX file that is whole in itself, and says the same of the same image, in bounded time.

    Raises
    ------
    UserError
        Saying what it is.
    """
    if os.path.getsize(path) > MOST_BYTES:
        raise UserError(f"{path}: more than {MOST_BYTES:,} bytes; expected a smaller backbone")
    try:
        model = onnx.load(str(path), format="protobuf", load_external_data=False)
    except Exception:  # protobuf says no more than that it cannot
        raise UserError(f"{path}: not an ONNX file, or part of one; get it again") from None
    if not model.graph.node or not model.graph.output:
        raise UserError(f"{path}: not an ONNX file, or part of one; get it again")
    for node in _nodes(model):
        if node.op_type in REPEATING:
            raise UserError(f"{path}: has a {node.op_type}, which could go on for ever; export it with fixed sizes")
        if node.op_type in DRAWING:
            raise UserError(f"{path}: draws at random ({node.op_type}); export it for inference")
    if any(tensor.external_data for tensor in _tensors(model)):
        raise UserError(f"{path}: has its weights in another file; export it as one file")


def load(path: str | Path, settings: dict[str, Any], threads: int) -> Backbone:
    """The backbone of a configuration.

    Parameters
    ----------
    path : its file
    settings : "sha256" (or None), "input" (the fields of `Input`), "output"

    Raises
    ------
    UserError
        If the file has another SHA-256, is no ONNX, or does not fit.
    """
    expected = settings["sha256"]
    if expected and (found := hash_file(path)) != expected:
        raise UserError(
            f"{path}: its SHA-256 is {found}; expected {expected}: get the file again, or correct options.sha256"
        )
    return Backbone(path, Input(**settings["input"]), settings["output"], threads)


def _nodes(model: onnx.ModelProto) -> Iterator[onnx.NodeProto]:
    """All nodes, those of inner graphs and functions too."""
    waiting = [*model.graph.node, *(node for function in model.functions for node in function.node)]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += [inner for graph in _inner(node) for inner in graph.node]


def _inner(node: onnx.NodeProto) -> list[onnx.GraphProto]:
    return [graph for value in node.attribute for graph in ([value.g] if value.HasField("g") else [*value.graphs])]


def _tensors(model: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    """All stored tensors: weights, and constants of nodes."""
    yield from model.graph.initializer
    for node in _nodes(model):
        for value in node.attribute:
            yield from [value.t] if value.HasField("t") else value.tensors
        for graph in _inner(node):
            yield from graph.initializer


def _alike(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether features are the same but for rounding."""
    return one.shape == other.shape and bool(np.abs(one - other).max() <= ALIKE * np.abs(one).max())


def _shape(sides: object) -> str:
    """A shape in words: what the file leaves open is n or a name.

    >>> _shape(["n", 3, None])
    '(n, 3, ?)'
    """
    values = list(sides) if isinstance(sides, list | tuple) else []
    return f"({', '.join('?' if side is None else str(side) for side in values)})"
