"""TensorFlow as the stages set it up, once imported: its threads cannot be changed after the first use in a process."""

from medfusion.learning import backend

backend.configure(threads=1, seed=0)
