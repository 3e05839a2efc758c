"""Muon (Jordan et al. 2024, kellerjordan.github.io/posts/muon): steps whose directions all have the same length.

The momentum of each kernel, as a matrix, is replaced by the nearest orthogonal one, so that no direction is learnt much
faster than another. What is no kernel (biases, normalisation) and the layer of probabilities take AdamW's steps.
"""

from medfusion.learning.backend import keras

ops = keras.ops


class Muon(keras.optimizers.Muon):
    """Keras' Muon, in which a kernel of a convolution is one matrix.

    Keras 3.15 gives the kernels of convolutions to AdamW. Here a kernel (height, width, in, out) is the matrix
    (height · width · in, out), as in the author's own recipe for CIFAR-10.
    """

    def _should_use_adamw(self, variable: keras.Variable) -> bool:
        return len(variable.shape) not in (2, 4) or any(name in variable.path for name in self.exclude_layers)

    def _muon_update_step(
        self, gradient: keras.KerasTensor, variable: keras.Variable, lr: keras.KerasTensor, m: keras.Variable
    ) -> None:
        self.assign_add(m, gradient + m * (self.momentum - 1))
        direction = ops.reshape(gradient + m * self.momentum, (-1, variable.shape[-1]))
        update = self.lr_adjust(self.zeropower_via_newtonschulz5(direction, self.ns_steps))
        self.assign_sub(variable, lr * ops.reshape(update, variable.shape))
