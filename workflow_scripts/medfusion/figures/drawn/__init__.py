"""What one job draws: `draw` reads the files that its arguments name, and returns figures by name, with their numbers.

Modules that take long to import are imported in `draw`, because a job that finds nothing changed does not draw.
"""

from typing import Any

# Figures (or pictures, uint8 (H, W, 3), saved dot by dot) by name, each with the numbers that it shows (a data frame),
# or None.
Drawn = dict[str, tuple[Any, Any]]

# What is drawn in one job, by a module of figures/drawn, and the figures that it makes.
DRAWN = {
    "augmentation": ("augmentation",),
    "curves": ("curves",),
    "grids": ("grids",),
    "fusions": ("fusions",),
    "studies": ("learning", "tree", "plane"),
    "results": ("confusion", "seeds", "differences"),
    "labels": ("areas", "area_seeds"),
    "discrimination": ("roc",),
    "reliability": ("reliability", "risk_coverage", "conformal"),
    "corruptions": ("corruptions",),
    "corrupted": ("corrupted",),
    "examples": ("errors", "confused", "disagreements", "saliency", "top_errors"),
    "mislabelled": ("mislabelled",),
    "training_size": ("training_size",),
    "ablations": ("contributions",),
}
