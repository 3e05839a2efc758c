"""A reporting checklist: the items of CLAIM (2024) and TRIPOD+AI, answered from the run where it knows.

The numbers are those of the guidelines (Tejani et al. 2024, Radiology: Artificial Intelligence 6; Collins et al. 2024,
BMJ 385); the topics are put in other words.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from medfusion.data.medmnist_sources import SOURCES, Source
from medfusion.display_names import system_names
from medfusion.escaping import code, markdown
from medfusion.files.comparison_files import Comparisons
from medfusion.files.rankings import Ranking, Score
from medfusion.files.slice_files import Assessed
from medfusion.naming import CRITERIA, percent
from medfusion.planning.backbones import is_frozen
from medfusion.planning.pretraining import pretrained_on
from medfusion.report import slices
from medfusion.report.summary import markdown_table

YOURS = "**to be filled by you**"
INTRODUCTION = (
    "What CLAIM (2024 update) and TRIPOD+AI ask for, with what this run knows of it. Only you can answer what is "
    f"{YOURS}. The page (`report.html`) has every figure and table that is named here."
)
HEAD = ("topic", "CLAIM", "TRIPOD+AI", "answer")
PROVENANCE = {
    "official": "MedMNIST's own file in its official splits",
    "surrogate": "the images of MedMNIST in another split than the official one",
    "folder": "a folder of your own pictures",
    "file": "a file of your own",
}


@dataclass(frozen=True)
class Evaluated:
    """What is known of one data set.

    name : as the page calls it
    entry : of the complete configuration
    ranking : of its systems
    comparisons : of its systems; None where an image may have several labels
    images : by split
    generated : whether the images were drawn by a program
    slices : how the selected system does by what metadata say; None without any
    """

    key: str
    name: str
    entry: dict[str, Any]
    ranking: Ranking
    comparisons: Comparisons | None
    images: Mapping[str, int]
    generated: bool
    slices: Assessed | None = None


def checklist(config: dict[str, Any], found: Sequence[Evaluated], context: Mapping[str, str]) -> str:
    """The checklist as Markdown: what holds for the whole study, then a section for each data set.

    Parameters
    ----------
    config : complete
    found : every data set
    context : when and on what was measured, by title
    """
    parts = ["# Reporting checklist", INTRODUCTION, "## The study", _table(_study(config, found, context))]
    for one in found:
        parts += [f"## {markdown(one.name)}", _table(_data(one) + _models(config, one) + _results(config, one))]
    return "\n\n".join(parts) + "\n"


Item = tuple[str, str, str, str]


def _table(items: Iterable[Item]) -> str:
    return markdown_table(HEAD, list(items))


def _study(config: dict[str, Any], found: Sequence[Evaluated], context: Mapping[str, str]) -> list[Item]:
    level = percent(config["evaluation"]["confidence"])
    criterion = CRITERIA[config["criterion"]]
    software = "; ".join(f"{title}: {text}" for title, text in context.items())
    one_class = [one for one in found if one.comparisons is not None]  # the others: several labels an image
    tests = ", paired tests with Holm's correction" if one_class else ""
    output = "calibrated probabilities; prediction sets, abstention" if one_class else "probabilities"
    thresholds = ", decision thresholds" if any(one.entry["positive"] is not None for one in one_class) else ""
    export = ", `snakemake export`" if one_class else ""
    return [
        ("title and abstract say that it is a study of AI, and its design", "1, 2", "1, 2", YOURS),
        ("clinical background, intended use and users, health inequalities", "3", "3a–c", YOURS),
        ("objectives, hypotheses, stage of development", "4, 6", "4", YOURS),
        ("prospective or retrospective", "5", "5a", f"MedMNIST's images: retrospective; of yours: {YOURS}"),
        ("protocol, registration, access to them", "34, 42", "18c, 18d", YOURS),
        ("ethical approval, consent, de-identification", "11", "17", f"{YOURS}: see the source of each data set"),
        ("involvement of patients and the public", "", "19", YOURS),
        ("software, versions, hardware", "23", "12", markdown(software)),
        (
            "how the final model was selected",
            "26",
            "12c",
            f"by validation {criterion}, within one standard error the most accurate",
        ),
        (
            "measures of performance",
            "28",
            "12e",
            "accuracy, AUROC, log loss, calibration and more: the glossary of the page",
        ),
        (
            "uncertainty and tests",
            "29",
            "12e",
            f"{level} intervals over images and seeds (Wilson, DeLong, bootstrap){tests}",
        ),
        (
            "calibration",
            "28",
            "12e, 23a",
            f"{'temperature by validation; ECE and slope' if one_class else 'ECE'} on the test split",
        ),
        ("robustness", "30", "12e", _robustness(config, one_class)),
        ("explanations", "31", "", _explanations(config, one_class)),
        ("model output, thresholds", "22", "12g, 15", f"{output}{thresholds}"),
        ("updating of the model", "", "12f, 24", "none"),
        (
            "code, model and data to others",
            "43",
            "18e, 18f",
            f"this workflow{export}; {YOURS}: where they are kept",
        ),
        ("interpretation, limitations, implications", "40, 41", "25, 26, 27a–c", YOURS),
        ("funding, interests", "44", "18a, 18b", YOURS),
    ]


def _data(one: Evaluated) -> list[Item]:
    entry, source = one.entry, _source(one)
    images = ", ".join(f"{split} {n:,}" for split, n in one.images.items())
    return [
        (
            "sources of the data",
            "7",
            "5a",
            f"{_provenance(one)}{f': {source.images} ({source.paper})' if source else ''}",
        ),
        ("dates, setting, eligibility", "7, 8", "5b, 6a–c", YOURS if source is None else f"{YOURS}, from the source"),
        ("acquisition protocol", "13", "9b", YOURS if source is None else f"{YOURS}, from the source"),
        ("reference standard, who set it", "14–17", "8a–c, 9c", source.labels if source else YOURS),
        ("agreement between readers", "18", "8", YOURS if source is None else f"{YOURS}, from the source"),
        ("preparation of images", "9", "7, 9a, 12b", _preparation(entry)),
        ("selection of images", "8, 10, 35", "6b, 20a", _selection(entry)),
        ("missing and damaged data", "12", "11", "damaged files are refused by name; nothing is imputed"),
        ("partitions, and at which level they are apart", "19, 20", "12a, 12d", f"{_partitions(one)}; {images}"),
        ("size of the test set", "21", "10", _sample_size(one)),
        (
            "participants and their characteristics",
            "35, 36",
            "20a–c",
            f"classes by split on the page; of patients: {YOURS}",
        ),
        ("differences between training and test data", "20", "16, 20c", _leak(one)),
    ]


def _models(config: dict[str, Any], one: Evaluated) -> list[Item]:
    entry, models, seeds = one.entry, [], []
    weights, starts = set(), set()
    classifiers = {name for model in entry["models"].values() for name in model["classifiers"]}
    fusions = any(model["fusions"] for model in entry["models"].values())
    balanced = {
        name for name in classifiers if "balanced" in config["classifiers"][name]["grid"].get("class_weight", ())
    }
    for name, model in entry["models"].items():
        network = config["networks"][model["network"]]
        models.append(f"{code(name)} ({markdown(network['architecture'])})")
        seeds.append(f"{len(model['seeds'])}")
        starts.add(_start(network))
        weights.add(str((network.get("training") or {}).get("class_weight") or "none"))
    return [
        (
            "models",
            "22",
            "12c, 22",
            f"networks {', '.join(models)}{'; classifiers on their features' if classifiers else ''}"
            f"{'; weighted means (fusions)' if fusions else ''}; settings on the page",
        ),
        ("initial weights", "24", "12c", markdown("; ".join(sorted(starts)))),
        (
            "training",
            "25",
            "12c, 21",
            f"{', '.join(seeds)} seeds; optimiser, epochs and augmentation: the configuration on the page",
        ),
        (
            "class imbalance",
            "25",
            "13",
            f"weights of classes: {markdown(', '.join(sorted(weights)))} in the training of networks"
            f"{'; balanced ones tried for ' + ', '.join(map(code, sorted(balanced))) if balanced else ''}",
        ),
        (
            "ensembles",
            "27",
            "12c",
            f"{len(entry['ensembles'])} (soft voting over seeds)" if entry["ensembles"] else "none",
        ),
    ]


def _start(network: dict[str, Any]) -> str:
    """What the weights of a network are before it is trained here."""
    frozen = is_frozen(network)
    origin = network["options"]["pretrained_on"] or "not said on what" if frozen else pretrained_on(network)
    return f"pretrained: {origin}" if origin else "random"


def _results(config: dict[str, Any], one: Evaluated) -> list[Item]:
    first = one.ranking.systems[0]
    name = markdown(system_names(config, one.key)[first.address])
    test = "; ".join(
        f"test {title} {_score(score)}"
        for title, score in (("accuracy", first.test_accuracy), ("AUROC", first.test_auroc))
    )
    validation = f"validation accuracy {_score(first.val_accuracy)}"
    return [
        (
            "performance on all partitions, with precision",
            "37, 38",
            "23a",
            f"{name}: {test}; {validation}; all in `metrics.csv`",
        ),
        (
            "internal test",
            "32",
            "12e",
            f"{one.images.get('test', first.test_accuracy.n):,} test images; no choice of this run reads them",
        ),
        ("fairness, subgroups", "", "14, 23b", _subgroups(one)),
        ("external test", "33", "12e", f"none in this run: `evaluate_external.py` makes one; {YOURS}"),
        ("failure analysis", "39", "23a", f"{_failures(one)} on the page"),
    ]


def _failures(one: Evaluated) -> str:
    return (
        "measures of each label"
        if one.comparisons is None
        else "confusion matrices, most confident errors, disagreements"
    )


def _subgroups(one: Evaluated) -> str:
    if one.slices is None:
        return f"not measured: no metadata (key `metadata`) say of which patients images are; {YOURS}"
    return f"{markdown(slices.summary(one.slices))} (`slices.csv`); whether that is fair: {YOURS}"


def _source(one: Evaluated) -> Source | None:
    of_medmnist = one.entry["source"] in ("official", "surrogate") and not one.generated
    return SOURCES.get(one.entry["flag"] or "") if of_medmnist else None


def _provenance(one: Evaluated) -> str:
    if one.generated:
        return "GENERATED images, drawn by a program: no patient is behind them"
    return PROVENANCE.get(one.entry["source"], one.entry["source"])


def _preparation(entry: dict[str, Any]) -> str:
    size = f"{entry['size']} × {entry['size']} pixels"
    if entry["source"] == "folder":
        return f"cropped to the middle square and resized to {size}"
    return f"{size}, as the file has them"


def _selection(entry: dict[str, Any]) -> str:
    folder = entry["source"] == "folder"
    said = ["all pictures that can be read, but for `exclude`" if folder else "all images of the file"]
    for name, model in entry["models"].items():
        if model["train_images"] != "all":
            said.append(f"{code(name)} learned from {model['train_images']:,} training images")
        if splits := model["drop_near_duplicates_of"]:
            said.append(f"{code(name)} learned without near-duplicates of {' and '.join(splits)}")
    return "; ".join(said)


def _trained(config: dict[str, Any], one: Evaluated) -> list[bool]:
    """Of each model, whether its network is trained here."""
    return [not is_frozen(config["networks"][model["network"]]) for model in one.entry["models"].values()]


def _robustness(config: dict[str, Any], one_class: Sequence[Evaluated]) -> str:
    corrupted = config["corruptions"]["models"] and any(any(_trained(config, one)) for one in one_class)
    return f"{'corrupted test images (`corruptions.csv`); ' if corrupted else ''}ablations where the page has them"


def _explanations(config: dict[str, Any], one_class: Sequence[Evaluated]) -> str:
    if not one_class:
        return "none"
    gradients = any(any(_trained(config, one)[:1]) for one in one_class)  # maps are those of the first model
    return f"saliency maps ({'Grad-CAM, ' if gradients else ''}occlusion); not validated by readers"


def _partitions(one: Evaluated) -> str:
    split, shared = one.entry["split"], one.slices.shared if one.slices else None
    if one.generated:
        return "drawn for each split"
    if not split:
        apart = f"whether patients are apart: {YOURS}, from the source"
        return f"as the file gives them; {apart if shared is None else _shared(shared)}"
    shares = " / ".join(percent(share) for share in split["shares"])
    level = (
        f"groups ({code(split['groups'])})"
        if split["groups"]
        else f"single images; whether patients are apart: {YOURS}"
        if shared is None
        else f"patients (`metadata`); {_shared(shared)}"
    )
    return f"those of the folders train, val and test; without these dealt {shares} (seed {split['seed']}), by {level}"


def _shared(patients: int) -> str:
    return f"{patients:,} patients of the test split are in another too"


def _sample_size(one: Evaluated) -> str:
    n = one.ranking.systems[0].test_accuracy.n
    shown = "" if one.comparisons is None else "; the page says which differences so many images can show"
    return f"n = {n:,}, not calculated beforehand{shown}"


def _leak(one: Evaluated) -> str:
    found = (one.comparisons or {}).get("near_duplicates")
    if not found:
        return f"near-duplicates across splits: the audit on the page; else {YOURS}"
    n = one.comparisons["n"] if one.comparisons else 0
    measured = ": results with and without them" if found["parts"] else ""
    return f"{found['images']:,} of {n:,} test images have a near-duplicate in training{measured}"


def _score(score: Score) -> str:
    return f"{score.mean:.3f} ({score.low:.3f} to {score.high:.3f})"
