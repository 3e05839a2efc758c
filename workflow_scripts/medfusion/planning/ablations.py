"""Ablations: what can be taken away from a model's network as it is configured, and the networks that are left then."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from medfusion.learning.architectures import LAYERS, OPTIONS
from medfusion.planning.systems import Config, fusion_members

FOLDER = "ablations"  # of a data set's results; also what the measures of ablated networks name as their model
# What switches a kind of augmentation off; the draws of the other kinds stay as they are (learning/augmentation.py).
AUGMENTATION_OFF = {"flip": "none", "rotation": 0, "scale": 0, "contrast": 0}
TRAINING_OFF: Config = {
    "original_epochs": 0,
    "affine": None,
    "corruptions": 0,
    "symmetries": [],
    "shift": 0,
    "weight_decay": 0,
    "label_smoothing": 0,
    "early_stopping": None,
}
OPTIONS_OFF = {"batch_norm": False, "dropout": 0, "dense_dropout": 0, "l2": 0}
WORDS = {
    "augmentation": "without augmented copies",
    "flip": "copies without flips",
    "rotation": "copies without rotation",
    "scale": "copies without scaling",
    "contrast": "copies without changes of contrast",
    "original_epochs": "without last epochs on the images as they are",
    "affine": "without random rotation and scaling",
    "corruptions": "without corrupted training images",
    "symmetries": "without random symmetries",
    "shift": "without random shifts",
    "batch_norm": "without batch normalisation",
    "dropout": "without dropout",
    "dense_dropout": "without dropout before the dense layer",
    "l2": "without the L2 penalty",
    "weight_decay": "without weight decay",
    "label_smoothing": "without label smoothing",
    "early_stopping": "without early stopping",
    "test_time_augmentation": "without test-time augmentation",
    "network": "without the network: classifiers see the pixels",
}
PIXELS = "rescaling"  # the layer that is the image itself, where views are not averaged
# Behind the last convolution, so that it is the choice of the layer that is tried and not another network.
LAYERS_TRIED = ("flatten", "dense", "features")


@dataclass(frozen=True)
class Variant:
    """A model with one thing taken away. It is never a candidate: it takes no part in choices, nor in ensembles.

    base : the configured model
    name : of the change: without_dropout, layer_flatten
    words : the change as tables and figures print it
    network : complete, with the change made
    augmentation_off : the kind of augmentation that is switched off, if that is the change
    trained : whether it has a training of its own; otherwise it applies the base's
    systems : what is measured: cnn, classifiers
    seeds : some of the base's
    """

    base: str
    name: str
    words: str
    network: Config
    augmentation_off: str | None
    trained: bool
    systems: list[str]
    seeds: list[int]


@dataclass(frozen=True)
class Ablation:
    """A system, and the one that it is compared with, seed by seed; each as metrics.json has it: model and system.

    base : the configured model
    part : what is taken away, for grouping: "change", "layer" or "member"
    words : what is other
    system : name of the measured system in its model
    """

    base: str
    part: str
    words: str
    system: str
    measured: tuple[str, str]
    reference: tuple[str, str]
    seeds: list[int]


def removable(network: Config, augmentation: Config, classifiers: list[str]) -> list[str]:
    """What can be taken away from a network as it is configured, and leaves something else.

    Parameters
    ----------
    network : an entry of the configuration with its defaults
    augmentation : of the data set
    classifiers : that see the features
    """
    training, features = network["training"], network["features"]
    options = {**OPTIONS[network["architecture"]], **network["options"]}
    found = []
    if training["images"] != "original":
        kinds = [kind for kind, off in AUGMENTATION_OFF.items() if augmentation[kind] != off]
        # An augmented set of one kind without it is copies of the same image: no augmentation.
        found += ["augmentation", *(kinds if len(kinds) > 1 else [])]
    if training["images"] != "original" or training["affine"] or training["corruptions"]:
        found += ["original_epochs"] if training["original_epochs"] else []
    found += [name for name in ("affine", "corruptions", "symmetries", "shift") if training[name]]
    found += [name for name in OPTIONS_OFF if options.get(name)]
    found += ["weight_decay"] if training["optimizer"] != "adam" and training["weight_decay"] else []
    found += [name for name in ("label_smoothing", "early_stopping") if training[name]]
    found += ["test_time_augmentation"] if features["test_time_augmentation"] else []
    found += ["network"] if classifiers and features["layers"] != [PIXELS] else []
    return found


def other_layers(network: Config, classifiers: list[str]) -> list[str]:
    """The layers behind the last convolution whose output the classifiers could see instead."""
    architecture, seen = network["architecture"], network["features"]["layers"]
    known = set(LAYERS[architecture]) if classifiers else set()
    if not {**OPTIONS[architecture], **network["options"]}.get("batch_norm", True):
        known.discard("dense")  # without normalisation it is the same as the features
        seen = ["features" if layer == "dense" else layer for layer in seen]
    return [layer for layer in LAYERS_TRIED if layer in known and [layer] != seen]


def variants(config: Config, dataset: str) -> dict[str, Variant]:
    """All models with something taken away that a data set asks for, by the path below its folder.

    Parameters
    ----------
    config : complete
    """
    entry = config["datasets"][dataset]
    found = {}
    for base, model in entry["models"].items():
        if not (wanted := model.get("ablations")):
            continue
        network = config["networks"][model["network"]]
        seeds = model["seeds"] if wanted["seeds"] is None else wanted["seeds"]
        classifiers = model["classifiers"] if wanted["classifiers"] is None else wanted["classifiers"]
        parts, layers = wanted["without"], wanted["layers"]
        parts = removable(network, entry["augmentation"], classifiers) if parts is None else parts
        layers = other_layers(network, classifiers) if layers is None else layers
        for part in parts:
            found[f"{FOLDER}/{base}/without_{part}"] = Variant(
                base=base,
                name=f"without_{part}",
                words=WORDS[part],
                network=_changed(network, _without(part)),
                augmentation_off=part if part in AUGMENTATION_OFF else None,
                trained=part not in ("test_time_augmentation", "network"),
                systems=classifiers if part == "network" else ["cnn", *classifiers],
                seeds=seeds,
            )
        for layer in layers:
            # The network itself is the same, and so are its probabilities.
            found[f"{FOLDER}/{base}/layer_{layer}"] = Variant(
                base=base,
                name=f"layer_{layer}",
                words=f"classifiers see the layer {layer}, not {' and '.join(network['features']['layers'])}",
                network=_changed(network, _seeing(layer)),
                augmentation_off=None,
                trained=False,
                systems=classifiers,
                seeds=seeds,
            )
    return found


def comparisons(config: Config, dataset: str) -> list[Ablation]:
    """What is compared with what: each change with the model as configured, each member alone with its fusion."""
    entry, found = config["datasets"][dataset], []
    changed = list(variants(config, dataset).values())
    for base in dict.fromkeys(variant.base for variant in changed):
        of_base = [variant for variant in changed if variant.base == base]
        for variant in of_base:
            for system in variant.systems:
                part = "layer" if variant.name.startswith("layer_") else "change"
                measured = (FOLDER, f"{base}/{variant.name}/{system}")
                found.append(Ablation(base, part, variant.words, system, measured, (base, system), variant.seeds))
        for fusion in entry["models"][base]["fusions"]:
            for member in fusion_members(config["fusions"][fusion]):
                words = f"{fusion}: one member alone"
                found.append(Ablation(base, "member", words, member, (base, member), (base, fusion), of_base[0].seeds))
    return found


def _seeing(layer: str) -> Callable[[Config], Any]:
    """What lets the classifiers of a network's entry see another layer."""
    return lambda network: network["features"].update(layers=[layer])


def _without(part: str) -> Callable[[Config], Any]:
    """What takes a part away from a network's entry."""
    if part in AUGMENTATION_OFF:
        return lambda network: None  # the augmented set is another, the network the same
    if part == "augmentation":
        return lambda network: network["training"].update(images="original")
    if part == "test_time_augmentation":
        return lambda network: network["features"].update(test_time_augmentation=[])
    if part == "network":  # a mean over mirrored images would be no image any more
        return lambda network: network["features"].update(layers=[PIXELS], test_time_augmentation=[])
    if part in OPTIONS_OFF:
        return lambda network: network["options"].update({part: OPTIONS_OFF[part]})
    return lambda network: network["training"].update({part: copy.copy(TRAINING_OFF[part])})


def _changed(network: Config, change: Callable[[Config], Any]) -> Config:
    result = copy.deepcopy(network)
    change(result)
    return result
