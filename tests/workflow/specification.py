"""The jobs that a configuration asks for, written down a second time: what the plan of the workflow is held against."""

from typing import Any

from medfusion.learning.architectures.registry import OPTIONS

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


def partition_jobs(config: Config) -> set[str]:
    """The jobs of cross-validation and other splits, whose settings are all given in the data set's entry."""
    found: set[str] = set()

    def add(stage: str, *names: Any, **_: Any) -> None:
        found.add(f"{stage}/{'.'.join(map(str, names))}")

    for dataset, entry in _present(config["datasets"]).items():
        models, _ = _models(entry)
        for scheme in ("crossvalidation", "resplits"):
            if not (wanted := entry.get(scheme)):
                continue
            if not _one_class(entry):
                add("group_images", dataset)
            add("summarise_partitions", dataset, scheme)
            for part, seeds in _partitions(scheme, wanted):
                kept = {name: models[name] for name in wanted.get("models") or models}
                if seeds:
                    kept = {name: {**model, "seeds": seeds} for name, model in kept.items()}
                path = f"{dataset}.{scheme}.{part}"
                add("partition_images", path)
                add("augment", path, "augmented")
                for name, model in kept.items():
                    _add_model(add, config, path, name, model)
                of_several = {
                    ensemble
                    for ensemble, members in _present(entry.get("ensembles")).items()
                    if {member.split("/")[0] for member in members} <= set(kept)
                    and sum(len(kept[member.split("/")[0]]["seeds"]) for member in members) > 1
                }
                for ensemble in of_several:
                    add("ensemble", path, ensemble)
                if of_several:
                    add("evaluate", path, "ensembles")
            if wanted.get("ensembles"):
                _add_fold_ensembles(add, dataset, wanted, models)
    return {job for job in found if not job.startswith("draw_")}


def _add_fold_ensembles(add, dataset: str, wanted: Config, models: Config) -> None:
    path = f"{dataset}.crossvalidation.ensembles"
    for stage in ("rank_systems", "calibrate", "assess_reliability", "summarise_fold_ensembles"):
        add(stage, path)
    for part, (repeat,) in _partitions("crossvalidation", wanted):
        for name in wanted.get("models") or models:
            add("apply_fold", f"{dataset}.crossvalidation.{part}", name, repeat)
            add("evaluate", path, name, f"seed{repeat}")
            for system in ("cnn", *models[name].get("classifiers", []), *models[name].get("fusions", [])):
                add("ensemble_folds", path, name, repeat, system)


def _partitions(scheme: str, wanted: Config) -> list[tuple[str, list[int] | None]]:
    if scheme == "resplits":
        return [(str(number + 1), None) for number in range(wanted["number"])]
    repeats = range(1, wanted["repeats"] + 1)
    return [(f"repeat{r}-fold{fold + 1}", [r]) for r in repeats for fold in range(wanted["folds"])]


