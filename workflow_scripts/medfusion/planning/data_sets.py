"""What the configuration knows of a data set before a stage has read it: task, classes, numbers of images, defaults.

A data set is one of MedMNIST's, by its flag, or a user's own file without a flag. What an entry leaves out is filled in
from the section `defaults` by its kind of image and its number of training images, and said in words (`by_default`).
"""

import os
import zipfile
from collections import Counter

from medfusion.data import folders, metadata, npy_header
from medfusion.data.datafiles import CLASSES, COUNTS, NAMES, TASKS
from medfusion.errors import UserError
from medfusion.planning.config_models.datasets import Dataset
from medfusion.planning.partitions import SCHEMES
from medfusion.planning.systems import Config
from medfusion.tasks import is_multi_label, task_of

# Augmentation by kind of image. `free`: nothing in it has an up; `upright`: it has an up, and its mirror image could
# be another such image; `sided`: left and right differ too, as in names of organs and the place of the heart.
PRESETS: dict[str, Config] = {
    "free": {"flip": "both", "rotation": 180, "scale": 0.1, "contrast": 0.1},
    "upright": {"flip": "horizontal", "rotation": 10, "scale": 0.1, "contrast": 0.1},
    "sided": {"flip": "none", "rotation": 10, "scale": 0.1, "contrast": 0.1},
}
PRESET_OF = {
    "pathmnist": "free",
    "dermamnist": "free",
    "bloodmnist": "free",
    "tissuemnist": "free",
    "octmnist": "upright",
    "pneumoniamnist": "upright",
    "retinamnist": "upright",
    "breastmnist": "upright",
    "chestmnist": "sided",
    "organamnist": "sided",
    "organcmnist": "sided",
    "organsmnist": "sided",
}
PRESET_OF_OWN = "sided"  # of what nothing is known
ONLY_MODEL = "default"  # the name of the model of a data set that names none


def several_labels(entry: Config) -> bool:
    """Whether an image of the data set may have several labels at once."""
    if entry["flag"]:
        return is_multi_label(TASKS[entry["flag"]])
    return is_multi_label(task_of(entry["task"], 0))


def classes(entry: Config) -> int | None:
    """The number of classes, or of labels at once; None if only the file can tell."""
    if entry["flag"]:
        return CLASSES[entry["flag"]]
    if entry["source"] == "folder" and (folder := pictures(entry)):
        return len(folder.label_names)
    return len(entry["label_names"]) if entry["label_names"] else None


def pictures(entry: Config) -> folders.Folder | None:
    """What the folder of a data set holds; None where there is none, which is for the checks to name."""
    try:
        return folders.look(entry["path"], excluded(entry)) if entry["path"] else None
    except UserError:
        return None


def metadata_of(entry: Config) -> metadata.Metadata | None:
    """What the metadata of a data set say of its images.

    Raises
    ------
    UserError
        If they cannot be used.
    """
    if not entry["metadata"]:
        return None
    if entry["source"] != "folder":
        return metadata.of_splits(entry["metadata"], counts(entry))
    folder = folders.look(entry["path"], excluded(entry))
    return metadata.of_pictures(entry["metadata"], [picture.path for picture in folder.pictures])


def splits_by_patient(entry: Config) -> metadata.Metadata | None:
    """The metadata, where they say of pictures that we split which are of one patient."""
    folder = pictures(entry) if entry["source"] == "folder" else None
    if not folder or folder.has_splits:
        return None
    found = metadata_of(entry)
    return found if found and found.has_patients else None


def excluded(entry: Config) -> tuple[str, ...]:
    """The patterns of what in a folder is no picture of the data set."""
    given = entry["exclude"] or ()
    return (given,) if isinstance(given, str) else tuple(given)


def label_order(entry: Config) -> list[str] | None:
    """For a folder: the names of its classes' folders in label order, where the configuration gives them one."""
    folder, names = pictures(entry), entry["label_names"]
    return list(names) if folder and names and set(names) == set(folder.label_names) else None


def least_images(entry: Config) -> int:
    """So many images at least are in a sample that has some of each class (of each label, and of none)."""
    return (classes(entry) or 2) + several_labels(entry)


def name(entry: Config) -> str:
    """What pages call the data set."""
    return entry["label"] or NAMES[entry["flag"]]


def counts(entry: Config) -> dict[str, int]:
    """Images of each split, where they are known before the data are read; else nothing."""
    if entry["source"] == "generated":
        return {split: entry["generated"][split] for split in ("train", "val", "test")} if entry["generated"] else {}
    if entry["source"] == "folder":
        folder = pictures(entry)
        given = Counter(picture.split for picture in folder.pictures) if folder and folder.has_splits else {}
        return {split: given[split] for split in folders.SPLITS} if given else {}
    if entry["source"] == "file":
        shapes = {split: declared(entry["path"], f"{split}_images") for split in folders.SPLITS}
        return {split: shape[0] for split, shape in shapes.items() if shape} if all(shapes.values()) else {}
    return COUNTS[entry["flag"]] if entry["flag"] and entry["source"] in ("official", "surrogate") else {}


