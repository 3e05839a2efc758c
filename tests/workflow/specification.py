"""The jobs that a configuration asks for, written down a second time: what the plan of the workflow is held against."""

from typing import Any

Config = dict[str, Any]
Facts = dict[str, set[str]]

CHOOSING = {
    *("selection", "folds", "search_images", "fit_images", "nystroem_components", "nystroem_images", "fit_values"),
    "calibration",
}


def jobs(config: Config) -> dict[str, Facts]:
    """Every job by its name (stage/wildcards, as in `graph`), with the facts by which a row of changes selects it.

    Parameters
    ----------
    config : config.yaml with its overlays, as users write it; entries set to null count as absent
    """
    found: dict[str, Facts] = {}

    def add(stage: str, *names: Any, **facts: Any) -> None:
        found[f"{stage}/{'.'.join(map(str, names)) or stage}"] = {
            key: set(value) if isinstance(value, (list, set, tuple)) else {str(value)} for key, value in facts.items()
        }

    for dataset, entry in _present(config["datasets"]).items():
        _add_dataset(add, config, dataset, entry)
    for stage in ("collect_metrics", "report", "summarise"):
        add(stage)
    return found


def _add_dataset(add, config: Config, dataset: str, entry: Config) -> None:
    models, ensembles, curve = _present(entry["models"]), _present(entry.get("ensembles")), entry.get("learning_curve")
    if entry["source"] in ("official", "surrogate"):
        size = "" if entry["size"] == 28 else f"_{entry['size']}"
        surrogate = "_surrogate" if entry["source"] == "surrogate" else ""
        add("download", f"{entry['flag']}{size}{surrogate}", dataset=dataset)
    if entry["source"] == "generated":
        add("generate", dataset, dataset=dataset)
    stage = "prepare_folder" if entry["source"] == "folder" else "prepare"
    add(stage, dataset, dataset=dataset, source=entry["source"])
    for stage in ("inspect_images", "audit_duplicates", "draw_augmentation", "baselines", "rank_systems"):
        add(stage, dataset, dataset=dataset)
    add("augment", dataset, "augmented", dataset=dataset)
    if entry.get("flag"):
        add("write_predictions", dataset, dataset=dataset)
    if entry.get("flag") == "chestmnist" or entry.get("task") == "multi-label":
        add("draw_labels", dataset, dataset=dataset)
    else:
        _add_of_one_class(add, config, dataset, models)
    add("evaluate", dataset, "baselines", dataset=dataset, group="baselines")
    for name, model in models.items():
        _add_model(add, config, dataset, name, model)
    ablated = {name: model for name, model in models.items() if model.get("ablations") is not None}
    for name, model in ablated.items():
        _add_ablations(add, config, dataset, name, model)
    if ablated:
        add("draw_ablations", dataset, dataset=dataset)
    for name, members in ensembles.items():
        add(
            "ensemble",
            dataset,
            name,
            dataset=dataset,
            ensemble=name,
            model=[member.split("/")[0] for member in members],
        )
    if ensembles:
        add("evaluate", dataset, "ensembles", dataset=dataset, group="ensembles")
    if curve:
        network = config["networks"][curve["network"]]
        facts = {"dataset": dataset, "group": "learning_curve", **_network_facts(curve["network"], network)}
        for repeat in curve["repeats"]:
            for size in curve["sizes"]:
                add("learning_curve", dataset, repeat, size, **facts)
            add("evaluate", dataset, "learning_curve", f"repeat{repeat}", dataset=dataset, group="learning_curve")
        add("draw_training_size", dataset, dataset=dataset)


def _add_of_one_class(add, config: Config, dataset: str, models: Config) -> None:
    """The jobs that rest on one class an image."""
    fused = {fusion for model in models.values() for fusion in model.get("fusions", [])}
    add("compare_systems", dataset, dataset=dataset, fusion=sorted(fused))
    for stage in ("draw_studies", "draw_results", "map_saliency", "draw_examples"):
        add(stage, dataset, dataset=dataset)
    for stage in ("calibrate", "assess_reliability", "draw_reliability"):
        add(stage, dataset, dataset=dataset)
    used = [(model["network"], config["networks"][model["network"]]) for model in models.values()]
    unset = set().union(*(_network_facts(*network)["unset"] for network in used))
    add("write_try_page", dataset, dataset=dataset)
    add("export_package", dataset, dataset=dataset, network=[name for name, _ in used], unset=unset)
    studied = next(iter(models))
    trees = [
        name
        for name in models[studied].get("classifiers", [])
        if config["classifiers"][name]["kind"] == "decision_tree"
    ]
    add("select_examples", dataset, dataset=dataset, svm=_contrasted(config, models[studied]))
    add("study_classifiers", dataset, dataset=dataset, model=studied, tree=trees[:1])


