"""Another valid value for any key of config.yaml: what an edit of a user's would be."""

import copy
from collections.abc import Iterator
from typing import Any

from medfusion.learning.architectures.registry import OPTIONS

Config = dict[str, Any]

# What to take for a key, by its last word: the first that it does not have already.
CHOICES: dict[str, list[Any]] = {
    "flag": ["breastmnist", "bloodmnist"],
    "task": ["ordinal-regression", "multi-class"],
    "preset": ["free", "upright"],
    "classifiers": [["svm"], []],
    "fusions": [["cnn_30_svm_70"], []],
    "stem_stride": [2, 1],
    "size": [64, 28],
    "source": ["official", "surrogate"],
    "path": ["another.npz"],
    "split": [{"seed": 5}],
    "shares": [[0.6, 0.2, 0.2]],
    "groups": ["^(.)"],
    "colour": [True, False],
    "bits": [12, 10],
    "exclude": ["*_mask*"],
    "metadata": ["another.csv"],
    "sha256": ["0" * 64],
    "label": ["Another name"],
    "folds": [4, 6],
    "number": [2, 3],
    "pool": [["train", "val", "test"]],
    "compare": [[["breast_cnn/cnn", "breast_cnn/svm_linear"]]],
    "crossvalidation": [{"folds": 3}, None],
    "primary": [{"measure": "accuracy", "compare": [["breast_cnn/cnn", "breast_cnn/svm_linear"]]}],
    "measure": ["auroc", "accuracy"],
    "resplits": [{"number": 2}, None],
    "positive": [1, 0],
    "flip": ["both", "vertical"],
    "rotation": [20, 10],
    "train_images": [100, 90],
    "drop_near_duplicates_of": [["test"], []],
    "images": ["both", "original"],
    "affine": [{"rotation": 30, "scale": 0.1}, None],
    "corruptions": [0.3, 0.2],
    "symmetries": [["transpose"], []],
    "test_time_augmentation": [["transpose", "shifts"], []],
    "precision": ["bfloat16", "float32"],
    "optimizer": ["adamw", "adam"],
    "schedule": ["one_cycle", "constant"],
    "early_stopping": [{"patience": 5}, None],
    "reduce_lr": [{"factor": 0.5, "patience": 4}, None],
    "layers": [["rescaling"], ["features"]],
    "selection": ["folds", "validation"],
    "calibration": ["temperature", "sigmoid"],
    "criterion": ["auroc", "accuracy"],
    "style": ["ticks", "dark"],
    "confidence": [0.9, 0.8],
    "prevalences": [[0.02], []],
    "conformal_coverage": [0.8, None],
    "sensitivity": [0.8, None],
    "severities": [[1, 3], [5]],
    "system": [None, "breast_cnn/cnn"],
    "accuracy": [0.5, 0.6],
    "auroc": [0.5, 0.6],
    "dropout": [0.35, 0.25],
    "dense_dropout": [0.35, 0.25],
    "batch_norm": [False, True],
    "batch_norm_momentum": [0.8, 0.7],
    "l2": [0.003, 0.002],
    "blocks": [3, 2],
    "widths": [[4, 8], [8, 8]],
    "label_smoothing": [0.15, 0.1],
    "loss": ["focal", "cross_entropy"],
    "class_weight": ["balanced", None],
    "application": ["VGG16", "VGG19"],
    "weights": [None, "imagenet"],
    "input_size": [64, 32],
    "fine_tune": [None],
    "layout": ["NHWC", "NCHW"],
    "channels": [1, 3],
    "output": ["pooled", "features"],
    "in_package": [False, True],
    "pretrained_on": ["PubMed", "ImageNet-1k"],
    "scale": [0.15, 0.2],
    "contrast": [0.15, 0.2],
}
GRID: dict[str, list[Any]] = {
    "C": [2, 5],
    "kernel": ["linear", "rbf"],
    "gamma": ["scale", 0.01],
    "relative_gamma": [2],
    "n_estimators": [7],
    "max_depth": [7],
    "min_samples_split": [4],
    "min_samples_leaf": [3],
}
BACKBONE = {
    "path": "own.npz",
    "sha256": None,
    "input": {"size": 224, "layout": "NCHW", "channels": 3, "scale": 0.1, "mean": 127, "std": 128},
    "output": "features",
    "in_package": True,
    "pretrained_on": None,
}
APPLICATION = {
    "application": "MobileNetV3Small",
    "weights": "imagenet",
    "input_size": 32,
    "fine_tune": {"last_stage": 3, "all": 3, "learning_rate": 0.0001},
}
DERIVED = "derived"  # the model that keys of derived models are tried on
LABEL_NAMES = {"breastmnist": 2, "bloodmnist": 8}
OTHER_GRIDS = {"random_forest": {"n_estimators": [5, 10]}, "svm": {"C": [1, 3]}}


