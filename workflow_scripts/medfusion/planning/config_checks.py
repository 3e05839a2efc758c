"""What no section of a configuration can say alone: names that must exist elsewhere, sizes, folders, files."""

import os
from collections.abc import Iterator
from pathlib import Path

from medfusion.figures.drawn import DRAWN
from medfusion.learning.architectures.registry import LAYERS
from medfusion.planning import ablations, backbones, dataset_checks, pretraining
from medfusion.planning.config_values import did_you_mean, hint, printed
from medfusion.planning.data_sets import ONLY_MODEL
from medfusion.planning.partitions import SCHEMES
from medfusion.planning.systems import Config, all_models
from medfusion.reruns.fingerprint import ROOT

# Names of folders and targets beside those of the data sets; a test adds the names of the rules.
RESERVED_DATASETS = {
    "all", "none", "inspect", "audit", "settings", "records", "sweep", "logs", "downloads", "predictions", "export",
    "stage", "download", "fetch_weights", "generate", "prepare", "prepare_folder", "inspect_images", "audit_duplicates",
    "augment", "train_cnn", "extract_features", "learning_curve", "fit_grid", "fuse", "ensemble", "baselines",
    "evaluate", "rank_systems", "compare_systems", "calibrate", "assess_reliability", "assess_discrimination",
    "assess_slices", "collect_metrics", "study_classifiers",
    "fit_input_check", "apply_input_check", "predict_out_of_fold", "audit_labels",
    "corrupt_predict", "corrupt_evaluate", "apply_backbone", "group_images", "partition_images", "summarise_partitions",
    "apply_fold", "ensemble_folds", "summarise_fold_ensembles",
    "select_examples", "map_saliency", "write_predictions", "export_package", "write_try_page",
    "summarise", "report", *SCHEMES,
    *(f"draw_{kind}" for kind in DRAWN),
}  # fmt: skip

PROJECT = ROOT.parent
# Its folders, in which nothing is made, and those of programs that keep their own things in them.
OF_PROJECT = (
    "workflow_scripts", "rules", "schemas", "profiles", "configs", "captions", "tests", "docs", "benchmarks",
)  # fmt: skip
OF_OTHERS = (".git", ".snakemake", ".venv", ".ci", "__pycache__")


def inconsistencies(config: Config) -> Iterator[str]:
    """Faults of a configuration whose sections are sound and that has its defaults, one line each."""
    yield from _folder_faults(config)
    used = {model["network"] for dataset in config["datasets"].values() for model in all_models(dataset).values()}
    said: set[str] = set()  # what is wrong with a base is said of that alone
    for name, network in config["networks"].items():
        if backbones.is_frozen(network):
            yield from backbones.faults(f"networks.{name}", network, name in used)
            continue
        for fault in (*_network_faults(network), *pretraining.faults(network, name in used)):
            if fault not in said or "." not in name:
                yield f"{ablations.place(name)}.{fault}"
            said.add(fault)
    for section in ("classifiers", "fusions"):
        if "cnn" in config[section]:
            yield f"{section}.cnn: the name stands for the network itself; choose another"
    for name, classifier in config["classifiers"].items():
        if classifier["kind"] == "svm" and classifier["calibration"] == "none":
            yield (
                f"classifiers.{name}.calibration: an svm has scores, not probabilities; expected temperature or sigmoid"
            )
    for name in config["fusions"]:
        if name in config["classifiers"]:
            yield f"fusions.{name}: a classifier has this name too; choose different names"
    yield from _name_faults(config)
    yield from _same_labels(config)
    for name, dataset in config["datasets"].items():
        if name.casefold() in RESERVED_DATASETS or name.casefold().startswith("export_package_"):
            yield f"datasets.{name}: the name is taken by a target or a folder of the workflow; choose another"
        yield from dataset_checks.faults(f"datasets.{name}", dataset, config)


def _name_faults(config: Config) -> Iterator[str]:
    """Reserved names, and names that a case-insensitive file system takes for one."""
    holders = [(section, config[section]) for section in ("datasets", "networks", "classifiers", "fusions")]
    for name, dataset in config["datasets"].items():
        holders += [
            (f"datasets.{name}.models", all_models(dataset)),
            (f"datasets.{name}.ensembles", dataset["ensembles"]),
        ]
    for key, entries in holders:
        folded: dict[str, str] = {}
        for name in entries:
            if name.casefold() in ("all", "none") and key != "datasets":
                yield f"{key}.{name}: the names all and none are reserved; choose another"
            if name.casefold() in folded:
                yield f"{key}.{name}: differs from {folded[name.casefold()]!r} only in case; choose another name"
            folded.setdefault(name.casefold(), name)


