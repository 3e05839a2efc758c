"""Consistency of the data sets in a configuration: what their sections cannot say alone."""

import itertools
import math
from collections.abc import Iterator

import yaml

from medfusion.data import folders, grouping
from medfusion.data.natural_order import is_numbered
from medfusion.errors import UserError
from medfusion.learning.architectures.compact_resnet import stem_stride
from medfusion.learning.architectures.registry import OPTIONS, halvings
from medfusion.planning import ablation_checks, ablations, pretraining
from medfusion.planning.backbones import is_frozen
from medfusion.planning.config_values import RENAMED, hint, unreadable
from medfusion.planning.data_sets import (
    classes,
    counts,
    declared,
    excluded,
    label_order,
    least_images,
    metadata_of,
    pictures,
    several_labels,
)
from medfusion.planning.partitions import SCHEMES
from medfusion.planning.systems import Config, all_models, fusion_members, systems
from medfusion.system_id import SystemId
from medfusion.tasks import MOST_LABELS

# Names that folders beside a data set's models already have.
RESERVED_MODELS = {
    "images", "inspect", "audit", "ensembles", "baselines", "learning_curve", "results", "reliability", "studies",
    "discrimination", "corruptions", "examples", "ablations", "export", "try", "labels",
    "crossvalidation", "resplits",
}  # fmt: skip


def faults(key: str, dataset: Config, config: Config) -> Iterator[str]:
    """Faults of one entry of `datasets` that is sound in itself and has its defaults, one line each."""
    if (dataset["source"] in ("file", "folder")) != (dataset["path"] is not None):
        yield f"{key}: source 'file' or 'folder' and path go together; set both or neither"
    elif dataset["source"] == "folder":
        yield from _pictures_faults(key, dataset)
    elif dataset["path"] is not None:
        yield from _file_faults(f"{key}.path", dataset["path"])
    if dataset["source"] != "folder":
        for name in ("split", "colour", "bits", "exclude"):
            if dataset[name] is not None:
                yield f"{key}.{name}: for source 'folder' alone; set {name}: ~"
    if dataset["source"] in ("file", "folder", "surrogate") and not dataset["label"]:
        yield f"{key}.label: required with source {dataset['source']!r}: the name that tables and pages print"
    if (dataset["source"] == "generated") != (dataset["generated"] is not None):
        yield f"{key}: source 'generated' and the key generated (seed and counts) go together; set both or neither"
    yield from _label_faults(key, dataset)
    if dataset["metadata"] is not None:
        yield from _metadata_faults(key, dataset)
    if not ablations.changes_images(dataset["augmentation"]):
        yield f"{key}.augmentation: changes nothing; to train without it, set training.images: original"
    for name, model in dataset["models"].items():
        yield from _model_faults(f"{key}.models.{name}", name, model, config)
    for name, model in dataset["derived"].items():
        of_base = [_sentence(fault) for fault in _model_faults("", "", dataset["models"][model["base"]], config)]
        own = _model_faults(f"{key}.models.{name}", name, model, config)
        yield from (fault for fault in own if _sentence(fault) not in of_base)
        yield from ablation_checks.faults(f"{key}.models.{name}", name, dataset, config)
    known = [f"{name}/{system}" for name in dataset["models"] for system in systems(dataset, name)]
    for ensemble, members in dataset["ensembles"].items():
        for member in members:
            if member not in known:
                yield f"{key}.ensembles.{ensemble}: {_no_system(member, known, dataset)}"
    packable = [*known, *(f"ensembles/{ensemble}" for ensemble in dataset["ensembles"])]
    if dataset["export"] and dataset["export"] not in packable:
        yield f"{key}.export: {_no_system(dataset['export'], packable, dataset)}"
    for name in itertools.chain(*(dataset["primary"] or {"compare": []})["compare"]):
        if name not in packable:
            yield f"{key}.primary.compare: {_no_system(name, packable, dataset)}"
    for row in dataset["published"]:
        named, _, system = SystemId.of(row.get("system") or "")
        unknown = named in dataset["models"] and system not in {"cnn", *config["classifiers"], *config["fusions"]}
        # A model that is none may be one that is switched off.
        if unknown or named in RENAMED or named in dataset["derived"]:
            yield f"{key}.published: {_no_system(row['system'], packable, dataset)}"
    if (curve := dataset["learning_curve"]) and (name := curve["network"]) not in config["networks"]:
        yield f"{key}.learning_curve.network: unknown {name!r}{hint(name, list(config['networks']))}"
    elif curve and is_frozen(config["networks"][name]):
        yield (
            f"{key}.learning_curve.network: {name!r} is a frozen backbone, and the study trains its network; expected "
            "one that is trained, or learning_curve: ~"
        )
    yield from _partition_faults(key, dataset, config)
    yield from _size_faults(key, dataset, config)
    yield from _image_faults(key, dataset, config)


