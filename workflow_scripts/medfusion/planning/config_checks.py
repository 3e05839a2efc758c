"""What no schema can say of a configuration: names that must exist elsewhere, sums, sizes, folders, files."""

import math
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from medfusion.data import folders
from medfusion.errors import UserError
from medfusion.learning.architectures import LAYERS, OPTIONS, halvings, stem_stride
from medfusion.planning.ablations import other_layers, removable
from medfusion.planning.config_values import did_you_mean, hint, item_faults, shown
from medfusion.planning.data_sets import classes, counts, least_images, several_labels
from medfusion.planning.grid_values import GRID_VALUES, MOST_CELLS
from medfusion.planning.systems import Config, fusion_members, systems

# Names that folders beside a data set's models already have.
RESERVED_MODELS = {
    "images", "inspect", "audit", "votes", "floors", "learning_curve", "results", "reliability", "studies", "cases",
    "ablations", "export", "labels",
}  # fmt: skip
# Names of folders and targets beside those of the data sets; a test adds the names of the rules.
RESERVED_DATASETS = {
    "all", "inspect", "audit", "settings", "records", "sweep", "logs", "benchmarks", "download", "generate", "prepare",
    "prepare_folder",
    "inspect_images", "compare_systems", "draw_labels",
    "audit_twins", "augment", "draw_augmentation", "train_cnn", "extract_features", "learning_curve", "draw_curves",
    "fit_grid", "fuse", "vote", "floors", "evaluate", "collect_metrics", "draw_grids", "draw_fusions",
    "study_classifiers", "draw_studies", "draw_results", "draw_training_size", "calibrate", "assess_reliability",
    "draw_reliability", "select_cases", "map_attention", "draw_cases", "draw_ablations", "write_predictions",
    "predictions", "export_bundle", "export", "summarise", "report",
}  # fmt: skip


def inconsistencies(config: Config) -> Iterator[str]:
    """Faults of a configuration that the schema accepts and that has its defaults, one line each."""
    yield from _folder_faults(config)
    yield from _default_faults(config)
    for name, network in config["networks"].items():
        yield from _network_faults(f"networks.{name}", network)
    for section in ("classifiers", "fusions"):
        if "cnn" in config[section]:
            yield f"{section}.cnn: the name stands for the network itself; choose another"
    for name, classifier in config["classifiers"].items():
        yield from _classifier_faults(f"classifiers.{name}", classifier)
    for name, fusion in config["fusions"].items():
        if name in config["classifiers"]:
            yield f"fusions.{name}: a classifier has this name too; choose different names"
        yield from _fusion_faults(f"fusions.{name}", fusion)
    for name, dataset in config["datasets"].items():
        if name in RESERVED_DATASETS:
            yield f"datasets.{name}: the name is taken by a target or a folder of the workflow; choose another"
        yield from _dataset_faults(f"datasets.{name}", dataset, config)


# -- folders and files ------------------------------------------------------------------------------------------------


def misspelt(config: Config) -> Iterator[str]:
    """Entries that are complete by their defaults alone, and close in name to another: an overlay's slip of the pen."""
    for name, dataset in config["datasets"].items():
        source = dataset.get("source", config["defaults"]["dataset"]["source"])
        if not dataset.get("flag") and source not in ("file", "folder"):
            others = [other for other in config["datasets"] if other != name]
            yield (
                f"datasets.{name}.flag: required with source {source!r}: MedMNIST's name of the data set"
                f"{did_you_mean(name, others)}"
            )
        models = dataset.get("models") or {}
        for model, entry in models.items():
            others = [other for other, theirs in models.items() if "network" in theirs]
            if "network" not in entry and (guess := did_you_mean(model, others)):
                yield f"datasets.{name}.models.{model}: lacks network{guess}"


def _default_faults(config: Config) -> Iterator[str]:
    limits = [rule["up_to"] for rule in config["defaults"]["by_images"]]
    ordered = [math.inf if limit is None else limit for limit in limits]
    if ordered != sorted(set(ordered)):
        yield f"defaults.by_images: up_to is {shown(limits)}; expected numbers that grow, or ~ in the last line"


def _folder_faults(config: Config) -> Iterator[str]:
    for key in ("results", "data"):
        folder = Path(config[key])
        blocking = next((place for place in (folder, *folder.parents) if place.exists()), folder)
        if blocking.is_file():
            yield f"{key}: {config[key]!r} cannot be a folder, because {str(blocking)!r} is a file; name another"
    results, data = (os.path.abspath(config[key]) for key in ("results", "data"))
    if os.path.commonpath([results, data]) == results:
        yield f"results: {config['results']!r} holds the folder data ({config['data']!r}); expected folders apart"


