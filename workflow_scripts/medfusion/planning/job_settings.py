"""The part of the configuration that each stage depends on: exactly that, so that no other edit re-runs it.

Where neither wildcards nor settings say which files a job reads, `files` names them: so a job whose inputs become
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
from medfusion.planning.data_sets import classes, excluded, label_order
from medfusion.planning.export_plan import ExportPlan
from medfusion.planning.fingerprint import ROOT, library_versions
from medfusion.planning.page_plan import PagePlan
from medfusion.planning.plan import Plan, Wildcards

Settings = dict[str, Any]
JobSettings = dict[str, Callable[[Wildcards], Settings]]


def job_settings(plan: Plan) -> JobSettings:
    """For each stage, by the name of its program, a function from a job's wildcards to its settings."""
    parts = _Parts(plan)
    stages = {
        **_of_data(plan, parts),
        **_of_models(plan),
        **_of_evaluation(plan, parts),
        **_of_figures(plan, parts),
        **_of_examples(plan, parts),
        **_of_products(plan, parts),
    }
    whole = {
        "config": plan.config,
        "shown": {name: plan.shown(name) for name in plan.datasets},
        "results": plan.results,
    }
    return {
        **stages,
        "summarise": lambda wildcards: whole,
        "report": lambda wildcards: {**whole, "versions": _versions([*stages, "summarise", "report"])},
    }


class _Parts:
    """What settings have in common."""

    def __init__(self, plan: Plan):
        self._plan = plan

    def dataset(self, wildcards: Wildcards, *keys: str) -> Settings:
        """Some keys of a data set's entry."""
        entry = self._plan.datasets[wildcards.dataset]
        return {key: entry[key] for key in keys}

    def names(self, *datasets: str) -> Settings:
        """What data sets are called."""
        return {"shown": {name: {"name": self._plan.shown(name)["name"]} for name in datasets}}

    def figure(self, wildcards: Wildcards, **more: Any) -> Settings:
        """What every figure depends on, and more."""
        style = self._plan.config["report"]["style"]
        return {"style": style, "name": self._plan.shown(wildcards.dataset)["name"], **more}

    def labelled_figure(self, wildcards: Wildcards, **more: Any) -> Settings:
        """The same, of a figure that names classes."""
        return self.figure(wildcards, label_names=self._plan.datasets[wildcards.dataset]["label_names"], **more)

    def results_figure(self, wildcards: Wildcards, *keys: str) -> Settings:
        """What a figure of results depends on, and some keys of its data set."""
        style, shown = self._plan.config["report"]["style"], self._plan.shown(wildcards.dataset)
        return {"style": style, "shown": {wildcards.dataset: shown}, **self.dataset(wildcards, *keys)}

    def bootstrap(self) -> Settings:
        """How intervals are found."""
        evaluation = self._plan.config["evaluation"]
        return {
            "replicates": evaluation["replicates"],
            "confidence": evaluation["confidence"],
            "bootstrap_seed": evaluation["seed"],
        }


def _of_data(plan: Plan, parts: _Parts) -> JobSettings:
    def own_file(wildcards: Wildcards) -> Settings:
        """What stands in for MedMNIST's account of a data set, for a file without a flag."""
        entry, number = plan.datasets[wildcards.dataset], classes(plan.datasets[wildcards.dataset])
        # What the configuration cannot be checked for, because only the file tells how many classes there are.
        unchecked = {"positive": entry["positive"]} if number is None else {}
        return {} if entry["flag"] else {"own": {"task": entry["task"], "classes": number, **unchecked}}

    def generate(wildcards: Wildcards) -> Settings:
        return {**parts.dataset(wildcards, "flag", "size"), **plan.datasets[wildcards.dataset]["generated"]}

    def prepare(wildcards: Wildcards) -> Settings:
        return {
            **parts.dataset(wildcards, "flag", "size", "source", "sha256"),
            **own_file(wildcards),
            "files": plan.data_file(wildcards),
        }

    def prepare_folder(wildcards: Wildcards) -> Settings:
        # Pictures are not read here: they are known by what the system says of them.
        entry = plan.datasets[wildcards.dataset]
        listed = folders.look(plan.data_file(wildcards), excluded(entry))
        return {
            **parts.dataset(wildcards, "size", "task", "split", "colour", "bits"),
            "exclude": list(excluded(entry)),
            "order": label_order(entry),
            "files": plan.data_file(wildcards),
            "listed": listed.fingerprint(),
        }

    def audit_duplicates(wildcards: Wildcards) -> Settings:
        return parts.labelled_figure(wildcards, threshold=plan.datasets[wildcards.dataset]["near_duplicates"])

    return {
        "download": lambda wildcards: plan.downloads()[wildcards.file],
        "generate": generate,
        "prepare": prepare,
        "prepare_folder": prepare_folder,
        "inspect_images": lambda wildcards: parts.labelled_figure(wildcards, seed=0),
        "audit_duplicates": audit_duplicates,
        "augment": lambda wildcards: {"augmentation": plan.augmentation(wildcards)},
        "draw_augmentation": parts.figure,
    }