def _same_labels(config: Config) -> Iterator[str]:
    """Labels that would give two entries one name in every table."""
    parts = {
        f"{section}.{name}.label": entry
        for section in ("classifiers", "fusions")
        for name, entry in config[section].items()
    }
    groups = [{key: entry.get("label") for key, entry in parts.items()}]
    for name, dataset in config["datasets"].items():
        key = f"datasets.{name}"
        groups.append({f"{key}.models.{model}.label": entry.get("label") for model, entry in dataset["models"].items()})
        for base in dataset["models"]:
            derived = {one: entry for one, entry in dataset["derived"].items() if entry["base"] == base}
            groups.append({f"{key}.models.{one}.label": ablations.words(one, entry) for one, entry in derived.items()})
        groups.append({f"{key}.ensembles.{one}.label": label for one, label in dataset["ensemble_labels"].items()})
    for group in groups:
        holders: dict[str, str] = {}
        for key, label in group.items():
            if label and (holder := holders.setdefault(" ".join(label.split()).casefold(), key)) != key:
                yield f"{key}: {printed(label)} is that of {holder.removesuffix('.label')} too; choose another"


# -- folders and files ------------------------------------------------------------------------------------------------


def misspelt(config: Config) -> Iterator[str]:
    """Entries that are complete by defaults alone and close in name to another: probably a typo in an overlay."""
    for name, dataset in config["datasets"].items():
        source = dataset.get("source", config["defaults"]["dataset"]["source"])
        if not dataset.get("flag") and source not in ("file", "folder"):
            others = [other for other in config["datasets"] if other != name]
            yield (
                f"datasets.{name}.flag: required with source {source!r}: MedMNIST's name of the data set"
                f"{did_you_mean(name, others)}"
            )
        models = dataset.get("models") or {}
        bases = [model for model, entry in models.items() if "base" not in entry] or [ONLY_MODEL]
        for model, entry in models.items():
            others = [other for other, theirs in models.items() if "network" in theirs]
            if "base" in entry and entry["base"] not in bases:
                derived = "is a derived model itself; name one without base"
                why = derived if entry["base"] in models else f"is unknown{hint(entry['base'], bases)}"
                yield f"datasets.{name}.models.{model}.base: {entry['base']!r} {why}"
            if not {"network", "base"} & {*entry} and (guess := did_you_mean(model, others)):
                yield f"datasets.{name}.models.{model}: unknown model; to add it, set network{guess}"


def _folder_faults(config: Config) -> Iterator[str]:
    for key in ("results", "data"):
        folder = Path(config[key])
        blocking = next((place for place in (folder, *folder.parents) if place.exists()), folder)
        if not blocking.is_dir():
            yield f"{key}: {config[key]!r} cannot be a folder, because {str(blocking)!r} is a file; name another"
        if taken := _taken(folder):
            yield f"{key}: {config[key]!r} {taken}; name a folder of its own, such as {key}"
    if any(_taken(Path(config[key])) for key in ("results", "data")):
        return
    results, data = (os.path.realpath(config[key]) for key in ("results", "data"))
    if os.path.commonpath([results, data]) == results:
        yield f"results: {config['results']!r} holds the folder data ({config['data']!r}); expected two folders"
    elif os.path.commonpath([results, data]) == data:
        yield f"results: {config['results']!r} lies in the folder data ({config['data']!r}); expected two folders"


def _taken(folder: Path) -> str:
    """What a folder is or holds that is not for the workflow to write into; nothing if it is free."""
    place = Path(os.path.realpath(folder))
    if hidden := {*OF_OTHERS} & {part.casefold() for part in (*folder.parts, *place.parts)}:
        return f"lies in {hidden.pop()}, which is another program's"
    for name, other in (
        ("the home folder", Path.home()),
        ("the working folder", Path.cwd()),
        ("the project", PROJECT),
    ):
        if Path(os.path.realpath(other)).is_relative_to(place):
            return f"is or holds {name} ({other})"
    for name in OF_PROJECT:
        if any(place.is_relative_to(os.path.realpath(home / name)) for home in (PROJECT, Path.cwd())):
            return f"lies in {name}, which is the project's own"
    return ""


# -- networks ---------------------------------------------------------------------------------------------------------


def _network_faults(network: Config) -> Iterator[str]:
    """Faults of a network that is trained, each with its key below that of the network."""
    architecture, training = network["architecture"], network["training"]
    if training["reduce_lr"] and training["schedule"] == "one_cycle":
        yield "training: reduce_lr has no place in a one_cycle schedule; set reduce_lr: ~ or schedule: constant"
    if (
        (training["images"] != "original" or training["affine"] or training["corruptions"])
        and not training["min_steps"]
        and training["original_epochs"] >= training["epochs"]
    ):
        yield (
            f"training.original_epochs: {training['original_epochs']}; expected less than the "
            f"{training['epochs']} epochs, or none is left for augmented images; to train on original images only, set "
            "images: original, affine: ~ and corruptions: 0"
        )
    for layer in network["features"]["layers"]:
        if layer not in LAYERS[architecture]:
            yield f"features.layers: {architecture} has no layer {layer!r}{hint(layer, LAYERS[architecture])}"
