"""In which precision networks are trained: what `auto` stands for, and what a network's widths allow."""

import os
from pathlib import Path
from typing import Any

AUTO, FLOAT32, BFLOAT16 = "auto", "float32", "bfloat16"
CPUINFO = Path("/proc/cpuinfo")
FLAGS = ("amx_bf16", "avx512_bf16")  # as Linux calls what multiplies in bfloat16
HIDE_VARIABLE = "MEDFUSION_HIDE_BFLOAT16"  # not empty: as if the processor had none of these


def resolved(asked: str) -> str:
    """The precision that is taken: the one that is asked for, or the one that `auto` stands for here."""
    return _choice()[0] if asked == AUTO else asked


def of_network(precision: str, options: dict[str, Any]) -> str:
    """The precision that a network is trained in: bfloat16 slows down widths that are no multiples of 16.

    Networks of keras.applications are trained in float32: what lies between their layers was never tried in another.

    >>> of_network("bfloat16", {"widths": [16, 48]}), of_network("bfloat16", {"widths": [16, 24]})
    ('bfloat16', 'float32')
    """
    unfit = "application" in options or any(width % 16 for width in options.get("widths", []))
    return FLOAT32 if unfit else precision


def note(asked: str) -> str | None:
    """What `auto` took and why, in a line; None where it was not asked for."""
    if asked != AUTO:
        return None
    taken, reason = _choice()
    return f"compute.precision: auto takes {taken}, because {reason}."


def _choice() -> tuple[str, str]:
    if os.environ.get(HIDE_VARIABLE):
        return FLOAT32, f"{HIDE_VARIABLE} is set"
    try:
        lines = CPUINFO.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        return FLOAT32, f"{CPUINFO} cannot be read ({error.strerror})"
    known = {flag for line in lines if line.startswith("flags") for flag in line.partition(":")[2].split()}
    if found := next((flag for flag in FLAGS if flag in known), None):
        return BFLOAT16, f"the processor has {found}"
    return FLOAT32, f"the processor has neither {' nor '.join(FLAGS)}"
