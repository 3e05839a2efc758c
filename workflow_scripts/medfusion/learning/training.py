"""Training one network: its input, schedule and stopping; the same seed gives the same weights."""

import functools
import math
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from medfusion.errors import UserError
from medfusion.learning.augmentation import random_affine, random_symmetries
from medfusion.learning.backend import keras, tf
from medfusion.learning.corrupted_training import random_corruptions
from medfusion.learning.features import places
from medfusion.learning.networks import build
from medfusion.learning.normalisation import fuse, unfuse
from medfusion.learning.optimizers import Muon
from medfusion.learning.precision import lower, restore
from medfusion.learning.pretrained import let_learn
from medfusion.learning.training_images import LabelledImages
from medfusion.tasks import MULTI_CLASS

# Validation images a step, at most, and their pixels: bound memory, change no result.
VAL_BATCH = 512
VAL_PIXELS = 2**20


def train(
    training_images: LabelledImages,
    val_images: LabelledImages | None,
    network: dict[str, Any],
    classes: int,
    seed: int,
    report: Callable[[str], None],
    task: str = MULTI_CLASS,
    precision: str = "float32",
    weights: str | None = None,
) -> tuple[keras.Model, list[dict[str, float]]]:
    """Train a network and return it with its curves.

    Parameters
    ----------
    training_images : an epoch draws from the version of them that `epoch_versions` gives it
    val_images : early stopping and learning rate look at them alone; None where neither is set
    network : an entry of `networks` in config.yaml: architecture, options, training
    classes : number of classes
    seed : of all that is drawn: order, affine maps, symmetries, shifts, corruptions (the backend seeds the weights)
    report : takes one line of progress an epoch
    task : MedMNIST's; it decides on outputs and loss
    precision : of activations, "float32" or "bfloat16"
    weights : the file that a pretrained network starts from

    Returns
    -------
    model : the network, float32, with the weights of its best epoch (early stopping) or of its last
    history : per epoch: epoch, loss, accuracy, learning_rate, and with validation images val_loss, val_accuracy

    Raises
    ------
    UserError
        If the loss is no longer a number, or images or weights cannot be read.
    """
    options, balanced = network["options"], network["training"]["class_weight"] == "balanced"
    if options.get("weights") and not weights:
        raise UserError(f"{network['architecture']} starts from weights, {options['weights']}: give their file")
    options = {**options, "file": weights} if weights else options
    batch = min(network["training"]["batch_size"], len(training_images))
    steps = math.ceil(len(training_images) / batch)
    model = build(network["architecture"], training_images.shape, classes, options, task)
    class_weights = balanced_weights(training_images.labels, classes) if balanced else None
    val_batch = max(1, min(VAL_BATCH, VAL_PIXELS // places(model)))
    in_order = _Batches(lambda: val_images.in_order(val_batch) if val_images else iter(()), model)
    validation = in_order.dataset(math.ceil(len(val_images) / val_batch)) if val_images else None
    planned = [
        (part, settings, max(settings["epochs"], math.ceil(settings["min_steps"] / steps)))
        for part, settings in phases(network)
    ]
    history = _Curves(sum(epochs for *_, epochs in planned), report)
    for number, (part, settings, epochs) in enumerate(planned):
        if options.get("application"):
            let_learn(model, part, normalisation=not weights)
        compile_model(model, settings, steps * epochs)
        versions = epoch_versions(settings, training_images.versions, epochs)
        entropy = [seed, number] if number else seed
        batches = functools.partial(_drawn, training_images, versions, batch, settings, entropy)
        drawn = _Batches(batches, model, class_weights)
        fuse(model)
        if precision == "bfloat16":
            lower(model)
        try:
            model.fit(
                drawn.dataset(),
                epochs=epochs,
                steps_per_epoch=steps,
                validation_data=validation,
                callbacks=[*_stopping(settings), history],
                shuffle=False,  # the batches come in the order that the seed gives
                verbose=0,
            )
        except tf.errors.OpError as error:
            raise drawn.fault or in_order.fault or error from None
        finally:
            restore(model)
            unfuse(model)
    # Without its optimiser: nothing trains on, and Keras alone is to open what is saved.
    return keras.Model(model.input, model.output, name=model.name), history.rows


def phases(network: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """The phases of a training, in order: what learns, as `pretrained.let_learn` names it, and the settings.

    A network with random weights learns as a whole, a pretrained one only its new last layer. With `fine_tune` the
    last stage and then the whole network follow, with the epochs and the learning rate given there;
    `original_epochs` are the last of the last phase.

    >>> training = {"epochs": 9, "learning_rate": 0.001, "min_steps": 50, "original_epochs": 0}
    >>> tuned = {"weights": "imagenet", "fine_tune": {"last_stage": 0, "all": 5, "learning_rate": 1e-5}}
    >>> [(part, one["epochs"], one["learning_rate"]) for part, one in phases({"options": tuned, "training": training})]
    [('head', 9, 0.001), ('all', 5, 1e-05)]
    """
    options, settings = network["options"], network["training"]
    if not (tuned := options.get("fine_tune")):
        return [("head" if options.get("weights") else "all", settings)]
    found = [("head", {**settings, "original_epochs": 0})]
    for part in ("last_stage", "all"):
        if tuned[part]:
            changed = {"epochs": tuned[part], "min_steps": 0, "learning_rate": tuned["learning_rate"]}
            found.append((part, {**settings, **changed, "original_epochs": 0}))
    found[-1][1]["original_epochs"] = settings["original_epochs"]
    return found


def compile_model(model: keras.Model, settings: dict[str, Any], total_steps: int) -> None:
    """Give a network its loss and optimiser: cross-entropy over classes, or the mean of those of sigmoid outputs.

    With `loss: focal` images that it is sure of count less: each cross-entropy is weighed by (1 − p)², p the
    probability of the true class (Lin et al. 2017, "Focal loss for dense object detection", equation 4, γ = 2).

    The one-cycle schedule (Smith 2018) is a linear warm-up to the learning rate, then a cosine down to zero.
    """
    rate = settings["learning_rate"]
    if settings["schedule"] == "one_cycle":
        warm_up = max(1, round(settings["warm_up"] * total_steps))
        rate = keras.optimizers.schedules.CosineDecay(
            rate / 25, max(1, total_steps - warm_up), warmup_target=rate, warmup_steps=warm_up
        )
    decay = settings["weight_decay"]
    if settings["optimizer"] == "muon":
        optimizer = Muon(
            rate, weight_decay=decay, adam_weight_decay=decay, exclude_layers=["probabilities"], ns_steps=3
        )
    elif settings["optimizer"] == "adamw":
        optimizer = keras.optimizers.AdamW(rate, weight_decay=decay)
    else:
        optimizer = keras.optimizers.Adam(rate)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    binary = model.get_layer("probabilities").activation is keras.activations.sigmoid
    smoothing = settings["label_smoothing"]
    if settings["loss"] == "focal" and binary:
        loss = keras.losses.BinaryFocalCrossentropy(gamma=2, label_smoothing=smoothing)
    elif settings["loss"] == "focal":  # alpha, a factor of all classes: 1 is no other than none
        loss = keras.losses.CategoricalFocalCrossentropy(alpha=1, gamma=2, label_smoothing=smoothing)
    else:
        kind = keras.losses.BinaryCrossentropy if binary else keras.losses.CategoricalCrossentropy
        loss = kind(label_smoothing=smoothing)
    accuracy = keras.metrics.BinaryAccuracy if binary else keras.metrics.CategoricalAccuracy
    model.compile(optimizer, loss, metrics=[accuracy(name="accuracy")])


def balanced_weights(labels: np.ndarray, classes: int) -> np.ndarray:
    """The weight of each class in the loss, float32 (classes,): all classes count equally, images 1 on average.

    Parameters
    ----------
    labels : of the training images, (n,); a class that none has weighs nothing

    >>> balanced_weights(np.array([0, 0, 0, 1]), 3).tolist()
    [0.6666666865348816, 2.0, 0.0]
    """
    counts = np.bincount(labels, minlength=classes)
    found = np.count_nonzero(counts)
    return np.where(counts, len(labels) / (found * np.maximum(counts, 1)), 0).astype(np.float32)


def one_hot(labels: np.ndarray, outputs: int) -> np.ndarray:
    """Labels (n,) as float32 targets (n, outputs); a single output keeps the label itself, several labels stay."""
    if labels.ndim == 2:
        return labels.astype(np.float32)
    if outputs == 1:
        return labels.astype(np.float32)[:, None]
    return np.eye(outputs, dtype=np.float32)[labels]


def epoch_versions(settings: dict[str, Any], versions: int, epochs: int) -> list[int]:
    """The version of the images that each epoch draws: 0 as they are, 1 … each augmented copy.

    >>> epoch_versions({"images": "both", "original_epochs": 2}, 3, 7)
    [0, 1, 2, 0, 1, 0, 0]
    >>> epoch_versions({"images": "augmented", "original_epochs": 0}, 3, 5)
    [1, 2, 1, 2, 1]
    """
    turns = {"original": [0], "augmented": range(1, versions), "both": range(versions)}[settings["images"]]
    last = min(epochs, settings["original_epochs"])
    return [turns[epoch % len(turns)] for epoch in range(epochs - last)] + [0] * last


def _drawn(
    training_images: LabelledImages,
    versions: list[int],
    batch: int,
    settings: dict[str, Any],
    entropy: int | list[int],
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Batches of all epochs: each a new order, images as uint8 until the network's first layer."""
    rng = np.random.default_rng(entropy)
    as_they_are = len(versions) - settings["original_epochs"]
    (corrupting,) = rng.spawn(1)  # of its own: all other draws are the same with and without corruptions
    for epoch, version in enumerate(versions):
        for images, labels in training_images.batches(version, batch, rng):
            if settings["affine"] and epoch < as_they_are:
                images = random_affine(images, settings["affine"], rng)
            images = random_symmetries(images, settings["symmetries"], settings["shift"], rng)
            if settings["corruptions"] and epoch < as_they_are:
                images = random_corruptions(images, settings["corruptions"], corrupting)
            yield images, labels


class _Batches:
    """A tf.data pipeline over a generator of images and labels, which keeps the exception that ended it.

    With `weights`, one a class, each image has that of its class in the loss.
    """

    def __init__(
        self,
        batches: Callable[[], Iterator[tuple[np.ndarray, np.ndarray]]],
        model: keras.Model,
        weights: np.ndarray | None = None,
    ):
        self.fault: Exception | None = None
        self._batches, self._weights = batches, weights
        self._shape, self._outputs = model.input_shape[1:], model.output_shape[-1]

    def dataset(self, batches: int | None = None) -> tf.data.Dataset:
        """The pipeline, of as many batches; None if their number need not be known.

        Autotuning is off: its thread holds up the end of every epoch until it next wakes, up to tens of seconds later.
        """
        weights = () if self._weights is None else (tf.TensorSpec((None,), tf.float32),)
        images, targets = (
            tf.TensorSpec((None, *self._shape), tf.uint8),
            tf.TensorSpec((None, self._outputs), tf.float32),
        )
        signature = (images, targets, *weights)
        options = tf.data.Options()
        options.autotune.enabled = False
        pipeline = tf.data.Dataset.from_generator(self._targets, output_signature=signature).prefetch(2)
        if batches:
            pipeline = pipeline.apply(tf.data.experimental.assert_cardinality(batches))
        return pipeline.with_options(options)

    def _targets(self) -> Iterator[tuple[np.ndarray, ...]]:
        try:
            for images, labels in self._batches():
                weights = () if self._weights is None else (self._weights[labels],)
                yield images, one_hot(labels, self._outputs), *weights
        except Exception as error:  # TensorFlow passes on no more than its text
            self.fault = error
            raise


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

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        epoch = len(self.rows)  # of all phases
        measured = [name for name in ("loss", "accuracy", "val_loss", "val_accuracy") if name in logs]
        values: dict[str, float] = {name: float(logs[name]) for name in measured}
        if not math.isfinite(values["loss"]):
            raise UserError(
                f"training diverged in epoch {epoch + 1}: the loss is {values['loss']}; lower learning_rate"
            )
        rate = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
        self.rows.append({"epoch": epoch + 1, **values, "learning_rate": rate})
        elapsed = time.monotonic() - self._start
        left = elapsed / (epoch + 1) * (self._epochs - epoch - 1)
        words = ", ".join(f"{name.replace('_', ' ')} {value:.4f}" for name, value in values.items())
        self._report(f"epoch {epoch + 1}/{self._epochs}: {words}; {elapsed:.0f} s so far, at most {left:.0f} s left")
