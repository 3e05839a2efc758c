"""TensorFlow, imported once and set up the same way in every stage that applies a network."""

import os
import sys
from typing import Any

__all__ = ["configure", "keras", "tf"]  # both packages are taken from here

# What a home or an environment says of these would change results that have the same identity. Keras reads its home
# when it is imported, and writes to it; it gets one that cannot be.
NUMERIC = ("KERAS_", "TF_XLA_", "XLA_FLAGS", "ONEDNN_", "DNNL_", "NVIDIA_TF32_OVERRIDE")
for name in [name for name in os.environ if name.startswith(NUMERIC)]:
    del os.environ[name]
os.environ["KERAS_HOME"] = os.devnull
os.environ["KERAS_BACKEND"] = "tensorflow"
# oneDNN's kernels are off by default on processors without AVX-512; they save about a quarter of the CPU time of
# a training step there. Set explicitly, so that every machine takes the same path.
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "1"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
# Where they are installed, Keras imports these for what nothing here uses: galleries of images, estimators for
# scikit-learn, data frames as input. They are a third of what its import takes.
UNUSED_BY_KERAS = ("matplotlib", "pandas", "sklearn")
hidden: dict[str, Any] = dict.fromkeys(name for name in UNUSED_BY_KERAS if name not in sys.modules)
sys.modules.update(hidden)  # None is Python's own mark of what is not installed
import keras  # noqa: E402
import tensorflow as tf  # noqa: E402

for name in hidden:
    del sys.modules[name]
keras.config.set_floatx("float32")
keras.config.set_dtype_policy("float32")
keras.config.set_epsilon(1e-7)
keras.config.set_image_data_format("channels_last")


def configure(threads: int, seed: int) -> None:
    """Make TensorFlow deterministic: a fixed thread count, deterministic kernels, every generator seeded.

    Parameters
    ----------
    threads : processor threads inside one operation; a sum's order, hence its last bits, depends on it
    seed : seeds Python's, NumPy's and TensorFlow's generators
    """
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    for gpu in tf.config.list_physical_devices("GPU"):
        tf.config.experimental.set_memory_growth(gpu, True)
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()
