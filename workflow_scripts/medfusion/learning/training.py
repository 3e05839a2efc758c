"""Training one network: its input, schedule and stopping; the same seed gives the same weights."""

import itertools
import math
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from medfusion.errors import UserError
from medfusion.learning.augmentation import random_symmetries
from medfusion.learning.backend import keras, tf
from medfusion.learning.networks import build

VAL_BATCH = 512  # validation images a step: bounds memory, changes no result


def train(
    planes: list[np.ndarray],
    labels: np.ndarray,
    val_images: np.ndarray,
    val_labels: np.ndarray,
    network: dict[str, Any],
    classes: int,
    seed: int,
    report: Callable[[str], None],
) -> tuple[keras.Model, list[dict[str, float]]]:
    """Train a network and return it with its curves.

    Parameters
    ----------
    planes : versions of the training images, each uint8 (n, H, W, C); epoch i draws from plane i modulo their number
    labels : (n,)
    val_images, val_labels : uint8 (m, H, W, C) and (m,); early stopping and learning rate look at them alone
    network : an entry of `networks` in config.yaml: architecture, options, training
    classes : number of classes
    seed : of the order and the symmetries of the images (the weights' seed is the backend's)
    report : takes one line of progress an epoch

    Returns
    -------
    model : the network with the weights of its best epoch (early stopping) or of its last
    history : per epoch: epoch, loss, accuracy, val_loss, val_accuracy, learning_rate

    Raises
    ------
    UserError
        If the loss is no longer a number.
    """
    settings = network["training"]
    batch = min(settings["batch_size"], len(labels))
    steps = math.ceil(len(labels) / batch)
    epochs = max(settings["epochs"], math.ceil(settings["min_steps"] / steps))
    model = build(network["architecture"], planes[0].shape[1:], classes, network["options"])
    compile_model(model, settings, steps * epochs)

    targets = one_hot(labels, model.output_shape[-1])
    training_set = _dataset(lambda: _batches(planes, targets, batch, settings, np.random.default_rng(seed)), model)
    val_targets = one_hot(val_labels, model.output_shape[-1])
    validation_set = _dataset(lambda: _in_order(val_images, val_targets), model)
    validation_set = validation_set.apply(
        tf.data.experimental.assert_cardinality(math.ceil(len(val_labels) / VAL_BATCH))
    )
    history = _Curves(epochs, report)
    model.fit(
        training_set,
        epochs=epochs,
        steps_per_epoch=steps,
        validation_data=validation_set,
        callbacks=[*_stopping(settings), history],
        shuffle=False,  # the batches come in the order that the seed gives
        verbose=0,
    )
    return model, history.rows


def compile_model(model: keras.Model, settings: dict[str, Any], total_steps: int) -> None:
    """Give a network its loss and optimiser.

    The one-cycle schedule (Smith 2018) is a linear warm-up to the learning rate, then a cosine down to zero.
    """
    rate = settings["learning_rate"]
    if settings["schedule"] == "one_cycle":
        warm_up = max(1, round(settings["warm_up"] * total_steps))
        rate = keras.optimizers.schedules.CosineDecay(
            rate / 25, max(1, total_steps - warm_up), warmup_target=rate, warmup_steps=warm_up
        )
    if settings["optimizer"] == "adamw":
        optimizer = keras.optimizers.AdamW(rate, weight_decay=settings["weight_decay"])
        optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    else:
        optimizer = keras.optimizers.Adam(rate)
    binary = model.output_shape[-1] == 1
    loss = keras.losses.BinaryCrossentropy if binary else keras.losses.CategoricalCrossentropy
    accuracy = keras.metrics.BinaryAccuracy if binary else keras.metrics.CategoricalAccuracy
    model.compile(optimizer, loss(label_smoothing=settings["label_smoothing"]), metrics=[accuracy(name="accuracy")])


def one_hot(labels: np.ndarray, outputs: int) -> np.ndarray:
    """Labels (n,) as float32 targets (n, outputs); a single output keeps the label itself."""
    if outputs == 1:
        return labels.astype(np.float32)[:, None]
    return np.eye(outputs, dtype=np.float32)[labels]


def _batches(
    planes: list[np.ndarray],
    targets: np.ndarray,
    batch: int,
    settings: dict[str, Any],
    rng: np.random.Generator,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Batches without end: each epoch a new order, images as uint8 until the network's first layer."""
    for epoch in itertools.count():
        images = planes[epoch % len(planes)]
        order = rng.permutation(len(targets))
        for start in range(0, len(order), batch):
            chosen = order[start : start + batch]
            yield (
                random_symmetries(images[chosen], settings["symmetries"], settings["shift"], rng),
                targets[chosen],
            )


def _in_order(images: np.ndarray, targets: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for start in range(0, len(images), VAL_BATCH):
        yield images[start : start + VAL_BATCH], targets[start : start + VAL_BATCH]


def _dataset(batches: Callable[[], Iterator], model: keras.Model) -> tf.data.Dataset:
    """A tf.data pipeline over a generator of batches.

    Autotuning is off: its thread holds up the end of every epoch until it next wakes, up to tens of seconds later.
    """
    signature = (
        tf.TensorSpec((None, *model.input_shape[1:]), tf.uint8),
        tf.TensorSpec((None, model.output_shape[-1]), tf.float32),
    )
    options = tf.data.Options()
    options.autotune.enabled = False
    return tf.data.Dataset.from_generator(batches, output_signature=signature).prefetch(2).with_options(options)


def _stopping(settings: dict[str, Any]) -> list[keras.callbacks.Callback]:
    callbacks: list[keras.callbacks.Callback] = []
    if stopping := settings["early_stopping"]:
        callbacks.append(
            keras.callbacks.EarlyStopping("val_loss", patience=stopping["patience"], restore_best_weights=True)
        )
    if plateau := settings["reduce_lr"]:
        callbacks.append(
            keras.callbacks.ReduceLROnPlateau("val_loss", factor=plateau["factor"], patience=plateau["patience"])
        )
    return callbacks


class _Curves(keras.callbacks.Callback):
    """Collects the curves and reports each epoch with a forecast of the time left."""

    def __init__(self, epochs: int, report: Callable[[str], None]):
        super().__init__()
        self.rows: list[dict[str, float]] = []
        self._epochs = epochs
        self._report = report
        self._start = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        values = {name: float(logs[name]) for name in ("loss", "accuracy", "val_loss", "val_accuracy")}
        if not math.isfinite(values["loss"]):
            raise UserError(
                f"training diverged in epoch {epoch + 1}: the loss is {values['loss']}; lower learning_rate"
            )
        rate = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
        self.rows.append({"epoch": epoch + 1, **values, "learning_rate": rate})
        elapsed = time.monotonic() - self._start
        left = elapsed / (epoch + 1) * (self._epochs - epoch - 1)
        self._report(
            f"epoch {epoch + 1}/{self._epochs}: loss {values['loss']:.4f}, accuracy {values['accuracy']:.4f}, "
            f"val loss {values['val_loss']:.4f}, val accuracy {values['val_accuracy']:.4f}; "
            f"{elapsed:.0f} s so far, at most {left:.0f} s left"
        )
