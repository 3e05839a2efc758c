"""Faults of derived models, apart from ablations.py, which pages read: these need the models of the configuration."""

from collections.abc import Iterator

from pydantic import ValidationError

from medfusion.planning.ablations import changes_images, compared, trained_as
from medfusion.planning.backbones import is_frozen
from medfusion.planning.config_models.networks import Network
from medfusion.planning.systems import Config


def faults(key: str, name: str, dataset: Config, config: Config) -> Iterator[str]:
    """Faults of a derived model, beside those that any model may have."""
    model = dataset["derived"][name]
    base = dataset["models"][model["base"]]
    for seed in model["seeds"]:
        if seed not in base["seeds"]:
            seeds = ", ".join(map(str, base["seeds"]))
            yield f"{key}.seeds: {model['base']} has no seed {seed} to compare with; expected some of {seeds}"
    used = [config["networks"].get(one["network"]) for one in (base, model)]
    if None in used:
        return  # already named
    for network, part in zip(used, ("base", "network"), strict=True):
        if is_frozen(network):
            yield f"{key}.{part}: {model[part]!r} is a frozen backbone; expected a network that is trained"
            return
    if found := list(_unfit(used[1])):
        yield from (f"{key}.changes.{fault}" for fault in found)
    elif model["augmentation"] and used[1]["training"]["images"] == "original":
        yield f"{key}.changes.augmentation: its network learns from images: original; leave augmentation out"
    elif model["augmentation"] and not changes_images(model["augmentation"]):
        yield f"{key}.changes.augmentation: switches it off entirely; set training: {{images: original}} instead"
    elif trained_as(config, dataset, name) == model["base"] and used[0]["features"] == used[1]["features"]:
        yield f"{key}.changes: leaves everything as in {model['base']}; change at least one setting"
    elif not compared(config, dataset, name):
        yield f"{key}: has no classifier in common with {model['base']}, so that nothing can be compared; name one"


def _unfit(network: Config) -> Iterator[str]:
    """What an entry of `networks` would be refused for: changes that the architecture does not have."""
    try:
        Network.model_validate(network)
    except ValidationError as error:
        for one in error.errors(include_url=False, include_input=False):
            yield from (f"{below}: {sentence}" for below, sentence in one.get("ctx", {}).get("found", ()))