def leaves(entry: Any, key: str = "") -> Iterator[str]:
    """The dotted keys of all values; a list is one value, unless it lists entries."""
    if isinstance(entry, dict):
        parts = entry.items()
    elif isinstance(entry, list) and entry and isinstance(entry[0], dict):
        parts = enumerate(entry)
    else:
        yield key
        return
    for name, part in parts:
        yield from leaves(part, f"{key}.{name}" if key else str(name))


def get(config: Config, key: str) -> Any:
    """The value of a dotted key; its default where a network or classifier does not say; None for none."""
    found = config
    for name in key.split("."):
        found = found[int(name)] if isinstance(found, list) else (found or {}).get(name, KeyError)
        if found is KeyError:
            section, _, *rest = key.split(".")
            if rest[0] == "options" and len(rest) == 2:
                return OPTIONS[config["networks"][key.split(".")[1]]["architecture"]].get(rest[1])
            if section in ("networks", "classifiers") and rest[0] != "options":
                inherited = ["classifier", *rest] if section == "classifiers" else rest
                return get(config, ".".join(["defaults", *inherited]))
            return None
    return found


def put(config: Config, key: str, value: Any) -> None:
    """Set the value of a dotted key."""
    *holders, last = key.split(".")
    for name in holders:
        if isinstance(config, list):
            config = config[int(name)]
        else:
            config[name] = {} if config.get(name) is None else config[name]
            config = config[name]
    config[last] = value


def ready(config: Config, key: str) -> Config:
    """A copy in which the key can be changed at all: what must hold beside it does."""
    config = copy.deepcopy(config)
    section, *rest = key.split(".")
    if section == "datasets":
        entry = config["datasets"][rest[0]]
        if rest[1] in ("flag", "source", "path", "generated") and not entry["label"]:
            entry["label"] = "A name"
        if rest[1] == "task":
            entry.update(flag=None, label="A name", positive=None)
        if rest[-1] == "preset":
            entry["augmentation"] = {"copies": 2}
        if rest[1] == "metadata":
            entry["metadata"] = "more.csv"
        if rest[1] in ("path", "task"):
            entry.pop("generated", None)
            entry.update(source="file", path="own.npz")
        if rest[1] in ("split", "colour", "bits", "exclude"):
            _become_folder(entry)
        if rest[1] == "generated" and entry["source"] != "generated":
            entry.update(source="generated", generated={"seed": 1, "train": 12000, "val": 100, "test": 100})
        if rest[1] == "flag":
            _need_few_images(entry)
    if key == "defaults.model.drop_near_duplicates_of":
        for dataset in config["datasets"].values():
            for model in (dataset.get("models") or {}).values():
                model.setdefault(rest[-1], [])  # named, as the other keys of models are
    if rest[:2] == ["dataset", "split"]:
        _become_folder(config["datasets"]["breast"])
    if section == "networks" and rest[1] == "options" and rest[2] in BACKBONE:
        config["networks"][rest[0]] = {"architecture": "onnx", "options": copy.deepcopy(BACKBONE)}
    if section == "networks" and rest[1] == "options" and rest[2] in APPLICATION:
        config["networks"][rest[0]] |= {"architecture": "keras_application", "options": copy.deepcopy(APPLICATION)}
    if section == "datasets" and rest[1:3] == ["models", DERIVED]:
        config["datasets"][rest[0]]["models"][DERIVED] = derived(config["datasets"][rest[0]])
    nested = {
        "affine": {"rotation": 30, "scale": 0.1},
        "early_stopping": {"patience": 5},
        "reduce_lr": {"factor": 0.5, "patience": 4},
    }
    for name, value in nested.items():
        if name in rest[:-1]:
            put(config, key.rpartition(".")[0], copy.deepcopy(get(config, key.rpartition(".")[0])) or value)
    for network in config["networks"].values():
        training = network.get("training", {})
        if section in ("defaults", "networks") and "schedule" in rest and training.get("reduce_lr"):
            training["reduce_lr"] = None
        if section in ("defaults", "networks") and "reduce_lr" in rest and training.get("schedule") == "one_cycle":
            training["schedule"] = "constant"
    return config


def _on_all_images(model: Config) -> bool:
    return model.get("train_images", "all") == "all"


def derived(dataset: Config) -> Config:
    """A model derived from the first of a data set."""
    base = next(iter(dataset["models"]))
    given = {"seeds": [1], "classifiers": [], "fusions": []}
    return {"base": base, "label": "other", **given, "changes": {"training": {"epochs": 7}}}


def _need_few_images(dataset: Config) -> None:
    """Let no model and no study ask for more images than the smallest data set has."""
    for model in dataset["models"].values():
        if model and model.get("train_images", "all") != "all":
            model["train_images"] = min(model["train_images"], 500)
    if curve := dataset["learning_curve"]:
        curve["sizes"] = [size for size in curve["sizes"] if size == "all" or size <= 500]


