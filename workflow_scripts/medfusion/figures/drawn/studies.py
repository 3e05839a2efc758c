"""Studies of the classifiers: learning curves, a decision tree, regions in the PCA plane."""

from typing import Any

from medfusion.figures.drawn import Drawn
from medfusion.files import images
from medfusion.naming import display_names


def draw(settings: dict[str, Any], studies: str, test_labels: str, train: str) -> Drawn:
    """The figures `learning`, `tree` and `plane`.

    Parameters
    ----------
    studies : what study_classifiers wrote (HDF5)
    test_labels : of the test split, which colour its points
    train : the prepared training split, to name the data
    """
    from medfusion.figures import curve_figures, montage, study_figures
    from medfusion.figures.figure_parts import data_line
    from medfusion.files import study_files

    description, seed, curves, plane, tree, left_out = study_files.read(studies)
    source = f"{data_line(settings['name'], [train])} · seed {seed}"
    labels, names = images.read_labels(test_labels), display_names(description, settings).label_names
    return {
        "learning": (
            curve_figures.learning_curves(curves, source) if curves else montage.message(left_out, source),
            curve_figures.learning_numbers(curves),
        ),
        "tree": (study_figures.tree(tree, names, source), study_figures.tree_numbers(tree, names)),
        "plane": (
            study_figures.plane(plane, labels, names, source),
            study_figures.plane_numbers(plane, labels, names),
        ),
    }