def _of_models(plan: Plan) -> JobSettings:
    config = plan.config

    def train_cnn(wildcards: Wildcards) -> Settings:
        return {
            "title": f"{wildcards.dataset}/{wildcards.model}, seed {wildcards.seed}",
            "network": {key: plan.network(wildcards)[key] for key in ("architecture", "options", "training")},
            "train_images": plan.model(wildcards)["train_images"],
            "seed": int(wildcards.seed),
        }

    def extract_features(wildcards: Wildcards) -> Settings:
        title = f"{wildcards.dataset}/{wildcards.model}, seed {wildcards.seed}"
        return {"title": title, **plan.network(wildcards)["features"]}

    def learning_curve(wildcards: Wildcards) -> Settings:
        return {
            "title": f"{wildcards.dataset}, training-size study, {wildcards.size} images, repeat {wildcards.repeat}",
            "network": plan.curve_network(wildcards.dataset),
            "size": "all" if wildcards.size == "all" else int(wildcards.size),
            "seed": int(wildcards.repeat),
        }

    def fit_grid(wildcards: Wildcards) -> Settings:
        return {
            "title": f"{wildcards.dataset}/{wildcards.model}, seed {wildcards.seed}, {wildcards.classifier}",
            "classifier": {**config["classifiers"][wildcards.classifier], "criterion": config["criterion"]},
            "train_images": plan.model(wildcards)["train_images"],
            "seed": int(wildcards.seed),
        }

    def fuse(wildcards: Wildcards) -> Settings:
        fusion = config["fusions"][wildcards.fusion]
        return {
            "title": f"{wildcards.dataset}/{wildcards.model}, seed {wildcards.seed}, {wildcards.fusion}",
            "members": fusion_members(fusion),
            **{key: fusion.get(key) for key in ("weights", "step")},
            "criterion": config["criterion"] if "choose" in fusion else None,
        }

    def ensemble(wildcards: Wildcards) -> Settings:
        return {
            "title": f"{wildcards.dataset}, {wildcards.ensemble}",
            "systems": plan.datasets[wildcards.dataset]["ensembles"][wildcards.ensemble],
            "files": plan.ensemble_files(wildcards),
        }

    return {
        "train_cnn": train_cnn,
        "extract_features": extract_features,
        "learning_curve": learning_curve,
        "fit_grid": fit_grid,
        "fuse": fuse,
        "ensemble": ensemble,
    }


def _of_evaluation(plan: Plan, parts: _Parts) -> JobSettings:
    config = plan.config

    def evaluate(wildcards: Wildcards) -> Settings:
        name, *run = wildcards.group.split("/")
        return {
            "title": f"{wildcards.dataset}/{wildcards.group}",
            "dataset": wildcards.dataset,
            "model": name,
            "seed": int(run[-1].removeprefix("seed").removeprefix("repeat")) if run else None,
            "systems": list(plan.group(wildcards)),
            **parts.dataset(wildcards, "positive", "ece_bins"),
            **parts.bootstrap(),
        }

    def rank_systems(wildcards: Wildcards) -> Settings:
        return {
            "dataset": wildcards.dataset,
            "criterion": config["criterion"],
            "systems": [list(run) for run in plan.candidates(wildcards.dataset)],
        }

    def compare_systems(wildcards: Wildcards) -> Settings:
        return {
            "title": wildcards.dataset,
            "dataset": wildcards.dataset,
            "systems": [list(run) for run in plan.compared_runs(wildcards.dataset)],
            "fusions": {
                f"{model}/{name}": [f"{model}/{member}" for member in fusion_members(config["fusions"][name])]
                for model, entry in plan.datasets[wildcards.dataset]["models"].items()
                for name in entry["fusions"]
            },
            **parts.bootstrap(),
        }

    def calibrate(wildcards: Wildcards) -> Settings:
        return {
            "dataset": wildcards.dataset,
            "systems": [list(run) for run in plan.candidates(wildcards.dataset)],
            **parts.dataset(wildcards, "positive"),
            "sensitivity": config["reliability"]["sensitivity"],
            "coverage": config["reliability"]["conformal_coverage"],
            "abstention_rate": config["reliability"]["abstention_rate"],
        }

    def assess_reliability(wildcards: Wildcards) -> Settings:
        return {
            "dataset": wildcards.dataset,
            "systems": [list(run) for run in plan.candidates(wildcards.dataset)],
            **parts.dataset(wildcards, "ece_bins"),
            **parts.bootstrap(),
        }

    def collect_metrics(wildcards: Wildcards) -> Settings:
        return {
            **parts.names(*plan.datasets),
            "files": [file for name in plan.datasets for file in plan.all_metrics(name)],
        }

    return {
        "baselines": lambda wildcards: {"images": config["evaluation"]["nearest_images"]},
        "evaluate": evaluate,
        "rank_systems": rank_systems,
        "compare_systems": compare_systems,
        "calibrate": calibrate,
        "assess_reliability": assess_reliability,
        "collect_metrics": collect_metrics,
    }