def _file_faults(key: str, path: str) -> Iterator[str]:
    if not os.path.exists(path):
        yield f"{key}: there is no file {path!r}; relative paths start at {os.getcwd()}"
    elif not os.path.isfile(path):
        yield f"{key}: {path!r} is not a file; expected a .npz file in MedMNIST format"
    elif not os.access(path, os.R_OK):
        yield f"{key}: {path!r} cannot be read (permission denied); make it readable (chmod +r)"


def _pictures_faults(key: str, dataset: Config) -> Iterator[str]:
    """Faults of a data set that is a folder of pictures, as far as they are seen without opening one."""
    for name in ("flag", "sha256"):
        if dataset[name] is not None:
            yield f"{key}.{name}: for files alone; set {name}: ~"
    if dataset["task"] == "multi-label":
        yield f"{key}.task: a folder gives each picture one label; expected multi-class, ordinal-regression or ~"
    if abs(sum(dataset["split"]["shares"]) - 1) > 1e-9:
        yield f"{key}.split.shares: sum to {sum(dataset['split']['shares']):g}; expected 1"
    if (expression := dataset["split"]["groups"]) is not None:
        try:
            if not re.compile(expression).groups:
                yield f"{key}.split.groups: {expression!r} has no group; expected (…) around what names the patient"
        except re.error as error:
            yield f"{key}.split.groups: {expression!r} is no regular expression ({error})"
    try:
        folders.look(dataset["path"])
    except UserError as error:
        yield f"{key}.path: {error}"


# -- networks, classifiers, fusions -----------------------------------------------------------------------------------


def _network_faults(key: str, network: Config) -> Iterator[str]:
    architecture = network["architecture"]
    if architecture not in OPTIONS:
        yield f"{key}.architecture: unknown {architecture!r}{hint(architecture, list(OPTIONS))}"
        return
    known = list(OPTIONS[architecture])
    training = network["training"]
    if training["reduce_lr"] and training["schedule"] == "one_cycle":
        yield f"{key}.training: reduce_lr has no place in a one_cycle schedule; set reduce_lr: ~ or schedule: constant"
    if (
        training["images"] != "original"
        and not training["min_steps"]
        and training["original_epochs"] >= training["epochs"]
    ):
        yield (
            f"{key}.training.original_epochs: {training['original_epochs']}; expected less than the "
            f"{training['epochs']} epochs, or no augmented image would be seen; set images: original for that"
        )
    for option in network["options"]:
        if option not in known:
            yield f"{key}.options: {architecture} has no option {option!r}{hint(option, known)}"
    for layer in network["features"]["layers"]:
        if layer not in LAYERS[architecture]:
            yield f"{key}.features.layers: {architecture} has no layer {layer!r}{hint(layer, LAYERS[architecture])}"


def _classifier_faults(key: str, classifier: Config) -> Iterator[str]:
    known = GRID_VALUES[classifier["kind"]]
    for parameter, values in classifier["grid"].items():
        if parameter in known:
            yield from item_faults(f"{key}.grid.{parameter}", values, known[parameter])
        else:
            yield f"{key}.grid: {classifier['kind']} has no setting {parameter!r}{hint(parameter, list(known))}"
    cells = math.prod(len(values) for values in classifier["grid"].values())
    if cells > MOST_CELLS:
        yield f"{key}.grid: {cells} cells are too many to try; expected at most {MOST_CELLS}"
    if classifier["kind"] == "svm" and classifier["calibration"] == "none":
        yield f"{key}.calibration: an svm has scores, not probabilities; expected temperature or sigmoid"


def _fusion_faults(key: str, fusion: Config) -> Iterator[str]:
    if ("weights" in fusion) == ("choose" in fusion):
        yield f"{key}: expected either weights (fixed) or choose (members whose weights validation chooses)"
    elif "weights" in fusion:
        total = sum(fusion["weights"].values())
        if abs(total - 1) > 1e-9:
            yield f"{key}.weights: sum to {total:g}; expected 1"
    else:
        if abs(1 / fusion["step"] - round(1 / fusion["step"])) > 1e-6:
            yield f"{key}.step: {fusion['step']} does not divide 1; expected 0.05, 0.1, 0.25 or the like"
        if round(1 / fusion["step"]) ** (len(fusion["choose"]) - 1) > 100_000:
            yield f"{key}: too many weights to try; take a larger step or fewer members"


# -- data sets --------------------------------------------------------------------------------------------------------