def _add_model(add, config: Config, dataset: str, name: str, model: Config) -> None:
    facts = {"dataset": dataset, "model": name}
    network = config["networks"][model["network"]]
    classifiers = {key: config["classifiers"][key] for key in model.get("classifiers", [])}
    fusions = {key: config["fusions"][key] for key in model.get("fusions", [])}
    for seed in model["seeds"]:
        add("train_cnn", dataset, name, seed, **facts, **_network_facts(model["network"], network))
        add("extract_features", dataset, name, seed, **facts, **_network_facts(model["network"], network))
        for key, classifier in classifiers.items():
            unset = CHOOSING - set(classifier)
            add("fit_grid", dataset, name, seed, key, **facts, classifier=key, unset=unset)
        for key, fusion in fusions.items():
            weights = "chosen" if "choose" in fusion else "fixed"
            add("fuse", dataset, name, seed, key, **facts, fusion=key, weights=weights)
        add("evaluate", dataset, name, f"seed{seed}", **facts, group="model")
    add("draw_curves", dataset, name, **facts)
    if any(_cells(classifier["grid"]) > 1 for classifier in classifiers.values()):
        add("draw_grids", dataset, name, **facts, classifier=list(classifiers))
    if any("choose" in fusion for fusion in fusions.values()):
        add("draw_fusions", dataset, name, **facts, fusion=list(fusions))


def _add_ablations(add, config: Config, dataset: str, base: str, model: Config) -> None:
    """The jobs of a model without its parts; only for entries that name the parts."""
    ablations, network = model["ablations"], config["networks"][model["network"]]
    changes = [f"without_{part}" for part in ablations["without"]]
    changes += [f"layer_{layer}" for layer in ablations["layers"]]
    for change in changes:
        facts = {"dataset": dataset, "ablated": base}
        kind = change.removeprefix("without_")
        if kind in ("flip", "rotation", "scale", "contrast"):
            add("augment", dataset, f"augmented-without-{kind}", dataset=dataset)
        trained = not change.startswith("layer_") and kind not in ("views", "network")
        for seed in ablations["seeds"]:
            job = ("ablations", base, change, seed)
            if trained:
                add("train_cnn", dataset, *job, **facts, **_network_facts(model["network"], network))
            add("extract_features", dataset, *job, **facts, **_network_facts(model["network"], network))
            for key in ablations["classifiers"]:
                unset = CHOOSING - set(config["classifiers"][key])
                add("fit_grid", dataset, *job, key, **facts, classifier=key, unset=unset)
            add("evaluate", dataset, *job[:3], f"seed{seed}", **facts, group="ablations")


def _network_facts(name: str, network: Config) -> dict[str, Any]:
    """A network's name, and which settings of `defaults` it takes over (its own entry names the others)."""
    given = set(network.get("training") or {}) | set(network.get("features") or {})
    settings = (
        "images original_epochs affine symmetries shift batch_size epochs min_steps optimizer learning_rate "
        "weight_decay schedule warm_up label_smoothing early_stopping reduce_lr layers views"
    )
    return {"network": name, "unset": set(settings.split()) - given}


def _contrasted(config: Config, model: Config) -> list[str]:
    """The SVM that is held against the network: that of the first fusion of both, or else the first, or none."""
    svms = [name for name in model.get("classifiers", []) if config["classifiers"][name]["kind"] == "svm"]
    for name in model.get("fusions", []):
        members = config["fusions"][name].get("weights") or config["fusions"][name]["choose"]
        if "cnn" in members and (both := [member for member in members if member in svms]):
            return both[:1]
    return svms[:1]


def _cells(grid: dict[str, list]) -> int:
    product = 1
    for values in grid.values():
        product *= len(values)
    return product


def _present(entries: Config | None) -> Config:
    return {name: entry for name, entry in (entries or {}).items() if entry is not None}