def changed(config: Config, key: str) -> Config:
    """A copy in which the key has another valid value, and whatever must change with it has too."""
    config = copy.deepcopy(config)
    old = get(config, key)
    section, *path = key.split(".")
    last = path[-1] if path else section
    if section == "datasets" and path[1] == "ensembles" and last != "label":
        members = [f"{name}/cnn" for name, model in config["datasets"][path[0]]["models"].items() if model]
        members += [f"{name}/{model['classifiers'][0]}" for name, model in _models(config, path[0])]
        put(config, key, [*old, next(member for member in members if member not in old)])
    elif section == "datasets" and last == "export":
        put(config, key, f"{next(name for name, model in config['datasets'][path[0]]['models'].items() if model)}/cnn")
    elif section == "datasets" and last == "network":
        config["networks"]["another"] = copy.deepcopy(config["networks"][old])
        put(config, "networks.another.training.epochs", 97)
        put(config, key, "another")
    elif section == "datasets" and last == "base":
        put(config, key, next(name for name in config["datasets"][path[0]]["models"] if name not in (old, DERIVED)))
    elif section == "datasets" and last == "changes":
        put(config, key, {"training": {"epochs": 8}})
    elif section == "datasets" and last == "classifiers":
        config["classifiers"]["another"] = {"kind": "svm", "grid": {"C": [3]}, "calibration": "temperature"}
        put(config, key, [*old, "another"])
    elif section == "datasets" and last == "fusions":
        classifier = get(config, key.replace("fusions", "classifiers"))[0]
        config["fusions"]["another"] = {"weights": {"cnn": 0.5, classifier: 0.5}}
        put(config, key, [*old, "another"])
    elif last == "up_to":
        put(config, key, old + 1 if old else 10**6)
    elif last == "models" and section != "corruptions":
        put(config, key, ["breast_cnn"])
        put(config, f"{key.rpartition('.')[0]}.compare", [])  # pairs of models that are left out now
    elif last == "compare" and "primary" in path:
        put(config, key, [pair[::-1] for pair in old])
    elif last == "crossvalidation" and not old:
        models = config["datasets"][path[0]].get("models") or {}
        # A fold has fewer images than some models want.
        put(config, key, {"folds": 3, "models": [name for name in models if _on_all_images(models[name])] or None})
    elif last == "ensembles" and "crossvalidation" in path:
        put(config, key, not old)
    elif last == "repeats" and "crossvalidation" in path:
        put(config, key, (old or 5) + 1)
    elif last in ("seeds", "repeats"):
        put(config, key, [*old, max(old) + 1])
    elif last == "sizes":
        put(config, key, [50, *old])
    elif last == "label_names":
        number = LABEL_NAMES[config["datasets"][path[0]]["flag"]]
        put(config, key, [f"class {label}" for label in range(number)])
    elif last == "learning_curve":
        put(config, key, None if old else {"network": "size_study", "sizes": [60, "all"], "repeats": [1]})
    elif last == "generated":
        config["datasets"][path[0]].update(source="official", generated=None)
    elif last == "source" and section == "datasets":
        config["datasets"][path[0]].pop("generated", None)
        put(config, key, _another(CHOICES[last], old))
    elif last == "architecture":
        config["networks"][path[0]].pop("options", None)
        put(config, key, _another(["five_layer", "breast_cnn"], old))
    elif last == "kind":
        kind = _another(["random_forest", "svm"], old)
        grid = OTHER_GRIDS[kind]
        if all(len(values) == 1 for values in config["classifiers"][path[0]]["grid"].values()):
            grid = {name: values[:1] for name, values in grid.items()}
        config["classifiers"][path[0]].update(kind=kind, grid=grid, calibration="sigmoid")
    elif section == "classifiers" and path[1] == "grid":
        assert last in GRID, f"add {last!r} to GRID of tests/workflow/other_values.py"
        new = next(value for value in GRID[last] if value not in old) if len(old) < 4 else None
        put(config, key, old[:-1] if new is None else [*old, new] if len(old) > 1 else [new])
    elif section == "fusions" and path[1] == "weights":
        weights = config["fusions"][path[0]]["weights"]
        first, second = list(weights)[:2]
        weights[first], weights[second] = round(weights[first] + 0.1, 4), round(weights[second] - 0.1, 4)
    elif section == "fusions" and path[1] == "choose":
        put(config, key, old[::-1])
    elif last in CHOICES:
        put(config, key, _another(CHOICES[last], old))
    elif isinstance(old, str):
        put(config, key, f"{old}2")
    elif isinstance(old, float):
        put(config, key, old / 2)
    else:
        put(config, key, (old or 0) + 1 if last != "search_images" else (old or 1000) + 1)
    return config


def _become_folder(entry: Config) -> None:
    """A data set of pictures in the folder `own`, instead."""
    entry.pop("generated", None)
    entry.update(source="folder", path="own", flag=None, sha256=None, label="A name", label_names=None, positive=None)


def _models(config: Config, dataset: str) -> list[tuple[str, Config]]:
    models = config["datasets"][dataset]["models"].items()
    return [(name, model) for name, model in models if model and model.get("classifiers")]


def _another(choices: list[Any], old: Any) -> Any:
    return next(choice for choice in choices if choice != old)