def fill_dataset(entry: Config, defaults: Config) -> None:
    """Complete an entry of `datasets` in place, with "by_default": sentences on what was chosen for it.

    Parameters
    ----------
    entry : one that is sound in itself
    defaults : the section of the configuration
    """
    for key in Dataset.model_fields:
        entry.setdefault(key, None)
    for key in ("path", "metadata"):
        if entry[key]:
            entry[key] = os.path.expanduser(entry[key])
    general, said = defaults["dataset"], []
    for key in ("source", "ece_bins", "near_duplicates"):
        if entry[key] is None:
            entry[key] = general[key]
    shape = declared(entry["path"], "train_images") if entry["source"] == "file" else None
    if entry["size"] is None:
        entry["size"] = shape[1] if shape and len(shape) > 2 and shape[1] == shape[2] else general["size"]
    entry["published"] = entry["published"] or []
    _fill_ensembles(entry)
    images = counts(entry).get("train")
    if entry["source"] == "folder":
        entry["split"] = {**general["split"], **(entry["split"] or {})}
        if folder := pictures(entry):
            said += [_labels_in_words(entry, folder), *filter(None, [folder.masks()])]
            if images is None:
                images = round(len(folder.pictures) * entry["split"]["shares"][0])
    rule = _rule(defaults["by_images"], images)
    said += _fill_augmentation(entry, general["augmentation"], rule["copies"])
    said += _fill_models(entry, defaults["model"], rule["network"], images)
    for scheme in SCHEMES:
        if entry[scheme] is not None:
            entry[scheme] = {**general[scheme], **entry[scheme]}
    entry["by_default"] = said


def _fill_ensembles(entry: Config) -> None:
    """An ensemble is a list of systems, or has this as `systems` beside a label: the labels are kept apart."""
    given = entry["ensembles"] or {}
    entry["ensembles"] = {name: one["systems"] if isinstance(one, dict) else one for name, one in given.items()}
    entry["ensemble_labels"] = {
        name: one["label"] for name, one in given.items() if isinstance(one, dict) and one.get("label")
    }


def _labels_in_words(entry: Config, folder: folders.Folder) -> str:
    """Which label each class of a folder has, and why."""
    own = folder.label_names
    names = label_order(entry) or entry["label_names"] or own
    rule = "in the order of label_names" if label_order(entry) else "in the order of the folders' names"
    shown = [
        f"{label} = {name}" + (f" (folder {own[label]})" if name not in own and label < len(own) else "")
        for label, name in enumerate(names)
    ]
    return f"labels {rule}: {', '.join(shown[:20])}{', ...' if len(shown) > 20 else ''}"


def declared(path: str | None, key: str) -> tuple[int, ...] | None:
    """The shape that the header of an array in an .npz file declares; None where there is none to read."""
    if path is None:
        return None
    try:
        with zipfile.ZipFile(path) as archive, npy_header.opened(archive, key) as member:
            shape = npy_header.read(member)[0]
    except Exception:  # a file that is none is for the checks and for `prepare` to name
        return None
    return shape if shape and all(0 < side < 2**31 for side in shape) else None


def _rule(rules: list[Config], images: int | None) -> Config:
    """The first rule that the number of training images does not exceed; where it is not known, the second if any."""
    if images is None:
        return rules[min(1, len(rules) - 1)]
    return next((rule for rule in rules if rule["up_to"] is None or images <= rule["up_to"]), rules[-1])


def _fill_augmentation(entry: Config, general: Config, copies: int) -> list[str]:
    own = {key: value for key, value in (entry["augmentation"] or {}).items() if value is not None}
    fixed = {**{key: value for key, value in general.items() if value is not None}, **own}
    preset = fixed.pop("preset", None)
    chosen = preset or PRESET_OF.get(entry["flag"], PRESET_OF_OWN)
    entry["augmentation"] = {"copies": copies, **PRESETS[chosen], **fixed}
    said = []
    if preset is None and any(key not in fixed for key in PRESETS[chosen]):
        kind = "of its kind of image" if entry["flag"] else "because nothing is known of its images"
        said.append(f"augmentation: the preset {chosen}, {kind}")
    return said


def _fill_models(entry: Config, general: Config, network: str, images: int | None) -> list[str]:
    said, given = [], entry["models"] or {ONLY_MODEL: {}}
    entry["derived"] = {name: model for name, model in given.items() if "base" in model}  # see ablations.py
    entry["models"] = {name: model for name, model in given.items() if "base" not in model} or {ONLY_MODEL: {}}
    number = f"{images:,} training images" if images else "an unknown number of training images"
    for name, model in entry["models"].items():
        if "network" not in model:
            model["network"] = network
            said.append(
                f"model {name}: the network {network}, for {number} of {entry['size']} × {entry['size']} pixels"
            )
            if not {"classifiers", "fusions"} & set(model):
                model |= {key: list(general[key]) for key in ("classifiers", "fusions")}
                said.append(f"model {name}: the systems {', '.join(model['classifiers'] + model['fusions']) or 'none'}")
        model.setdefault("classifiers", [])
        model.setdefault("fusions", [])
        model.setdefault("seeds", list(general["seeds"]))
        model.setdefault("train_images", general["train_images"])
        model.setdefault("drop_near_duplicates_of", list(general["drop_near_duplicates_of"]))
    return said
