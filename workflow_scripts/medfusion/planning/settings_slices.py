"""The slice of the configuration that each stage depends on: exactly that, so that no other edit re-runs it.

Where neither the wildcards nor the slice say which files a job reads, `files` names them: so a job whose inputs become
others runs again although Snakemake's own records (.snakemake/) are lost.
"""

import platform
from collections.abc import Callable, Iterable
from dataclasses import asdict
from types import SimpleNamespace
from typing import Any

from medfusion.data import folders
from medfusion.planning.ablations import comparisons
from medfusion.planning.config import fusion_members
from medfusion.planning.data_sets import classes
from medfusion.planning.fingerprint import ROOT, library_versions
from medfusion.planning.plan import Plan, Wildcards

Slice = dict[str, Any]


def slices(plan: Plan) -> dict[str, Callable[[Wildcards], Slice]]:
    """For each stage, by the name of its program, a function from a job's wildcards to its settings."""
    config = plan.config
    whole = {"config": config, "shown": {name: plan.shown(name) for name in plan.datasets}, "results": plan.results}

    def dataset(wildcards: Wildcards, *keys: str) -> Slice:
        entry = plan.datasets[wildcards.dataset]
        return {key: entry[key] for key in keys}

    def figure(wildcards: Wildcards, **more: Any) -> Slice:
        return {"style": config["report"]["style"], "name": plan.shown(wildcards.dataset)["name"], **more}

    def named(*datasets: str) -> Slice:
        return {"shown": {name: {"name": plan.shown(name)["name"]} for name in datasets}}

    def labelled_figure(wildcards: Wildcards, **more: Any) -> Slice:
        return figure(wildcards, label_names=plan.datasets[wildcards.dataset]["label_names"], **more)

    def results_figure(wildcards: Wildcards, *keys: str) -> Slice:
        shown = {"style": config["report"]["style"], "shown": {wildcards.dataset: plan.shown(wildcards.dataset)}}
        return {**shown, **dataset(wildcards, *keys)}

    def train_cnn(wildcards: Wildcards) -> Slice:
        return {
            "title": f"{wildcards.dataset}/{wildcards.model}, seed {wildcards.seed}",
            "network": {key: plan.network(wildcards)[key] for key in ("architecture", "options", "training")},
            "train_images": plan.model(wildcards)["train_images"],
            "seed": int(wildcards.seed),
        }

    def extract_features(wildcards: Wildcards) -> Slice:
        title = f"{wildcards.dataset}/{wildcards.model}, seed {wildcards.seed}"
        return {"title": title, **plan.network(wildcards)["features"]}

    def learning_curve(wildcards: Wildcards) -> Slice:
        return {
            "title": f"{wildcards.dataset}, training-size study, {wildcards.size} images, repeat {wildcards.repeat}",
            "network": plan.curve_network(wildcards.dataset),
            "size": "all" if wildcards.size == "all" else int(wildcards.size),
            "seed": int(wildcards.repeat),
        }

    def fit_grid(wildcards: Wildcards) -> Slice:
        return {
            "title": f"{wildcards.dataset}/{wildcards.model}, seed {wildcards.seed}, {wildcards.classifier}",
            "classifier": config["classifiers"][wildcards.classifier],
            "seed": int(wildcards.seed),
        }

    def fuse(wildcards: Wildcards) -> Slice:
        fusion = config["fusions"][wildcards.fusion]
        return {
            "title": f"{wildcards.dataset}/{wildcards.model}, seed {wildcards.seed}, {wildcards.fusion}",
            "members": fusion_members(fusion),
            **{key: fusion.get(key) for key in ("weights", "step", "criterion")},
        }

    def vote(wildcards: Wildcards) -> Slice:
        return {
            "title": f"{wildcards.dataset}, {wildcards.vote}",
            "systems": plan.datasets[wildcards.dataset]["votes"][wildcards.vote],
            "files": plan.vote_files(wildcards),
        }

    def evaluate(wildcards: Wildcards) -> Slice:
        name, *run = wildcards.group.split("/")
        evaluation = config["evaluation"]
        return {
            "title": f"{wildcards.dataset}/{wildcards.group}",
            "dataset": wildcards.dataset,
            "model": name,
            "seed": int(run[-1].removeprefix("seed").removeprefix("repeat")) if run else None,
            "systems": list(plan.group(wildcards)),
            **dataset(wildcards, "positive", "ece_bins"),
            "replicates": evaluation["replicates"],
            "confidence": evaluation["confidence"],
            "bootstrap_seed": evaluation["seed"],
        }

    def compare_systems(wildcards: Wildcards) -> Slice:
        evaluation = config["evaluation"]
        return {
            "title": wildcards.dataset,
            "dataset": wildcards.dataset,
            "systems": [list(run) for run in plan.compared_runs(wildcards.dataset)],
            "replicates": evaluation["replicates"],
            "confidence": evaluation["confidence"],
            "bootstrap_seed": evaluation["seed"],
        }

    def calibrate(wildcards: Wildcards) -> Slice:
        return {
            "dataset": wildcards.dataset,
            "systems": [list(run) for run in plan.candidates(wildcards.dataset)],
            **dataset(wildcards, "positive"),
            "coverage": config["reliability"]["conformal_coverage"],
            "referred": config["reliability"]["referred"],
        }

    def assess_reliability(wildcards: Wildcards) -> Slice:
        return {
            "dataset": wildcards.dataset,
            "systems": [list(run) for run in plan.candidates(wildcards.dataset)],
            **dataset(wildcards, "ece_bins"),
            "replicates": config["evaluation"]["replicates"],
            "confidence": config["evaluation"]["confidence"],
            "bootstrap_seed": config["evaluation"]["seed"],
        }

    def export_bundle(wildcards: Wildcards) -> Slice:
        name = wildcards.dataset
        parts = plan.export_parts(name)
        models = dict.fromkeys(model for model, *_ in parts["networks"])
        return {
            "dataset": name,
            "shown": {name: plan.shown(name)},
            **dataset(wildcards, "source", "export"),
            "runs": [[run, averaged] for run, averaged in plan.exported(name).items()],
            "parts": {kind: list(files) for kind, files in parts.items()},
            "features": {
                model: plan.network(SimpleNamespace(dataset=name, model=model))["features"] for model in models
            },
            "confidence": config["evaluation"]["confidence"],
        }

    def write_predictions(wildcards: Wildcards) -> Slice:
        groups = plan.groups[wildcards.dataset].values()
        return {
            **dataset(wildcards, "flag", "size", "source"),
            "systems": [list(group) for group in groups],
            "files": plan.metrics(wildcards.dataset),
        }

    def own_file(wildcards: Wildcards) -> Slice:
        """What stands in for MedMNIST's account of a data set, for a file without a flag."""
        entry = plan.datasets[wildcards.dataset]
        return {} if entry["flag"] else {"own": {"task": entry["task"], "classes": classes(entry)}}

    def prepare_folder(wildcards: Wildcards) -> Slice:
        # Pictures are not read here: they are told apart by what the system says of them.
        listed = folders.look(plan.data_file(wildcards))
        return {
            **dataset(wildcards, "size", "task", "split", "colour"),
            "files": plan.data_file(wildcards),
            "listed": listed.fingerprint(),
        }

    stages = {
        "download": lambda wildcards: plan.downloads()[wildcards.file],
        "generate": lambda wildcards: {
            **dataset(wildcards, "flag", "size"),
            **plan.datasets[wildcards.dataset]["generated"],
        },
        "prepare": lambda wildcards: {
            **dataset(wildcards, "flag", "size", "source", "sha256"),
            **own_file(wildcards),
            "files": plan.data_file(wildcards),
        },
        "prepare_folder": prepare_folder,
        "inspect_images": lambda wildcards: labelled_figure(wildcards, seed=0),
        "audit_twins": lambda wildcards: labelled_figure(
            wildcards, threshold=plan.datasets[wildcards.dataset]["twins"]
        ),
        "augment": lambda wildcards: {"augmentation": plan.augmentation(wildcards)},
        "draw_augmentation": figure,
        "train_cnn": train_cnn,
        "extract_features": extract_features,
        "learning_curve": learning_curve,
        "fit_grid": fit_grid,
        "fuse": fuse,
        "vote": vote,
        "floors": lambda wildcards: {"images": config["evaluation"]["nearest_images"]},
        "evaluate": evaluate,
        "compare_systems": compare_systems,
        "calibrate": calibrate,
        "assess_reliability": assess_reliability,
        "collect_metrics": lambda wildcards: {
            **named(*plan.datasets),
            "files": [file for name in plan.datasets for file in plan.all_metrics(name)],
        },
        "select_cases": lambda wildcards: {
            "dataset": wildcards.dataset,
            "systems": list(plan.first_runs(wildcards.dataset)),
            "studied": plan.contrasted(wildcards.dataset),
            "files": [*plan.candidate_metrics(wildcards), *plan.first_run_files(wildcards)],
        },
        "map_attention": lambda wildcards: {
            "files": [plan.studied_network(wildcards), plan.studied_features(wildcards)],
        },
        "draw_cases": labelled_figure,
        "draw_curves": lambda wildcards: figure(wildcards, seeds=plan.model(wildcards)["seeds"]),
        "draw_grids": lambda wildcards: figure(
            wildcards,
            classifiers=plan.compared(wildcards.dataset, wildcards.model),
            files=plan.grid_files("grid.csv")(wildcards),
        ),
        "draw_fusions": lambda wildcards: figure(
            wildcards,
            fusions=plan.chosen(wildcards.dataset, wildcards.model),
            files=plan.chosen_fusion_files(wildcards),
        ),
        "study_classifiers": lambda wildcards: {
            **config["studies"],
            "seed": plan.first_seed(wildcards.dataset, plan.studied(wildcards.dataset)),
            "files": [plan.studied_features(wildcards), *plan.studied_tree(wildcards)],
        },
        "draw_studies": labelled_figure,
        "draw_results": lambda wildcards: {
            **results_figure(wildcards, "published", "source"),
            "files": plan.metrics(wildcards.dataset),
        },
        "draw_labels": lambda wildcards: {
            **results_figure(wildcards, "published", "source"),
            "files": plan.metrics(wildcards.dataset),
        },
        "draw_reliability": results_figure,
        "draw_training_size": lambda wildcards: {
            "style": config["report"]["style"],
            **named(wildcards.dataset),
            "files": plan.curve_metrics(wildcards),
        },
        "write_predictions": write_predictions,
        "export_bundle": export_bundle,
        "draw_ablations": lambda wildcards: {
            "style": config["report"]["style"],
            **named(wildcards.dataset),
            "comparisons": [asdict(comparison) for comparison in comparisons(config, wildcards.dataset)],
            "confidence": config["evaluation"]["confidence"],
        },
        "summarise": lambda wildcards: whole,
    }
    return {**stages, "report": lambda wildcards: {**whole, "versions": _versions([*stages, "report"])}}


def _versions(stages: Iterable[str]) -> dict[str, str]:
    """Python's version, and those of the libraries that stages import: the page lists them."""
    versions = {"Python": platform.python_version()}
    for stage in sorted(stages):
        versions |= library_versions(ROOT / f"{stage}.py")
    return versions