def _dataset_faults(key: str, dataset: Config, config: Config) -> Iterator[str]:
    if (dataset["source"] in ("file", "folder")) != (dataset["path"] is not None):
        yield f"{key}: source 'file' or 'folder' and path go together; set both or neither"
    elif dataset["source"] == "folder":
        yield from _pictures_faults(key, dataset)
    elif dataset["path"] is not None:
        yield from _file_faults(f"{key}.path", dataset["path"])
    if dataset["source"] != "folder":
        for name in ("split", "colour"):
            if dataset[name] is not None:
                yield f"{key}.{name}: for source 'folder' alone; set {name}: ~"
    if dataset["flag"] and dataset["task"]:
        yield f"{key}.task: {dataset['flag']} has a task of its own; leave task to files without a flag"
    if dataset["source"] in ("file", "folder", "surrogate") and not dataset["label"]:
        yield f"{key}.label: required with source {dataset['source']!r}: the name that tables and pages print"
    if (dataset["source"] == "generated") != (dataset["generated"] is not None):
        yield f"{key}: source 'generated' and the key generated (seed and counts) go together; set both or neither"
    yield from _label_faults(key, dataset)
    if dataset["augmentation"]["flip"] == "none" and not any(
        dataset["augmentation"][kind] for kind in ("rotation", "scale", "contrast")
    ):
        yield f"{key}.augmentation: changes nothing; networks that want no augmentation say images: original"
    for name, model in dataset["models"].items():
        yield from _model_faults(f"{key}.models.{name}", name, model, config)
        if model["ablations"] is not None:
            yield from _ablation_faults(f"{key}.models.{name}.ablations", model, dataset, config)
    known = [f"{name}/{system}" for name in dataset["models"] for system in systems(dataset, name)]
    for vote, members in dataset["votes"].items():
        for member in members:
            if member not in known:
                yield f"{key}.votes.{vote}: unknown system {member!r}{hint(member, known)}"
    packable = [*known, *(f"votes/{vote}" for vote in dataset["votes"])]
    if dataset["export"] and dataset["export"] not in packable:
        yield f"{key}.export: unknown system {dataset['export']!r}{hint(dataset['export'], packable)}"
    for row in dataset["published"]:
        model, _, system = (row.get("system") or "").partition("/")
        if model in dataset["models"] and system not in {"cnn", *config["classifiers"], *config["fusions"]}:
            yield f"{key}.published: unknown system {row['system']!r}{hint(row['system'], known)}"
    if (curve := dataset["learning_curve"]) and (name := curve["network"]) not in config["networks"]:
        yield f"{key}.learning_curve.network: unknown {name!r}{hint(name, list(config['networks']))}"
    yield from _size_faults(key, dataset, config)
    yield from _image_faults(key, dataset, config)


def _label_faults(key: str, dataset: Config) -> Iterator[str]:
    number = classes(dataset)
    if dataset["label_names"] and len(dataset["label_names"]) != number:
        yield f"{key}.label_names: {len(dataset['label_names'])} names; expected {number}, one a class in label order"
    if dataset["label_names"] and number is not None and number < 2:
        yield f"{key}.label_names: one name; expected at least two"
    if several_labels(dataset):
        for name in ("positive", "export"):
            if dataset[name] is not None:
                yield f"{key}.{name}: not for several labels at once, of which none is the one; set {name}: ~"
    elif dataset["positive"] is not None and number is not None and dataset["positive"] >= number:
        data = dataset["flag"] or "the data set"
        yield f"{key}.positive: {dataset['positive']} is no label of {data}; expected 0 to {number - 1}"


def _model_faults(key: str, name: str, model: Config, config: Config) -> Iterator[str]:
    if name in RESERVED_MODELS:
        yield f"{key}: the name is taken by a folder of the data set; choose another"
    for section, names in (
        ("networks", [model["network"]]),
        ("classifiers", model["classifiers"]),
        ("fusions", model["fusions"]),
    ):
        for used in names:
            if used not in config[section]:
                yield f"{key}: unknown {section[:-1]} {used!r}{hint(used, list(config[section]))}"
    for fusion in model["fusions"]:
        entry = config["fusions"].get(fusion, {})
        for member in fusion_members(entry) if "weights" in entry or "choose" in entry else []:
            if member not in ["cnn", *model["classifiers"]]:
                yield (
                    f"{key}: fusion {fusion!r} has the member {member!r}, which is not among this model's systems: "
                    f"{', '.join(['cnn', *model['classifiers']])}"
                )


