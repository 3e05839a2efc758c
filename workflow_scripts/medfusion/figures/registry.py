"""Every figure: the section of the page that it belongs to, and its title. Its caption is captions/NAME.rst."""

from dataclasses import dataclass
from pathlib import Path

CAPTIONS = Path(__file__).resolve().parents[3] / "captions"


@dataclass(frozen=True)
class Figure:
    """A figure, known by the name of its file."""

    section: str
    title: str


# In the order of the page.
FIGURES = {
    "samples": Figure("card", "Training images"),
    "top_errors": Figure("card", "The surest errors"),
    "montage": Figure("data", "Examples of each class"),
    "means": Figure("data", "Mean image of each class"),
    "pairs": Figure("near_duplicates", "The most similar pairs"),
    "mislabelled": Figure("label_audit", "Labels that may be wrong"),
    "augmentation": Figure("augmentation", "Before and after augmentation"),
    "seeds": Figure("results", "Test accuracy of every system and seed"),
    "area_seeds": Figure("results", "Test AUROC of every system and seed"),
    "differences": Figure("differences", "Test accuracy of every system minus that of the selected one"),
    "areas": Figure("results", "The area under the ROC curve of each label"),
    "confusion": Figure("results", "Confusion matrices"),
    "roc": Figure("discrimination", "ROC and precision-recall curves"),
    "reliability": Figure("reliability", "Confidence and what it is worth"),
    "risk_coverage": Figure("reliability", "Selective accuracy when the system abstains from the least certain images"),
    "conformal": Figure("reliability", "Prediction sets of the selected system by class"),
    "corruptions": Figure("corruptions", "Accuracy and abstention against severity"),
    "corrupted": Figure("corruptions", "What the corruptions look like"),
    "errors": Figure("errors", "The most confident errors"),
    "confused": Figure("errors", "The most confused classes"),
    "disagreements": Figure("errors", "Where network and SVM disagree"),
    "saliency": Figure("saliency", "Grad-CAM and occlusion"),
    "curves": Figure("training", "Training curves"),
    "grids": Figure("choices", "Grids of settings"),
    "fusions": Figure("choices", "Weights of the fusions"),
    "learning": Figure("studies", "Learning curves of tree and forest"),
    "tree": Figure("studies", "The decision tree"),
    "plane": Figure("studies", "Regions in the plane of two principal components"),
    "contributions": Figure("ablations", "What changes contribute to accuracy"),
    "training_size": Figure("training_size", "Accuracy against the number of training images"),
}


def caption(name: str) -> str:
    """What is said under a figure, on the page and in Snakemake's own report."""
    return " ".join((CAPTIONS / f"{name}.rst").read_text(encoding="utf-8").split())
