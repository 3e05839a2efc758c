"""Ablations: models derived from another of their data set, `base`, and what they are compared with.

A derived model is trained, evaluated and stored like any other. It is compared with its base, seed by seed, and takes
no part in choices: it is in no ranking, ensemble or other split.
"""

from dataclasses import dataclass

from medfusion import display_names
from medfusion.learning.architectures.registry import OPTIONS
from medfusion.planning.backbones import is_frozen
from medfusion.planning.systems import Config, all_models, fusion_members, systems

PARTS = ("options", "training", "features")  # of a network


@dataclass(frozen=True)
class Ablation:
    """A system, and the one that it is compared with, seed by seed.

    base : the model that others are derived from
    part : "change" (a derived model) or "member" (one member of a fusion alone)
    words : what differs, as tables and figures print it
    system : name of the measured system in its model
    measured, reference : the two systems as metrics.json has them: model and system
    seeds : those that are compared
    """

    base: str
    part: str
    words: str
    system: str
    measured: tuple[str, str]
    reference: tuple[str, str]
    seeds: list[int]


def derive(config: Config) -> None:
    """Complete in place the models that name a base; their networks become entries of `networks`, as `network_key`.

    Parameters
    ----------
    config : whose data sets have their defaults; every base is one of their models
    """
    for dataset, entry in config["datasets"].items():
        for name, given in entry["derived"].items():
            base = entry["models"][given["base"]]
            model = {**base, "label": None, **given, "augmentation": None}
            entry["derived"][name] = model
            changes = {part: values or {} for part, values in (model.pop("changes", None) or {}).items()}
            augmentation = {**entry["augmentation"], **changes.get("augmentation", {})}
            if augmentation != entry["augmentation"]:
                model["augmentation"] = augmentation
            network = config["networks"].get(model["network"])
            if network and not is_frozen(network):
                parts = {part: {**(network.get(part) or {}), **changes.get(part, {})} for part in PARTS}
                model["network"] = network_key(dataset, name)
                config["networks"][model["network"]] = {**network, **parts}


def network_key(dataset: str, model: str) -> str:
    """What the network of a derived model is called: with a dot, which is in no name of a user's."""
    return f"{dataset}.{model}"


def place(network: str) -> str:
    """Where the configuration says what a network is, for messages.

    >>> place("breast_cnn"), place("breast.without_dropout")
    ('networks.breast_cnn', 'datasets.breast.models.without_dropout.changes')
    """
    dataset, dot, model = network.partition(".")
    return f"datasets.{dataset}.models.{model}.changes" if dot else f"networks.{network}"


def trained_as(config: Config, entry: Config, model: str) -> str:
    """The model whose trained network a model applies: its base, where they differ in nothing that training sees."""
    if model not in entry["derived"]:
        return model
    base = entry["derived"][model]["base"]
    return base if _trained(config, entry, model) == _trained(config, entry, base) else model


def _trained(config: Config, entry: Config, name: str) -> Config:
    """What the training of a model depends on, but for its seed."""
    model = all_models(entry)[name]
    network = config["networks"][model["network"]]
    drawn = network["training"]["images"] != "original"
    return {
        **{key: network[key] for key in ("architecture", "training")},
        "options": {**OPTIONS.get(network["architecture"], {}), **network["options"]},
        "train_images": model["train_images"],
        "drop_near_duplicates_of": set(model["drop_near_duplicates_of"]),
        "augmentation": (model.get("augmentation") or entry["augmentation"]) if drawn else None,
    }


def changes_images(augmentation: Config) -> bool:
    """Whether an augmented set has other images than the given ones."""
    return augmentation["flip"] != "none" or any(augmentation[kind] for kind in ("rotation", "scale", "contrast"))


def words(name: str, model: Config) -> str:
    """What differs in a derived model, as tables and figures print it."""
    return model["label"] or display_names.in_words(name)


def comparisons(config: Config, dataset: str) -> list[Ablation]:
    """What is compared with what: each derived model with its base, each member alone with the base's fusions."""
    entry, found = config["datasets"][dataset], []
    names = display_names.part_names(config, dataset)
    derived = sorted(entry["derived"].items())  # settings, which some read this from, have sorted keys
    for base in dict.fromkeys(model["base"] for _, model in derived):
        of_base = {name: model for name, model in derived if model["base"] == base}
        for name, model in of_base.items():
            found += [
                Ablation(base, "change", words(name, model), system, (name, system), (base, system), model["seeds"])
                for system in compared(config, entry, name)
            ]
        seeds = entry["models"][base]["seeds"]
        for fusion in entry["models"][base]["fusions"]:
            for member in fusion_members(config["fusions"][fusion]):
                alone = f"{names[fusion]}: one member alone"
                found.append(Ablation(base, "member", alone, member, (base, member), (base, fusion), seeds))
    return found


def compared(config: Config, entry: Config, name: str) -> list[str]:
    """The systems that a derived model and its base have in common; without the network where that is the same one."""
    base = entry["derived"][name]["base"]
    layers = [config["networks"][all_models(entry)[one]["network"]]["features"]["layers"] for one in (name, base)]
    same_network = trained_as(config, entry, name) == base and layers[0] != layers[1]
    return [
        system
        for system in systems(entry, name)
        if system in systems(entry, base) and not (system == "cnn" and same_network)
    ]
