"""The sections on data sets: their source, augmentation, models, ensembles and other splits."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from medfusion.planning.config_models.common import (
    NO_CHOICE,
    Complete,
    Distinct,
    Label,
    Name,
    NotEmpty,
    Section,
    Seed,
    Sha256,
    Share,
    SomeDistinct,
    Text,
    Whole,
    key,
    optional,
)
from medfusion.planning.config_models.networks import Features, Options, Training

Size = Literal["all"] | Annotated[int, Field(ge=2)]
Pair = Annotated[list[str], Field(min_length=2, max_length=2)]
Proper = Annotated[float, Field(gt=0, lt=1)]
Accuracy = Annotated[float, Field(ge=0, le=1)]
Images = Annotated[int, Field(ge=1, le=1000000)]
Bits = Annotated[int, Field(ge=8, le=16)]
PositiveLabel = Annotated[int, Field(ge=0)]
POOLS = [["train", "val"], ["train", "val", "test"]]


def _pool(value: list[Any]) -> list[Any]:
    if value not in POOLS:
        raise PydanticCustomError(NO_CHOICE, "none of the pools")
    return value


Pool = Annotated[list[Any], AfterValidator(_pool), Field(json_schema_extra={"enum": POOLS})]


class Split(Section):
    shares: list[Proper] = optional("of each class: train, val, test", min_length=3, max_length=3)
    seed: Seed = optional("of the split, and of the order of the images in any folder")
    groups: NotEmpty | None = optional(
        "what stays in one split: a regular expression, searched in a picture's path below the folder of its class, "
        "whose first group names the patient, such as `^([^_]+)_`; ~ for none"
    )

    def faults(self) -> Iterator[tuple[str, str]]:
        if self.shares and abs(sum(self.shares) - 1) > 1e-9:
            yield "shares", f"sum to {sum(self.shares):g}; expected 1"


class Augmented(Section):
    copies: int = optional("versions of each image; by default as in defaults.by_images", ge=1, le=1000)
    seed: Seed = optional("of the augmented set")
    flip: Literal["none", "horizontal", "vertical", "both"] = optional("mirror images; by default as the preset has it")
    rotation: Annotated[float, Field(ge=0, le=180)] = optional("± degrees; likewise")
    scale: Share = optional("± share; likewise")
    contrast: Share = optional("± share; likewise")


class Augmentation(Augmented):
    preset: Literal["free", "upright", "sided", None] = optional(
        "what flip, rotation, scale and contrast are where they are not given: free (both flips, ± 180°), upright "
        "(mirror images, ± 10°), sided (no flips, ± 10°), each with ± 0.10 of scale and contrast; ~ for that of the "
        "kind of image"
    )


class Pairs(Section):
    """Pairs of systems that are compared."""

    compare: Distinct[Pair] = optional("pairs of systems: the first against the second")

    def faults(self) -> Iterator[tuple[str, str]]:
        for first, second in self.compare or ():
            if first == second:
                yield "compare", f"{first} with itself; expected two systems"


class Primary(Pairs):
    measure: Literal["accuracy", "auroc"] = key("the one that the primary comparisons are made by")
    compare: Distinct[Pair] = key(
        "pairs of systems, the first against the second, on the test split: model/system or ensembles/name",
        min_length=1,
        max_length=4,
    )


class Compared(Pairs):
    """What both schemes of other splits have."""

    seed: Seed = optional("of the splits")
    models: SomeDistinct[str] | None = optional("that are trained on these splits; ~ for all")
    practically_equivalent: Accuracy = optional("differences up to this count as none in practice")


class Crossvalidation(Compared):
    pool: Pool = optional(
        "the images that are divided: [train, val], whose results may guide choices, or [train, val, test], whose "
        "results assess procedures and must guide no later choice"
    )
    folds: int = optional(
        "each is the test split once; of the others the same share validates as in the given split", ge=3, le=100
    )
    repeats: int = optional("of all folds, each divided anew, with a seed of its own for networks", ge=1, le=1000)
    ensembles: bool = optional(
        "whether the systems of a repeat's folds are averaged to one as well, calibrated on the out-of-fold "
        "probabilities of all images of train and val, and tested on the given test split"
    )


class Resplits(Compared):
    number: int = optional("how many splits", ge=2, le=1000)


class Changes(Section):
    """What differs in a derived model: keys that replace those of its base."""

    options: Options = optional("of the network")
    training: Training = optional("of the network")
    features: Features = optional("of the network")
    augmentation: Augmented = optional("of the data set")


class OfAnyModel(Section):
    seeds: SomeDistinct[Seed] = optional("one network each")
    train_images: Size = optional("all, or so many: a stratified subset")
    drop_near_duplicates_of: Distinct[Literal["val", "test"]] = optional(
        "splits of whose images, in any flip or rotation by 90 degrees, no near-duplicate is trained on"
    )
    classifiers: Distinct[str] = optional(
        "on its features; by default those of defaults.model if it names no network, classifiers or fusions, else none"
    )
    fusions: Distinct[str] = optional("of its network and classifiers; default likewise")


class Model(OfAnyModel):
    label: Label = optional("its name in tables, figures and pages; ~ for one that follows from the key")
    network: str = optional("an entry of networks; by default that of defaults.by_images")
    base: str = optional(
        "a model of this data set that this one is derived from, for an ablation: what is left out is taken from it, "
        "and the page compares the two seed by seed; a derived model takes no part in choices"
    )
    changes: Changes = optional("settings that differ from those of base")

    def faults(self) -> Iterator[tuple[str, str]]:
        if self.changes and not self.base:
            yield "changes", "needs the key base, the model that it changes; set base, or leave changes out"


class Ensemble(Section):
    label: Label = optional("its name in tables, figures and pages; ~ for one that follows from the key")
    systems: SomeDistinct[str] = key("whose probabilities are averaged, over all their seeds: model/system")


class LearningCurve(Section):
    network: str = key("an entry of networks")
    sizes: SomeDistinct[Size] = key("numbers of training images")
    repeats: SomeDistinct[Seed] = key("seeds: each draws its own stratified subsets and weights")


class Generated(Section):
    seed: Seed = key("of the generated images")
    train: Images = key("images of this split")
    val: Images = key("images of this split")
    test: Images = key("images of this split")


class Published(Section):
    system: str | None = optional("model/system or ensembles/name, if it is one of ours")
    name: Text = key("of the system, or of who measured it")
    accuracy: Accuracy | None = key("on the official test split")
    auroc: Accuracy | None = optional("likewise")
    source: Text = key("where they were published")


class OfAnyDataset(Section):
    size: Annotated[Literal[28, 64, 128, 224], Whole] = optional("pixels a side; by default those of a file")
    source: Literal["official", "surrogate", "file", "folder", "generated"] = optional(
        "official: MedMNIST's own file; surrogate: `{flag}_surrogate.npz`; file, folder: see path; generated: see there"
    )
    ece_bins: int = optional("equal-mass bins of the calibration error", ge=2, le=1000)
    near_duplicates: float = optional("pixel correlation from which two images count as near-duplicates", gt=0, le=1)
    augmentation: Augmentation = optional("of training images only")


class DatasetDefaults(OfAnyDataset):
    split: Complete[Split] = optional("of a folder of pictures that has no train, val and test")
    crossvalidation: Complete[Crossvalidation] = optional("of a data set that has this key")
    resplits: Complete[Resplits] = optional("of a data set that has this key")


class Origin(Section):
    flag: Literal[
        "pathmnist", "chestmnist", "dermamnist", "octmnist", "pneumoniamnist", "retinamnist", "breastmnist",
        "bloodmnist", "tissuemnist", "organamnist", "organcmnist", "organsmnist", None,
    ] = optional("MedMNIST's name; ~ for a file of your own that is none of these")  # fmt: skip
    task: Literal["multi-class", "ordinal-regression", "multi-label", None] = optional(
        "of a file without a flag: multi-class (~), ordinal-regression (classes with an order), or multi-label: labels "
        "(n, k) of 0 and 1, several at once"
    )
    path: NotEmpty | None = optional(
        "source file: a local .npz in MedMNIST format; source folder: a folder of PNG or JPEG pictures of any size, "
        "`{class}/…` or `{train,val,test}/{class}/…`; each becomes an image as in `predict`"
    )
    split: Split | None = optional("source folder without train, val and test")
    colour: bool | None = optional("source folder: whether pictures have colour; ~ for that of the first by name")
    bits: Bits | None = optional(
        "source folder: how many bits of 16-bit pictures hold values (12 for many detectors); ~ for all 16"
    )
    exclude: NotEmpty | Distinct[NotEmpty] | None = optional(
        "source folder: patterns of files and folders to pass over: `*_mask*`; with a / of paths below the folder"
    )
    metadata: NotEmpty | None = optional(
        "CSV file of what else is known of the images: columns `file` (path below the folder; of an .npz file `split` "
        "and `index`), `patient`, and others by which results are given, such as sex, age, site, device; ~ for none"
    )
    sha256: Sha256 = optional("of the file; checked where given")
    label: Text | None = optional("its name in every table and page; required unless the file is the official one")
    label_names: Distinct[Text] | None = optional(
        "classes as they are printed, in label order; ~ for MedMNIST's names, numbers of a file without a flag, or "
        "names of folders, which in another order give the labels that order"
    )
    positive: PositiveLabel | None = optional("whose sensitivity and average precision are reported; ~ for none")
    generated: Generated | None = optional("source generated: seed and numbers of the images that are drawn")

    def faults(self) -> Iterator[tuple[str, str]]:
        if self.flag and self.task:
            yield "task", f"{self.flag} has a task of its own; leave task to files without a flag"


class Dataset(OfAnyDataset, Origin):
    models: dict[Name, Model] = optional("networks with their classifiers and fusions", min_length=1)
    ensembles: dict[Name, SomeDistinct[str] | Ensemble] = optional(
        "averages of probabilities: a list of systems, or these and a label"
    )
    learning_curve: LearningCurve | None = optional("accuracy against the number of training images; ~ for none")
    crossvalidation: Crossvalidation | None = optional(
        "`snakemake crossvalidation`: the whole workflow in folds of these images; ~ for none"
    )
    resplits: Resplits | None = optional(
        "`snakemake resplits`: the same on other splits in the shares of this one, test images among them; ~ for none"
    )
    primary: Primary | None = optional(
        "the few comparisons declared in advance for the test split: p is adjusted for these alone, and all others are "
        "called exploratory; ~ for none"
    )
    export: str | None = optional(
        "what `snakemake export` packs: model/system or ensembles/name; ~ for the highest in rank that is no ensemble"
    )
    published: list[Published] = optional("published figures, shown beside ours")