def _sentence(fault: str) -> str:
    """A fault without its key."""
    return fault.partition(": ")[2]


def _no_system(name: str, known: list[str], dataset: Config) -> str:
    """Why a name is none of a system that may be chosen or compared."""
    if SystemId.of(name).model in dataset["derived"]:
        return f"{name!r} is of a derived model, which takes no part in choices; name another"
    return f"unknown system {name!r}{hint(name, known)}"


def _file_faults(key: str, path: str) -> Iterator[str]:
    if faults := list(unreadable(key, path, "a .npz file in MedMNIST format")):
        yield from faults
    elif set(path) & set("{}"):
        yield f"{key}: {path!r} has braces, which Snakemake takes for a wildcard; rename the file"
    elif shape := _channels_first(path):
        yield (
            f"{key}: {path!r} has images of the shape {shape}, channels first; expected (n, side, side) or "
            "(n, side, side, 3): numpy.moveaxis(images, 1, -1)"
        )


def _channels_first(path: str) -> tuple[int, ...] | None:
    shape = declared(path, "train_images") or ()
    return shape if len(shape) == 4 and shape[1] in (1, 3) and shape[2] == shape[3] > 3 else None


def _pictures_faults(key: str, dataset: Config) -> Iterator[str]:
    """Faults of a data set that is a folder of pictures, as far as they are seen without opening one."""
    for name in ("flag", "sha256"):
        if dataset[name] is not None:
            yield f"{key}.{name}: for files alone; set {name}: ~"
    if dataset["task"] == "multi-label":
        yield f"{key}.task: a folder gives each picture one label; expected multi-class, ordinal-regression or ~"
    try:
        folder = folders.look(dataset["path"], excluded(dataset))
        if (expression := dataset["split"]["groups"]) is not None:
            if folder.has_splits:
                yield f"{key}.split.groups: the folder says what is train, val and test; set groups: ~"
            else:
                yield from _groups_faults(f"{key}.split.groups", folder, expression)
        if set(dataset["path"]) & set("{}"):
            yield f"{key}.path: {dataset['path']!r} has braces, which Snakemake takes for a wildcard; rename the folder"
    except UserError as error:
        yield f"{key}.path: {error}"


def _metadata_faults(key: str, dataset: Config) -> Iterator[str]:
    if several_labels(dataset):
        yield f"{key}.metadata: does not apply to multi-label data; set metadata: ~"
    if faults := list(unreadable(f"{key}.metadata", dataset["metadata"], "a CSV file")):
        yield from faults
    elif dataset["source"] != "folder" or pictures(dataset):  # else the folder is named already
        try:
            found = metadata_of(dataset)
        except UserError as error:
            yield f"{key}.metadata: {error}"
        else:
            if found and found.has_patients and (dataset["split"] or {}).get("groups") is not None:
                yield f"{key}.split.groups: {dataset['metadata']} already groups by its column patient; set groups: ~"


def _groups_faults(key: str, folder: folders.Folder, expression: str) -> Iterator[str]:
    try:
        grouping.groups(folder.pictures, expression)
    except UserError as error:
        yield f"{key}: {error}"


def _label_faults(key: str, dataset: Config) -> Iterator[str]:
    number = classes(dataset)
    if dataset["label_names"] and len(dataset["label_names"]) != number:
        yield f"{key}.label_names: {len(dataset['label_names'])} names; expected {number}, one a class in label order"
    if (
        dataset["label_names"]
        and number is not None
        and (most := MOST_LABELS if several_labels(dataset) else folders.MOST_CLASSES) < number
    ):
        yield f"{key}.label_names: {number} names; expected at most {most}"
    if dataset["source"] == "folder" and (folder := pictures(dataset)):
        yield from _order_faults(key, dataset, folder.label_names)
    if dataset["label_names"] and number is not None and number < 2:
        yield f"{key}.label_names: one name; expected at least two"
    if several_labels(dataset):
        for name in ("positive", "primary", "export"):
            if dataset[name] is not None:
                yield f"{key}.{name}: does not apply to multi-label data; set {name}: ~"
    elif dataset["positive"] is not None and number is not None and dataset["positive"] >= number:
        data = dataset["flag"] or "the data set"
        yield f"{key}.positive: {dataset['positive']} is no label of {data}; expected 0 to {number - 1}"


