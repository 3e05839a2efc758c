"""config.yaml as a whole, and its sections that are about no single data set, network or classifier."""

import math
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from medfusion.planning.config_models.classifiers import Choosing, Classifier, Fusion
from medfusion.planning.config_models.common import (
    Complete,
    Distinct,
    Name,
    Section,
    Seed,
    Share,
    SomeDistinct,
    Text,
    key,
    matching,
)
from medfusion.planning.config_models.datasets import Dataset, DatasetDefaults, OfAnyModel
from medfusion.planning.config_models.networks import Features, Network, Training
from medfusion.planning.config_values import printed

TAKEN = r"""\s{}'"*?$&|;<>()!\\`#~\[\]"""  # by Snakemake or a shell, for something else
Folder = Annotated[
    str,
    matching(
        f"^[^-{TAKEN}][^{TAKEN}]*$",
        "a folder's path without spaces and without characters that mean something to a shell",
    ),
]


Two = Annotated[int, Field(ge=2)]
Prevalence = Annotated[float, Field(gt=0, lt=1)]
Sensitivity = Annotated[float, Field(ge=0.5, lt=1)]


class Compute(Section):
    threads: int = key("processor threads a job; another number is another result", ge=1, le=256)
    precision: Literal["float32", "bfloat16", "auto"] = key(
        "of activations while networks are trained, whose weights are float32; another is another result; auto: "
        "bfloat16 on a processor that multiplies in it. Networks of keras.applications keep to float32, and so do "
        "those with `widths` that are no multiples of 16, which bfloat16 slows down"
    )


class ByImages(Section):
    up_to: Annotated[int, Field(ge=1)] | None = key("training images; ~ for any number")
    network: str = key("of models that name none")
    copies: int = key("versions of each image in the augmented set", ge=1, le=1000)


class Defaults(Section):
    dataset: Complete[DatasetDefaults] = key("of each data set")
    by_images: list[ByImages] = key(
        "by number of training images, the first line that is not exceeded; the second where it is unknown",
        min_length=1,
    )
    model: Complete[OfAnyModel] = key("of each model; a data set that names none has one, called default")
    training: Complete[Training] = key("of each network")
    features: Complete[Features] = key("of each network")
    classifier: Complete[Choosing] = key("of each classifier")

    def faults(self) -> Iterator[tuple[str, str]]:
        limits = [rule.up_to for rule in self.by_images]
        ordered = [math.inf if limit is None else limit for limit in limits]
        if ordered != sorted(set(ordered)):
            yield "by_images", f"up_to is {printed(limits)}; expected numbers that grow, or ~ in the last line"


class Evaluation(Section):
    replicates: int = key("bootstrap samples of an interval", ge=100, le=1000000)
    confidence: float = key("of all intervals", gt=0.5, lt=1)
    seed: Seed = key("of the bootstrap")
    prevalences: Distinct[Prevalence] = key(
        "of the positive label, for which predictive values are given", max_length=10
    )
    nearest_images: Two | None = key("among which the nearest neighbour is sought, a stratified subset; ~ for all")


class Reliability(Section):
    conformal_coverage: Annotated[float, Field(ge=0.5, lt=1)] | None = key(
        "share of images whose prediction set is to hold the true class; ~ for the lowest of 0.9, 0.95, 0.99, 0.995 "
        "and 0.999 above the accuracy of every system on validation"
    )
    sensitivity: Sensitivity | None = key(
        "that the decision threshold is to have; ~ for the threshold with the highest balanced accuracy"
    )
    abstention_rate: Share = key("share of images, the least certain, that is to be referred to a human")


class Corruptions(Section):
    models: int = key("the first so many of each data set, with their first seed; 0 for none", ge=0, le=1000)
    severities: SomeDistinct[Annotated[int, Field(ge=1, le=5)]] = key("of MedMNIST-C, the mildest first")
    test_images: Annotated[int, Field(ge=20)] | None = key("so many at most, drawn without their labels; ~ for all")
    seed: Seed = key("of the draw and the corruptions")


class InputCheck(Section):
    flagged: float = key(
        "share of validation images, which are like the training images, that is flagged all the same", ge=0.001, le=0.5
    )
    fit_images: Annotated[int, Field(ge=256)] | None = key(
        "training images that it is fitted on, at most, a stratified subset; ~ for all"
    )
    val_images: Annotated[int, Field(ge=20)] | None = key(
        "that are altered to choose the kind of check, at most; ~ for all"
    )
    test_images: Annotated[int, Field(ge=20)] | None = key(
        "of each corruption and severity that it is tried on, at most; ~ for all"
    )
    seed: Seed = key("of the draws and the alterations")


class Studies(Section):
    fit_images: Two | None = key("training images seen at most, a stratified subset; ~ for all")
    fit_values: int = key("numbers of features of them all, at most", ge=1000, le=1000000000)
    tree_sizes: int = key("training sizes of the tree's and forest's learning curves", ge=2, le=100)
    folds: int = key("of these curves", ge=2)
    plane_images: int = key("training images on which the regions in the PCA plane are fitted", ge=10)


class Report(Section):
    title: Text = key("of the page")
    style: Literal["whitegrid", "darkgrid", "white", "dark", "ticks"] = key("seaborn's name of the figures' style")


class Configuration(Section):
    results: Folder = key("folder for everything that is made")
    data: Folder = key("folder for downloaded .npz files")
    compute: Compute = key("what jobs compute with")
    criterion: Literal["log_loss", "auroc", "accuracy"] = key(
        "by which hyperparameters, weights of fusions and a system are selected on validation: log_loss after a "
        "temperature; of those within one standard error of the best the most accurate is taken"
    )
    datasets: dict[Name, Dataset] = key("by the name of a target: `snakemake -j 8 breast`", min_length=1)
    defaults: Defaults = key("what entries leave out")
    networks: dict[Name, Network] = key("architectures, their options and how they are trained")
    classifiers: dict[Name, Classifier] = key("on network features")
    fusions: dict[Name, Fusion] = key(
        "of a network's probabilities (cnn) with those of classifiers on its features, each after a temperature from "
        "the validation split"
    )
    evaluation: Evaluation = key("measures on the test split, and their intervals")
    reliability: Reliability = key("chosen on the validation split, measured on the test split")
    corruptions: Corruptions = key("what systems say of test images that scanner, lens or file made worse")
    input_check: InputCheck = key("whether an image is unlike the training images")
    studies: Studies = key("figures on the features of the first seed of the first model of each data set")
    report: Report = key("the page and all figures")
