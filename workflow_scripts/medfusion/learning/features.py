"""What a trained network says of images: the output of a named layer, and class probabilities."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from medfusion.errors import UserError, first_line
from medfusion.learning.averages import averaged
from medfusion.learning.backend import keras


def load_network(path: str | Path) -> keras.Model:
    """Read a .keras file in safe mode: it may hold no code.

    Raises
    ------
    UserError
        If it cannot be read so.
    """
    try:
        network = keras.saving.load_model(path, compile=False, safe_mode=True)
        if not isinstance(network, keras.Model):
            raise TypeError(f"it holds a {type(network).__name__}")
    except Exception as error:  # Keras passes on whatever zipfile, json and h5py raise
        reason = first_line(error)
        raise UserError(f"{path}: not a network of this workflow ({reason}); delete it and run again") from None
    return network


def extractor(network: keras.Model, layers: Sequence[str]) -> keras.Model:
    """A model from images to the pair (features, network output): the flattened outputs of `layers`, side by side.

    Raises
    ------
    UserError
        If the network has no such layer.
    """
    known = [known.name for known in network.layers]
    for layer in layers:
        if layer not in known:
            raise UserError(f"features.layers: the network has no layer {layer!r}; it has {', '.join(known)}")
    outputs = [network.get_layer(layer).output for layer in layers]
    if len(outputs) > 1:
        # Names of their own: a loaded network may have the ones that Keras would give.
        flat = [keras.layers.Flatten(name=f"{name}_flat")(output) for name, output in zip(layers, outputs, strict=True)]
        outputs = [keras.layers.Concatenate(name="side_by_side")(flat)]
    return keras.Model(network.input, [*outputs, network.output])


def places(network: keras.Model) -> int:
    """The places of the largest output: the pixels of an image, or of what it is enlarged to; bounds memory."""
    return max(height * width for _, height, width, _ in (x.shape for x in _outputs(network) if len(x.shape) == 4))


def _outputs(network: keras.Model) -> Iterator[keras.KerasTensor]:
    for operation in network.operations:
        yield from keras.tree.flatten(operation.output)


def apply(model: keras.Model, images: np.ndarray, views: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Features and class probabilities, averaged over the views of each image.

    Parameters
    ----------
    model : from `extractor`
    images : uint8 (n, H, W, C)
    views : the kinds of them, as `augmentation.views` takes them

    Returns
    -------
    features : float32 (n, d); a layer with a spatial output is flattened
    probabilities : float32 (n, k); a single sigmoid output p becomes the columns 1 − p and p
    """

    def network(view: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        features, probabilities = model.predict_on_batch(view)  # a traced graph: less time and memory than a call
        return features, probabilities

    return averaged(network, images, views, places(model))
