"""Which figures the page knows: the section each belongs to, and what it says in words."""

from dataclasses import dataclass

from medfusion.report.page_parts import Picture, picture


@dataclass(frozen=True)
class Kind:
    """A kind of figure, known by the last part of its name."""

    section: str
    title: str
    caption: str


KINDS = {
    "montage": Kind("data", "Examples of each class", "Training images, drawn at random."),
    "means": Kind("data", "Mean image of each class", "Mean over the training images of a class."),
    "pairs": Kind(
        "near_duplicates",
        "The most similar pairs",
        "Pairs of images with the highest pixel correlation, across splits first, then within.",
    ),
    "augmentation": Kind(
        "augmentation", "Before and after augmentation", "Training images (first column) and their augmented copies."
    ),
    "seeds": Kind(
        "results",
        "Test accuracy of every system and seed",
        "Systems in the order of their ranks. Dots: runs; black: mean ± standard deviation over seeds; "
        "grey bars: from the lowest to the highest limit of the Wilson intervals of single runs, over several a range "
        "and no interval of the mean; diamonds: figures published elsewhere; "
        "dashed: systems without a network.",
    ),
    "area_seeds": Kind(
        "results",
        "Test AUROC of every system and seed",
        "Means over the labels. Systems in the order of their ranks. Dots: runs; black: mean ± standard "
        "deviation over seeds; grey bars: from the lowest to the highest limit of the bootstrap intervals of single "
        "runs, over several a range and no interval of the mean; diamonds: figures published elsewhere; dashed: "
        "systems without a network.",
    ),
    "differences": Kind(
        "differences",
        "Test accuracy of every system minus that of the selected one",
        "Systems in the order of their ranks. Lines: intervals of the difference of means over runs by sign flips over "
        "images, each for its own comparison and not adjusted; filled diamonds: significant "
        "by the same test after Holm's correction; open circles: no significant difference, though an interval that is "
        "not adjusted can leave out 0.",
    ),
    "areas": Kind(
        "results",
        "The area under the ROC curve of each label",
        "Of the selected system, and of the network alone: the mean over seeds, with the lowest and the "
        "highest limit of the runs' bootstrap intervals (no interval of the mean). At 0.5 a label is not found "
        "better than by chance.",
    ),
    "confusion": Kind(
        "results",
        "Confusion matrices",
        "Of each network alone, and of its system of the highest rank. Rows are true classes, columns predicted "
        "ones; each cell has the number of test images (the mean over seeds, where there are several) and its share "
        "of the true class.",
    ),
    "reliability": Kind(
        "reliability",
        "Confidence and what it is worth",
        "Of the selected system, and of the network alone: the share of images predicted rightly against "
        "the confidence of the prediction, before and after the temperature chosen on validation. Points on the "
        "dashed line are perfectly calibrated; below it confidence is too high. Histograms: images of the same run "
        "by confidence.",
    ),
    "risk_coverage": Kind(
        "reliability",
        "Selective accuracy when the system abstains from the least certain images",
        "Of the selected system, and of the network alone; a line a run, the first seed's thick. Diamonds:"
        " the mean over seeds of what the threshold of confidence does that was chosen on validation, with the "
        "lowest and the highest limit of the runs' Wilson intervals (no interval of the mean).",
    ),
    "conformal": Kind(
        "reliability",
        "Prediction sets of the selected system by class",
        "Share of test images whose set holds the true class, against the intended share (dashed), and the mean "
        "number of classes in a set. One threshold for all classes lets classes pay for each other; one for each "
        "class does not.",
    ),
    "errors": Kind("errors", "The most confident errors", "Of the selected system."),
    "confused": Kind("errors", "The most confused classes", "By the selected system."),
    "disagreements": Kind("errors", "Where network and SVM disagree", "Images on which only one of them is right."),
    "saliency": Kind(
        "saliency",
        "Grad-CAM and occlusion",
        "The network's surest right and wrong example of each class. Maps show where, not why.",
    ),
    "curves": Kind(
        "training",
        "Training curves",
        "Accuracy and loss over the epochs, one line a seed; the dots mark the lowest validation loss. Training "
        "figures are taken with dropout and augmentation where the network has them, so they can lie below validation.",
    ),
    "grids": Kind(
        "choices",
        "Grids of settings",
        "What every combination of settings was compared by on the features of the first seed; "
        "red frame: the chosen one, the most accurate of those within one standard error of the best. Grids of one "
        "combination are not drawn.",
    ),
    "fusions": Kind(
        "choices",
        "Weights of the fusions",
        "Accuracy and log loss on the validation split over the weights, for the first seed; red: the choice, the "
        "most accurate of the weights within one standard error of the best; dashed: 0.7, a constant in the original "
        "study. With three members or more, the best points by the criterion that "
        "chose.",
    ),
    "learning": Kind(
        "studies",
        "Learning curves of tree and forest",
        "Accuracy on network features against the number of training images; bands: one standard deviation over "
        "folds. Cross-validated figures are optimistic, because the network was trained on the labels of the folds; "
        "the validation split was not trained on, but may have stopped the training.",
    ),
    "tree": Kind(
        "studies",
        "The decision tree",
        "Its upper levels: question, number of training images, most frequent class and its share; the bar shows the "
        "shares of all classes. Features are numbered as they leave the network.",
    ),
    "plane": Kind(
        "studies",
        "Regions in the plane of two principal components",
        "Scaling and components are fitted on training features, and a forest and an SVM on the training images in "
        "this plane alone: it shows how they divide a space, not how the systems above decide. Test images take no "
        "part in the fits.",
    ),
    "contributions": Kind(
        "ablations",
        "What accuracy changes without a part",
        "Differences to the system as configured with the same seed (to the fusion, where one of its members is "
        "measured alone). Dots: seeds; black: their mean; grey bars: the interval of that mean over seeds, which may "
        "reach beyond the edge. Where it holds 0, the seeds do not show that the part matters.",
    ),
    "training_size": Kind(
        "training_size",
        "Accuracy against the number of training images",
        "Test accuracy of networks trained on stratified subsets; every repeat draws its own subsets and weights.",
    ),
}
OTHER = "other"
# Folders of a data set that are named after no model.
ASIDE = ("inspect", "audit", "results", "studies", "learning_curve", "reliability", "examples", "ablations", "labels")


def rank(name: str) -> int:
    """The place of a figure among the kinds."""
    last = name.rpartition("/")[2]
    return list(KINDS).index(last) if last in KINDS else len(KINDS)


def read_picture(name: str, path: str, data: str) -> tuple[str, Picture]:
    """A figure with the section it belongs to.

    Parameters
    ----------
    name : path below the results folder without suffix: data set, then what the figure is of, then its kind
    path : of the file
    data : name of the data set, for caption and alternative text
    """
    _, *middle, last = name.split("/")
    kind = KINDS.get(last, Kind(OTHER, last.replace("_", " ").capitalize(), ""))
    models = [part for part in middle if part not in ASIDE]
    of = ", ".join(f"seed {part[4:]}" if part.startswith("seed") and part[4:].isdigit() else part for part in models)
    title = f"{kind.title}: {of}" if of else kind.title
    return kind.section, picture(name, path, title, f"{kind.caption} Data: {data}.".strip(), f"{title}. {data}.")
