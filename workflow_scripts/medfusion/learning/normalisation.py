"""Batch normalisation as one operation while a network is trained; Keras 3 makes it of many, which take longer."""

from medfusion.learning.backend import keras, tf


class FusedBatchNormalization(keras.layers.BatchNormalization):
    """Keras' layer for images (n, H, W, C) with TensorFlow's fused operation in training.

    Images may be float32 or bfloat16; mean, variance and weights are float32 for both.
    """

    def call(self, inputs: tf.Tensor, training: bool | None = None, mask: tf.Tensor | None = None) -> tf.Tensor:
        if not (training and self.trainable):
            return super().call(inputs, training=training, mask=mask)
        outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=inputs, scale=self.gamma, offset=self.beta, mean=[], variance=[], epsilon=self.epsilon, is_training=True
        )
        values = tf.cast(tf.size(inputs) // inputs.shape[-1], tf.float32)
        variance *= (values - 1) / values  # Keras divides by their number, this operation by one less
        for moving, found in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(moving * self.momentum + found * (1 - self.momentum))
        return outputs


def fuse(model: keras.Model) -> None:
    """Let all layers that normalise images do it as one operation."""
    for layer in model.layers:
        if type(layer) is keras.layers.BatchNormalization and _fits(layer):
            layer.__class__ = FusedBatchNormalization
            layer.autocast = False  # what it takes keeps its precision, and so do its weights


def _fits(layer: keras.layers.BatchNormalization) -> bool:
    """Whether the fused operation does what the layer does."""
    return layer.scale and layer.center and layer.input_spec.ndim == 4 and layer.axis in (-1, 3)


def unfuse(model: keras.Model) -> None:
    """Make them Keras' own layers again, as they are saved."""
    for layer in model.layers:
        if type(layer) is FusedBatchNormalization:
            layer.__class__ = keras.layers.BatchNormalization
            layer.autocast = True