def _add_dataset(add, config: Config, dataset: str, entry: Config) -> None:
    (models, derived), ensembles, curve = _models(entry), _present(entry.get("ensembles")), entry.get("learning_curve")
    if entry["source"] in ("official", "surrogate"):
        size = "" if entry["size"] == 28 else f"_{entry['size']}"
        surrogate = "_surrogate" if entry["source"] == "surrogate" else ""
        add("download", f"{entry['flag']}{size}{surrogate}", dataset=dataset)
    for network in {model["network"] for model in models.values()}:
        options = config["networks"][network].get("options") or {}
        if "application" in options and options.get("weights", "imagenet") == "imagenet":
            add("fetch_weights", options["application"], dataset=dataset, network=network)
    if entry["source"] == "generated":
        add("generate", dataset, dataset=dataset)
    stage = "prepare_folder" if entry["source"] == "folder" else "prepare"
    add(stage, dataset, dataset=dataset, source=entry["source"])
    for stage in ("inspect_images", "audit_duplicates", "baselines", "rank_systems"):
        add(stage, dataset, dataset=dataset)
    add("assess_discrimination", dataset, dataset=dataset)
    add("draw_discrimination", dataset, dataset=dataset, **_named(config, _parts(models)))
    if any(not _frozen(config["networks"][model["network"]]) for model in models.values()):
        add("draw_augmentation", dataset, dataset=dataset)
    add("augment", dataset, "augmented", dataset=dataset)
    if _one_class(entry) or any(model.get("drop_near_duplicates_of") for model in models.values()):
        add("group_images", dataset, dataset=dataset)
    if entry.get("flag"):
        add("write_predictions", dataset, dataset=dataset)
    if not _one_class(entry):
        add("draw_labels", dataset, dataset=dataset, **_named(config, _parts(models)))
    else:
        _add_of_one_class(add, config, dataset, models)
    add("evaluate", dataset, "baselines", dataset=dataset, group="baselines")
    for name, model in models.items():
        _add_model(add, config, dataset, name, model)
    for name, model in derived.items():
        _add_derived(add, config, dataset, name, {**models[model["base"]], **model})
    if derived:
        add("draw_ablations", dataset, dataset=dataset)
    for name, members in ensembles.items():
        add(
            "ensemble",
            dataset,
            name,
            dataset=dataset,
            ensemble=name,
            model=[member.split("/")[0] for member in (members["systems"] if isinstance(members, dict) else members)],
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


def _one_class(entry: Config) -> bool:
    """Whether an image has one class; then its labels are audited, which needs its groups."""
    return entry.get("flag") != "chestmnist" and entry.get("task") != "multi-label"


def _add_of_one_class(add, config: Config, dataset: str, models: Config) -> None:
    """The jobs that rest on one class an image."""
    fused = {fusion for model in models.values() for fusion in model.get("fusions", [])}
    add("compare_systems", dataset, dataset=dataset, fusion=sorted(fused))
    add("draw_studies", dataset, dataset=dataset)
    add("map_saliency", dataset, dataset=dataset, network=next(iter(models.values()))["network"])
    if config["datasets"][dataset].get("metadata"):
        add("assess_slices", dataset, dataset=dataset)
    for stage in ("calibrate", "assess_reliability"):
        add(stage, dataset, dataset=dataset)
    for stage in ("draw_results", "draw_examples", "draw_reliability"):
        add(stage, dataset, dataset=dataset, **_named(config, _parts(models)))
    trained = [(name, model) for name, model in models.items() if not _frozen(config["networks"][model["network"]])]
    if tried := trained[: config["corruptions"]["models"]]:
        for name, model in tried:
            facts = _network_facts(model["network"], config["networks"][model["network"]])
            add("corrupt_predict", dataset, name, model["seeds"][0], dataset=dataset, model=name, **facts)
        for stage in ("corrupt_evaluate", "draw_corruptions", "draw_corrupted"):
            names = _named(config, _parts(models)) if stage == "draw_corruptions" else {}
            add(stage, dataset, dataset=dataset, tried=[name for name, _ in tried], **names)
    for name in _exported(config["datasets"][dataset], models):
        network = config["networks"][models[name]["network"]]
        facts = {"network": models[name]["network"]}
        facts = facts if _frozen(network) else _network_facts(models[name]["network"], network)
        add("fit_input_check", dataset, name, dataset=dataset, model=name, **facts)
    for stage in ("apply_input_check", "predict_out_of_fold", "audit_labels", "draw_mislabelled"):
        add(stage, dataset, dataset=dataset)
    used = [(model["network"], config["networks"][model["network"]]) for model in models.values()]
    unset = set().union(*(_network_facts(*network)["unset"] for network in used))
    if not any(_frozen(network) for _, network in used):
        add("write_try_page", dataset, dataset=dataset)
    add(
        "export_package",
        dataset,
        dataset=dataset,
        network=[name for name, _ in used],
        unset=unset,
        **_named(config, _parts(models)),
    )
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
    if _frozen(network):
        add("apply_backbone", dataset, name, **facts, network=model["network"])
    for seed in model["seeds"]:
        if _frozen(network):
            add("fit_grid", dataset, name, seed, "cnn", **facts, classifier="cnn", unset=CHOOSING)
        else:
            add("train_cnn", dataset, name, seed, **facts, **_network_facts(model["network"], network))
            add("extract_features", dataset, name, seed, **facts, **_network_facts(model["network"], network))
        for key, classifier in classifiers.items():
            unset = CHOOSING - set(classifier)
            add("fit_grid", dataset, name, seed, key, **facts, classifier=key, unset=unset)
        for key, fusion in fusions.items():
            weights = "chosen" if "choose" in fusion else "fixed"
            add("fuse", dataset, name, seed, key, **facts, fusion=key, weights=weights)
        add("evaluate", dataset, name, f"seed{seed}", **facts, group="model")
    if not _frozen(network):
        add("draw_curves", dataset, name, **facts)
    if compared := [key for key, classifier in classifiers.items() if _cells(classifier["grid"]) > 1]:
        add("draw_grids", dataset, name, **facts, classifier=list(classifiers), **_named(config, compared))
    if chosen := {key: fusion for key, fusion in fusions.items() if "choose" in fusion}:
        members = [member for fusion in chosen.values() for member in fusion["choose"] if member != "cnn"]
        add("draw_fusions", dataset, name, **facts, fusion=list(fusions), **_named(config, [*chosen, *members]))


def _add_derived(add, config: Config, dataset: str, name: str, model: Config) -> None:
    """The jobs of a model that is derived from another, with what it takes over from that."""
    network, changes = config["networks"][model["network"]], model["changes"]
    facts = {"dataset": dataset, "derived": name}
    if "augmentation" in changes:
        add("augment", dataset, f"augmented-{name}", dataset=dataset)
    for seed in model["seeds"]:
        if {"options", "training", "augmentation"} & {*changes}:
            add("train_cnn", dataset, name, seed, **facts, **_network_facts(model["network"], network))
        add("extract_features", dataset, name, seed, **facts, **_network_facts(model["network"], network))
        for key in model["classifiers"]:
            unset = CHOOSING - set(config["classifiers"][key])
            add("fit_grid", dataset, name, seed, key, **facts, classifier=key, unset=unset)
        add("evaluate", dataset, name, f"seed{seed}", **facts, group="derived")


def _parts(models: Config) -> list[str]:
    """The classifiers and fusions of a data set's models."""
    return [name for model in models.values() for name in (*model.get("classifiers", []), *model.get("fusions", []))]


def _named(config: Config, parts: list[str]) -> dict[str, set[str]]:
    """Whose names a job prints, which of these have no label, and which of these names say a setting: the kernel."""
    entries = {**config["classifiers"], **config["fusions"]}
    plain = {name for name in parts if not entries[name].get("label")}
    return {"named": set(parts), "plain": plain, "says": {f"{name}.kernel" for name in plain}}


def _network_facts(name: str, network: Config) -> dict[str, Any]:
    """A network's name and architecture, which settings of `defaults` it takes over (its own entry names the others),
    and whether it is trained in bfloat16 where that is asked for."""
    given = set(network.get("training") or {}) | set(network.get("features") or {})
    settings = (
        "images original_epochs affine corruptions symmetries shift batch_size epochs min_steps optimizer "
        "learning_rate weight_decay schedule warm_up label_smoothing loss class_weight early_stopping reduce_lr layers "
        "test_time_augmentation"
    )
    options = {**OPTIONS.get(network["architecture"], {}), **(network.get("options") or {})}
    lowered = "application" not in options and not any(width % 16 for width in options.get("widths", []))
    unset = set(settings.split()) - given
    return {"network": name, "architecture": network["architecture"], "unset": unset, "lowered": str(lowered)}


def _frozen(network: Config) -> bool:
    """Whether a network is a backbone, which is applied as it is."""
    return network["architecture"] == "onnx"


def _exported(entry: Config, models: Config) -> list[str]:
    """The models of which a system may be exported."""
    model, _, system = (entry.get("export") or "").partition("/")
    if model != "ensembles":
        return [model] if model else list(models)
    ensemble = entry["ensembles"][system]
    members = ensemble["systems"] if isinstance(ensemble, dict) else ensemble
    return list(dict.fromkeys(member.split("/")[0] for member in members))


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


def _models(entry: Config) -> tuple[Config, Config]:
    """The models of a data set, and those that are derived from others."""
    models = _present(entry["models"])
    derived = {name: model for name, model in models.items() if "base" in model}
    return {name: model for name, model in models.items() if name not in derived}, derived


def _present(entries: Config | None) -> Config:
    return {name: entry for name, entry in (entries or {}).items() if entry is not None}