def _order_faults(key: str, dataset: Config, of_folders: tuple[str, ...]) -> Iterator[str]:
    """An order of classes that nobody gave, or names of folders that would stand for others.

    All names of folders, in whatever order, give the labels that order.
    """
    names = dataset["label_names"] or ()
    written = yaml.safe_dump(list(of_folders), default_flow_style=True, width=math.inf, allow_unicode=True).strip()
    if dataset["task"] == "ordinal-regression" and not is_numbered(of_folders) and not label_order(dataset):
        yield (
            f"{key}.label_names: the folders' names give no order, which task ordinal-regression needs; list them "
            f"here, the lowest first (in alphabetical order: label_names: {written})"
        )
    same = {name.casefold(): name for name in of_folders}
    moved = [name for name, own in zip(names, of_folders, strict=False) if same.get(name.casefold(), own) != own]
    if moved and not label_order(dataset):
        yield (
            f"{key}.label_names: {moved[0]!r} is the name of another class's folder; expected a name for each of "
            f"{', '.join(of_folders[:5])}{', ...' if len(of_folders) > 5 else ''} in this order, or these in any order"
        )


def _model_faults(key: str, name: str, model: Config, config: Config) -> Iterator[str]:
    if name.casefold() in RESERVED_MODELS:
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
        for member in fusion_members(config["fusions"][fusion]) if fusion in config["fusions"] else []:
            if member not in ["cnn", *model["classifiers"]]:
                yield (
                    f"{key}: fusion {fusion!r} has the member {member!r}, which is not among this model's systems: "
                    f"{', '.join(['cnn', *model['classifiers']])}"
                )


def _size_faults(key: str, dataset: Config, config: Config) -> Iterator[str]:
    """Numbers of images that the data set cannot give, as far as its counts are known before its file is read."""
    classes, known = least_images(dataset), counts(dataset)
    if dataset["source"] == "generated":
        for split, count in known.items():
            if count < classes:
                yield f"{key}.generated.{split}: {count}; expected at least {classes}, one image of each class"
    images = known.get("train", math.inf)
    most = f"at most {images}, all its training images" if known else "fewer than all"
    models = all_models(dataset)
    sizes = [(f"{key}.models.{name}.train_images", model["train_images"]) for name, model in models.items()]
    if dataset["learning_curve"]:
        sizes += [(f"{key}.learning_curve.sizes", size) for size in dataset["learning_curve"]["sizes"]]
    for place, size in sizes:
        if size != "all" and not classes <= size <= images:
            yield f"{place}: {size}; expected at least {classes}, one image of each class, and {most}"
    for place, limit in (
        ("studies.fit_images", config["studies"]["fit_images"]),
        ("studies.plane_images", config["studies"]["plane_images"]),
        ("evaluation.nearest_images", config["evaluation"]["nearest_images"]),
    ):
        if limit and limit < classes:
            yield f"{place}: {limit}; expected at least {classes}, one image of each class of {key}"
    for name, classifier in config["classifiers"].items():
        limits = {limit: classifier[limit] or math.inf for limit in ("search_images", "fit_images")}
        users = {own: model["train_images"] for own, model in models.items() if name in model["classifiers"]}
        seen, source = min(images, *limits.values()), "which gives {} images"
        for own, taken in users.items():
            if taken != "all" and taken < seen:
                seen, source = taken, f"of which models.{own}.train_images takes {{}}"
        if users and min(limits.values()) < classes:
            limit = min(limits, key=limits.__getitem__)
            yield (
                f"classifiers.{name}.{limit}: {classifier[limit]}; expected at least {classes}, one image of each "
                f"class of {key}"
            )
        elif users and classifier["selection"] == "folds" and classifier["folds"] > seen // classes:
            yield f"classifiers.{name}.folds: {classifier['folds']}; {_fold_limit(key, seen, classes, source)}"


def _fold_limit(key: str, images: float, classes: int, source: str) -> str:
    most = images // classes
    way_out = f"at most {most:.0f}, fewer if classes are uneven" if most > 1 else "selection: validation"
    return (
        f"expected {way_out}, because each fold needs an image of each of the {classes} classes of {key}, "
        f"{source.format(images)}"
    )