def _ablation_faults(key: str, model: Config, dataset: Config, config: Config) -> Iterator[str]:
    wanted, name = model["ablations"], model["network"]
    for part in ("seeds", "classifiers"):
        for value in wanted[part] or ():
            if value not in model[part]:
                yield f"{key}.{part}: {value!r} is not among this model's {part}: {_list(model[part])}"
    network = config["networks"].get(name)
    if network is None or network["architecture"] not in OPTIONS:
        return  # already named
    classifiers = model["classifiers"] if wanted["classifiers"] is None else wanted["classifiers"]
    parts, layers = removable(network, dataset["augmentation"], classifiers), other_layers(network, classifiers)
    for part in wanted["without"] or ():
        if part not in parts:
            yield f"{key}.without: networks.{name} has no {part!r} to take away; it has {_list(parts)}"
    for layer in wanted["layers"] or ():
        if layer not in layers:
            yield (
                f"{key}.layers: networks.{name} has no other layer {layer!r} for its classifiers; it has "
                f"{_list(layers)}"
            )
    left = [found if wanted[part] is None else wanted[part] for part, found in (("without", parts), ("layers", layers))]
    if not any(left):
        yield f"{key}: takes nothing away; name something in without or layers, or set ablations: ~"


def _list(names: list[Any]) -> str:
    return ", ".join(map(str, names)) or "none"


def _size_faults(key: str, dataset: Config, config: Config) -> Iterator[str]:
    """Numbers of images that the data set cannot give, as far as its counts are known before its file is read."""
    classes, known = least_images(dataset), counts(dataset)
    if dataset["source"] == "generated":
        for split, count in known.items():
            if count < classes:
                yield f"{key}.generated.{split}: {count}; expected at least {classes}, one image of each class"
    images = known.get("train", math.inf)
    most = f"at most {images}, all its training images" if known else "fewer than all"
    sizes = [(f"{key}.models.{name}.train_images", model["train_images"]) for name, model in dataset["models"].items()]
    if dataset["learning_curve"]:
        sizes += [(f"{key}.learning_curve.sizes", size) for size in dataset["learning_curve"]["sizes"]]
    for place, size in sizes:
        if size != "all" and not classes <= size <= images:
            yield f"{place}: {size}; expected at least {classes}, one image of each class, and {most}"
    for place, limit in (
        ("studies.fit_images", config["studies"]["fit_images"]),
        ("evaluation.nearest_images", config["evaluation"]["nearest_images"]),
    ):
        if limit and limit < classes:
            yield f"{place}: {limit}; expected at least {classes}, one image of each class of {key}"
    studied = min(images, config["studies"]["fit_images"] or math.inf)
    if studied >= classes and config["studies"]["folds"] > studied // classes:
        yield f"studies.folds: {config['studies']['folds']}; {_fold_limit(key, studied, classes)}"
    used = {name for model in dataset["models"].values() for name in model["classifiers"]}
    for name, classifier in config["classifiers"].items():
        limits = {limit: classifier[limit] or math.inf for limit in ("search_images", "fit_images")}
        seen = min(images, *limits.values())
        if name in used and min(limits.values()) < classes:
            limit = min(limits, key=limits.__getitem__)
            yield (
                f"classifiers.{name}.{limit}: {classifier[limit]}; expected at least {classes}, one image of each "
                f"class of {key}"
            )
        elif name in used and classifier["selection"] == "folds" and classifier["folds"] > seen // classes:
            yield f"classifiers.{name}.folds: {classifier['folds']}; {_fold_limit(key, seen, classes)}"


def _fold_limit(key: str, images: float, classes: int) -> str:
    return (
        f"expected at most {images // classes:.0f}, because each fold needs an image of each of the {classes} classes "
        f"of {key}, which gives {images} images"
    )


def _image_faults(key: str, dataset: Config, config: Config) -> Iterator[str]:
    """Networks that the data set's images are too small for."""
    side = dataset["size"]
    names = [model["network"] for model in dataset["models"].values()]
    if dataset["learning_curve"]:
        names.append(dataset["learning_curve"]["network"])
    for name in dict.fromkeys(names):
        network = config["networks"].get(name, {"architecture": None})
        if network["architecture"] not in OPTIONS:
            continue  # already named
        if (shift := network["training"]["shift"]) >= side:
            yield f"networks.{name}.training.shift: {shift}; expected less than the {side} pixels of {key}"
        halved = halvings(network["architecture"], network["options"])
        left = math.ceil(side / stem_stride(network["options"], side))  # by the first convolution
        if halved > math.ceil(math.log2(left)):
            yield (
                f"networks.{name}.options.widths: grow {halved} times, and each time halve the image; expected at most "
                f"{math.ceil(math.log2(left))} times for the {side} pixels of {key}"
            )