def _of_figures(plan: Plan, parts: _Parts) -> JobSettings:
    config, page = plan.config, PagePlan(plan)

    def draw_grids(wildcards: Wildcards) -> Settings:
        classifiers = page.compared(wildcards.dataset, wildcards.model)
        return parts.figure(wildcards, classifiers=classifiers, files=page.grid_files("grid.csv")(wildcards))

    def draw_fusions(wildcards: Wildcards) -> Settings:
        fusions = page.chosen(wildcards.dataset, wildcards.model)
        return parts.figure(wildcards, fusions=fusions, files=page.chosen_fusion_files(wildcards))

    def study_classifiers(wildcards: Wildcards) -> Settings:
        return {
            **config["studies"],
            "seed": page.first_seed(wildcards.dataset, page.studied(wildcards.dataset)),
            "files": [page.studied_features(wildcards), *page.studied_tree(wildcards)],
        }

    def draw_results(wildcards: Wildcards) -> Settings:
        return {
            **parts.results_figure(wildcards, "published", "source"),
            "files": plan.metrics(wildcards.dataset),
        }

    def draw_training_size(wildcards: Wildcards) -> Settings:
        return {
            "style": config["report"]["style"],
            **parts.names(wildcards.dataset),
            "files": plan.curve_metrics(wildcards),
        }

    def draw_ablations(wildcards: Wildcards) -> Settings:
        return {
            "style": config["report"]["style"],
            **parts.names(wildcards.dataset),
            "comparisons": [asdict(comparison) for comparison in comparisons(config, wildcards.dataset)],
            "confidence": config["evaluation"]["confidence"],
        }

    return {
        "draw_curves": lambda wildcards: parts.figure(wildcards, seeds=plan.model(wildcards)["seeds"]),
        "draw_grids": draw_grids,
        "draw_fusions": draw_fusions,
        "study_classifiers": study_classifiers,
        "draw_studies": parts.labelled_figure,
        "draw_results": draw_results,
        "draw_labels": draw_results,
        "draw_reliability": parts.results_figure,
        "draw_training_size": draw_training_size,
        "draw_ablations": draw_ablations,
    }


def _of_examples(plan: Plan, parts: _Parts) -> JobSettings:
    page = PagePlan(plan)

    def select_examples(wildcards: Wildcards) -> Settings:
        return {
            "dataset": wildcards.dataset,
            "systems": [list(run) for run in page.first_runs(wildcards.dataset)],
            "studied": page.contrasted(wildcards.dataset),
            "files": page.first_run_files(wildcards),
        }

    def map_saliency(wildcards: Wildcards) -> Settings:
        return {"files": [page.studied_network(wildcards), page.studied_features(wildcards)]}

    return {"select_examples": select_examples, "map_saliency": map_saliency, "draw_examples": parts.labelled_figure}


def _of_products(plan: Plan, parts: _Parts) -> JobSettings:
    exports = ExportPlan(plan)

    def write_predictions(wildcards: Wildcards) -> Settings:
        return {
            **parts.dataset(wildcards, "flag", "size", "source"),
            "systems": [list(group) for group in plan.groups[wildcards.dataset].values()],
            "files": plan.metrics(wildcards.dataset),
        }

    def export_package(wildcards: Wildcards) -> Settings:
        name = wildcards.dataset
        files = exports.parts(name)
        models = dict.fromkeys(model for model, *_ in files["networks"])
        return {
            "dataset": name,
            "criterion": plan.config["criterion"],
            "shown": {name: plan.shown(name)},
            **parts.dataset(wildcards, "source", "export"),
            "runs": [[run, averaged] for run, averaged in exports.runs(name).items()],
            "parts": {kind: list(found) for kind, found in files.items()},
            "features": {
                model: plan.network(SimpleNamespace(dataset=name, model=model))["features"] for model in models
            },
            "confidence": plan.config["evaluation"]["confidence"],
        }

    return {"write_predictions": write_predictions, "export_package": export_package}


def _versions(stages: Iterable[str]) -> dict[str, str]:
    """Python's version, and those of the libraries that stages import: the page lists them."""
    versions = {"Python": platform.python_version()}
    for stage in sorted(stages):
        versions |= library_versions(ROOT / f"{stage}.py")
    return versions