def _partition_faults(key: str, dataset: Config, config: Config) -> Iterator[str]:
    """Models and systems of cross-validation and other splits that the data set does not have."""
    for scheme in SCHEMES:
        if not (wanted := dataset[scheme]):
            continue
        if several_labels(dataset):
            yield f"{key}.{scheme}: multi-label data cannot be divided into such splits; set {scheme}: ~"
        models = list(dataset["models"]) if wanted["models"] is None else wanted["models"]
        if wanted.get("ensembles"):
            yield from _fold_ensemble_faults(f"{key}.{scheme}", wanted, dataset, models, config)
        for name in models:
            if name not in dataset["models"]:
                derived = "is a derived model, which has no other splits" if name in dataset["derived"] else ""
                yield (
                    f"{key}.{scheme}.models: {f'{name!r} {derived}' if derived else f'unknown model {name!r}'}"
                    f"{hint(name, list(dataset['models']))}"
                )
                continue
            size, most = dataset["models"][name]["train_images"], _trained(dataset, scheme)
            # More than the data set has are named by `_size_faults`.
            if size != "all" and most < size <= counts(dataset)["train"]:
                yield (
                    f"{key}.{scheme}.models: {name!r} is trained on {size} images (train_images), and other splits "
                    f"have about {most} to train on; name only the other models, or set {scheme}: ~"
                )
        known = [
            f"{name}/{system}" for name in models if name in dataset["models"] for system in systems(dataset, name)
        ]
        for first, second in wanted["compare"]:
            for name in (first, second):
                if name not in known:
                    yield f"{key}.{scheme}.compare: {_no_system(name, known, dataset)}"


def _fold_ensemble_faults(
    key: str, wanted: Config, dataset: Config, models: list[str], config: Config
) -> Iterator[str]:
    if "test" in wanted["pool"]:
        yield f"{key}.ensembles: pool divides the test split, on which they are tested; set pool: [train, val]"
    for name in models:
        network = config["networks"].get(dataset["models"].get(name, {}).get("network"))
        if network and is_frozen(network):
            yield (
                f"{key}.ensembles: {name!r} has a frozen backbone, the same in all folds; name only the other models, "
                "or set ensembles: false"
            )


def _trained(dataset: Config, scheme: str) -> float:
    """About so many training images a partition has; infinite where only the data can tell."""
    if not (known := counts(dataset)):
        return math.inf
    if "folds" not in dataset[scheme]:
        return known["train"]
    others = sum(known[split] for split in dataset[scheme]["pool"]) * (1 - 1 / dataset[scheme]["folds"])
    return math.floor(others * known["train"] / (known["train"] + known["val"]))


def _image_faults(key: str, dataset: Config, config: Config) -> Iterator[str]:
    """Networks that the data set's images are too small for."""
    side = dataset["size"]
    names = [model["network"] for model in all_models(dataset).values()]
    if dataset["learning_curve"]:
        names.append(dataset["learning_curve"]["network"])
    said: set[str] = set()  # what is wrong with a base is said of that alone
    for name in dict.fromkeys(names):
        network = config["networks"].get(name, {"architecture": None})
        if network["architecture"] not in OPTIONS:
            continue  # a backbone, or already named
        for fault in _unfit_for(network, key, side, several_labels(dataset)):
            if fault not in said:
                yield f"{ablations.place(name)}.{fault}"
            said.add(fault)


def _unfit_for(network: Config, key: str, side: int, several: bool) -> Iterator[str]:
    """Why a network does not fit the images of a data set, each fault with its key below that of the network."""
    if several and network["training"]["class_weight"]:
        yield f"training.class_weight: needs one class per image, and {key} is multi-label; set class_weight: ~"
    if (shift := network["training"]["shift"]) >= side:
        yield f"training.shift: {shift}; expected less than the {side} pixels of {key}"
    yield from pretraining.size_faults(network, key, side)
    halved = halvings(network["architecture"], network["options"])
    left = math.ceil(side / stem_stride(network["options"], side))  # by the first convolution
    if halved > math.ceil(math.log2(left)):
        yield (
            f"options.widths: grow {halved} times, and each time halve the image; expected at most "
            f"{math.ceil(math.log2(left))} times for the {side} pixels of {key}"
        )
