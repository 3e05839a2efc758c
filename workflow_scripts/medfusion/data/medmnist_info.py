"""MedMNIST's own tables and evaluator, imported without the notice that it prints when torch is absent."""

import contextlib
import io

with contextlib.redirect_stdout(io.StringIO()):
    from medmnist.evaluator import getACC, getAUC
    from medmnist.info import INFO

__all__ = ["INFO", "getACC", "getAUC"]
