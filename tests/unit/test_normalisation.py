"""The fused batch normalisation beside Keras' own."""

import numpy as np
import pytest

from medfusion.learning import backend
from medfusion.learning.backend import keras, tf
from medfusion.learning.normalisation import FusedBatchNormalization, fuse, unfuse


@pytest.fixture(scope="module", autouse=True)
def configured():
    backend.configure(threads=1, seed=0)


@pytest.mark.parametrize("batch", [1, 6])
def test_outputs_statistics_and_gradients_are_keras(batch):
    images = tf.constant(np.random.default_rng(0).normal(3, 2, (batch, 5, 4, 3)).astype(np.float32))
    found = []
    for kind in (keras.layers.BatchNormalization, FusedBatchNormalization):
        layer = kind(momentum=0.7)
        layer.build(images.shape)
        layer.gamma.assign([0.5, 1.0, 2.0])
        with tf.GradientTape() as tape:
            tape.watch(images)
            outputs = layer(images, training=True)
            loss = tf.reduce_sum(outputs**3)
        gradients = tape.gradient(loss, [images, layer.gamma.value, layer.beta.value])
        found.append([outputs, *gradients, layer.moving_mean, layer.moving_variance, layer(images)])
    for theirs, ours in zip(*found, strict=True):
        assert np.allclose(theirs, ours, rtol=1e-4, atol=1e-4)
    assert not np.allclose(found[0][-2], 1)


def test_what_the_operation_cannot_do_is_left_to_keras():
    images = keras.Input((4, 4, 2))
    x = keras.layers.BatchNormalization(scale=False)(images)
    x = keras.layers.BatchNormalization(axis=1)(x)
    model = keras.Model(images, x)
    fuse(model)
    assert not any(isinstance(layer, FusedBatchNormalization) for layer in model.layers)


def test_layers_that_do_not_normalise_images_stay_and_all_are_saved_as_keras_own(tmp_path):
    images = keras.Input((4, 4, 2))
    x = keras.layers.BatchNormalization()(keras.layers.Conv2D(3, 3)(images))
    x = keras.layers.BatchNormalization(name="features")(keras.layers.Flatten()(x))
    model = keras.Model(images, x)
    fuse(model)
    assert [type(layer) for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)] == [
        FusedBatchNormalization,
        keras.layers.BatchNormalization,
    ]
    unfuse(model)
    model.save(tmp_path / "model.keras")
    assert "medfusion" not in model.to_json()
    assert type(keras.models.load_model(tmp_path / "model.keras").layers[2]) is keras.layers.BatchNormalization


def test_in_bfloat16_statistics_and_gradients_of_weights_are_float32():
    values = np.random.default_rng(0).normal(3, 2, (6, 5, 4, 3)).astype(np.float32)
    found = []
    for kind in ("float32", "bfloat16"):
        layer = FusedBatchNormalization(momentum=0.7, autocast=False)
        layer.build(values.shape)
        layer.gamma.assign([0.5, 1.0, 2.001])  # no number of bfloat16
        images = tf.cast(tf.constant(values), kind)
        with tf.GradientTape() as tape:
            tape.watch(images)
            outputs = layer(images, training=True)
            loss = tf.reduce_sum(tf.cast(outputs, tf.float32) ** 3)
        gradients = tape.gradient(loss, [images, layer.gamma.value, layer.beta.value])
        assert outputs.dtype == gradients[0].dtype == kind
        assert {value.dtype for value in gradients[1:]} == {tf.float32}
        found.append([tf.cast(value, tf.float32) for value in (outputs, *gradients[1:], layer.moving_variance)])
        found[-1].append(layer(images))
    for full, lowered in zip(*found, strict=True):
        assert np.allclose(full, lowered, rtol=0.02, atol=0.05)
