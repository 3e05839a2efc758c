"""The part of the configuration that each stage depends on: exactly that, so that no other edit re-runs it.

Where neither wildcards nor settings say which files a job reads, `files` names them: so a job whose inputs become
others runs again although Snakemake's own records (.snakemake/) are lost.
"""

import platform
from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import Any

from medfusion.data import folders
from medfusion.figures.registry import FIGURES, caption
from medfusion.planning import backbones, precision, pretraining
from medfusion.planning.corruption_plan import CorruptionPlan
from medfusion.planning.data_sets import classes, excluded, label_order, splits_by_patient
from medfusion.planning.export_plan import ExportPlan
from medfusion.planning.input_check_plan import InputCheckPlan
from medfusion.planning.label_audit_plan import LabelAuditPlan
from medfusion.planning.page_plan import PagePlan
from medfusion.planning.plan import Plan, Wildcards
from medfusion.planning.representatives import Representatives
from medfusion.planning.systems import fusion_members
from medfusion.reruns.known_code import library_versions

Settings = dict[str, Any]
JobSettings = dict[str, Callable[[Wildcards], Settings]]


def job_settings(plan: Plan) -> JobSettings:
    """For each stage, by the name of its program, a function from a job's wildcards to its settings."""
    parts = _Parts(plan)
    stages = {
        **_of_data(plan, parts),
        **_of_models(plan),
        **_of_evaluation(plan, parts),
        **_of_corruptions(plan, parts),
        **_of_input_checks(plan, parts),
        **{f"draw_{kind}": drawing.settings for kind, drawing in PagePlan(plan).drawings.items()},
        **_of_label_audits(plan),
        **_of_examples(plan),
        **_of_products(plan, parts),
    }
    whole = {
        "config": plan.config,
        "display_names": {name: plan.display_names(name) for name in plan.datasets},
        "results": plan.results,
    }
    captions = {name: caption(name) for name in FIGURES}
    return {
        **stages,
        "summarise": lambda wildcards: whole,
        "report": lambda wildcards: {
            **whole,
            "captions": captions,
            "versions": _versions([*stages, "summarise", "report"]),
        },
    }


class _Parts:
    """What settings have in common."""

    def __init__(self, plan: Plan):
        self._plan = plan

    def dataset(self, wildcards: Wildcards, *keys: str) -> Settings:
        """Some keys of a data set's entry."""
        entry = self._plan.entries[wildcards.dataset]
        return {key: entry[key] for key in keys}

    def names(self, *datasets: str) -> Settings:
        """What data sets are called."""
        return {"display_names": {name: {"name": self._plan.display_names(name)["name"]} for name in datasets}}

    def labelled_figure(self, wildcards: Wildcards, **more: Any) -> Settings:
        """What a figure depends on that names classes, and more."""
        style = self._plan.config["report"]["style"]
        return {"style": style, **self._plan.display_names(wildcards.dataset), **more}

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

    def patients(entry: Settings) -> Settings:
        """Of the metadata of pictures that we split, only who is of which patient counts."""
        found = splits_by_patient(entry)
        return {"metadata": found and found.path, "patients": found and found.fingerprint()}

    def prepare_folder(wildcards: Wildcards) -> Settings:
        # Pictures are not read here: they are known by what the system says of them.
        entry = plan.datasets[wildcards.dataset]
        listed = folders.look(plan.data_file(wildcards), excluded(entry))
        return {
            **parts.dataset(wildcards, "size", "task", "split", "colour", "bits"),
            **patients(entry),
            "exclude": list(excluded(entry)),
            "order": label_order(entry),
            "files": plan.data_file(wildcards),
            "listed": listed.fingerprint(),
        }

    def audit_duplicates(wildcards: Wildcards) -> Settings:
        return parts.labelled_figure(wildcards, threshold=plan.datasets[wildcards.dataset]["near_duplicates"])

    def partition_images(wildcards: Wildcards) -> Settings:
        return plan.partitions[wildcards.dataset].settings

    return {
        "download": lambda wildcards: plan.downloads()[wildcards.file],
        "fetch_weights": lambda wildcards: {"application": wildcards.application},
        "generate": generate,
        "prepare": prepare,
        "prepare_folder": prepare_folder,
        "inspect_images": lambda wildcards: parts.labelled_figure(wildcards, seed=0),
        "audit_duplicates": audit_duplicates,
        "group_images": lambda wildcards: {"threshold": plan.datasets[wildcards.dataset]["near_duplicates"]},
        "partition_images": partition_images,
        "augment": lambda wildcards: {"augmentation": plan.augmentation(wildcards)},
    }


def _of_models(plan: Plan) -> JobSettings:
    config = plan.config

    def trained_in(network: Settings) -> str:
        return precision.of_network(config["compute"]["precision"], network["options"])

    def train_cnn(wildcards: Wildcards) -> Settings:
        return {
            "title": f"{wildcards.dataset}/{wildcards.model}, seed {wildcards.seed}",
            "network": {key: plan.network(wildcards)[key] for key in ("architecture", "options", "training")},
            **{key: plan.model(wildcards)[key] for key in ("train_images", "drop_near_duplicates_of")},
            "seed": int(wildcards.seed),
            "precision": trained_in(plan.network(wildcards)),
            "files": plan.weights(plan.network(wildcards)) + plan.own_augmented(wildcards),
        }

    def extract_features(wildcards: Wildcards) -> Settings:
        title = f"{wildcards.dataset}/{wildcards.model}, seed {wildcards.seed}"
        # What wildcards do not say: of a model that applies the network of another, which.
        other = {} if plan.trains(wildcards.dataset, wildcards.model) else {"files": plan.trained_network(wildcards)}
        return {"title": title, **plan.network(wildcards)["features"], **other}

    def apply_backbone(wildcards: Wildcards) -> Settings:
        network = plan.network(wildcards)
        return {
            "title": f"{wildcards.dataset}/{wildcards.model}",
            "backbone": backbones.settings(network),
            "test_time_augmentation": network["features"]["test_time_augmentation"],
        }

    def learning_curve(wildcards: Wildcards) -> Settings:
        return {
            "title": f"{wildcards.dataset}, training-size study, {wildcards.size} images, repeat {wildcards.repeat}",
            "network": plan.curve_network(wildcards.dataset),
            "size": "all" if wildcards.size == "all" else int(wildcards.size),
            "seed": int(wildcards.repeat),
            "precision": trained_in(plan.curve_network(wildcards.dataset)),
            "files": plan.weights(plan.curve_network(wildcards.dataset)),
        }

    def fit_grid(wildcards: Wildcards) -> Settings:
        name = wildcards.classifier
        entry = backbones.head(config) if name == backbones.HEAD else config["classifiers"][name]
        classifier = {key: value for key, value in entry.items() if key != "label"}
        return {
            "title": f"{wildcards.dataset}/{wildcards.model}, seed {wildcards.seed}, {name}",
            "classifier": {**classifier, "criterion": config["criterion"]},
            **{key: plan.model(wildcards)[key] for key in ("train_images", "drop_near_duplicates_of")},
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
            "systems": plan.entries[wildcards.dataset]["ensembles"][wildcards.ensemble],
            "files": plan.ensemble_files(wildcards),
        }

    def apply_fold(wildcards: Wildcards) -> Settings:
        return {
            "title": f"{wildcards.dataset}/{wildcards.model}, seed {wildcards.seed}",
            **plan.network(wildcards)["features"],
            **{kind: plan.model(wildcards)[kind] for kind in ("classifiers", "fusions")},
        }

    def ensemble_folds(wildcards: Wildcards) -> Settings:
        return {
            "title": f"{wildcards.dataset}/{wildcards.model}/{wildcards.system}, repeat {wildcards.seed}",
            "system": wildcards.system,
            "divisions": plan.divisions(wildcards),
        }

    return {
        "apply_fold": apply_fold,
        "ensemble_folds": ensemble_folds,
        "train_cnn": train_cnn,
        "extract_features": extract_features,
        "apply_backbone": apply_backbone,
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
            "replicates": config["evaluation"]["replicates"],
            "bootstrap_seed": config["evaluation"]["seed"],
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
            **parts.dataset(wildcards, "primary"),
            "confidence": config["evaluation"]["confidence"],
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

    def assess_discrimination(wildcards: Wildcards) -> Settings:
        return {
            "dataset": wildcards.dataset,
            "systems": [list(run) for run in plan.candidates(wildcards.dataset)],
            **parts.dataset(wildcards, "positive"),
            "prevalences": config["evaluation"]["prevalences"],
            **parts.bootstrap(),
        }

    def assess_slices(wildcards: Wildcards) -> Settings:
        return {
            "dataset": wildcards.dataset,
            "systems": [list(run) for run in plan.candidates(wildcards.dataset)],
            **parts.dataset(wildcards, "positive", "metadata"),
            **parts.bootstrap(),
        }

    def collect_metrics(wildcards: Wildcards) -> Settings:
        return {
            **parts.names(*plan.datasets),
            "files": [file for name in plan.datasets for file in plan.all_metrics(name)],
        }

    def summarise_partitions(wildcards: Wildcards) -> Settings:
        entry = plan.datasets[wildcards.dataset]
        scheme = wildcards.scheme
        return {
            "scheme": scheme,
            "name": plan.display_names(wildcards.dataset)["name"],
            "threshold": entry["near_duplicates"],
            "confidence": config["evaluation"]["confidence"],
            "pool": ["train", "val", "test"],
            **{key: value for key, value in entry[scheme].items() if key not in ("models", "seed")},
            "files": plan.partition_metrics(wildcards),
        }

    def summarise_fold_ensembles(wildcards: Wildcards) -> Settings:
        dataset = plan.fold_ensembles[wildcards.dataset].dataset
        entry = plan.datasets[dataset]
        return {
            "path": wildcards.dataset,
            **plan.display_names(dataset),
            "systems": [list(run) for run in plan.candidates(wildcards.dataset)],
            "folds": entry["crossvalidation"]["folds"],
            "criterion": config["criterion"],
            "confidence": config["evaluation"]["confidence"],
        }

    return {
        "summarise_partitions": summarise_partitions,
        "summarise_fold_ensembles": summarise_fold_ensembles,
        "baselines": lambda wildcards: {"images": config["evaluation"]["nearest_images"]},
        "evaluate": evaluate,
        "rank_systems": rank_systems,
        "compare_systems": compare_systems,
        "calibrate": calibrate,
        "assess_reliability": assess_reliability,
        "assess_discrimination": assess_discrimination,
        "assess_slices": assess_slices,
        "collect_metrics": collect_metrics,
    }


def _of_corruptions(plan: Plan, parts: _Parts) -> JobSettings:
    tried = CorruptionPlan(plan)

    def corrupt_predict(wildcards: Wildcards) -> Settings:
        options = plan.config["corruptions"]
        return {
            "title": f"{wildcards.dataset}/{wildcards.model}, seed {wildcards.seed}",
            **parts.dataset(wildcards, "flag"),
            **{key: options[key] for key in ("severities", "test_images", "seed")},
            **plan.network(wildcards)["features"],
            **{kind: plan.model(wildcards)[kind] for kind in ("classifiers", "fusions")},
        }

    def corrupt_evaluate(wildcards: Wildcards) -> Settings:
        return {
            "dataset": wildcards.dataset,
            "runs": [list(run) for run in tried.systems(wildcards.dataset)],
            **parts.dataset(wildcards, "ece_bins"),
            **parts.bootstrap(),
        }

    return {"corrupt_predict": corrupt_predict, "corrupt_evaluate": corrupt_evaluate}


def _of_input_checks(plan: Plan, parts: _Parts) -> JobSettings:
    checks, options = InputCheckPlan(plan), plan.config["input_check"]

    def fit_input_check(wildcards: Wildcards) -> Settings:
        network, frozen = plan.network(wildcards), plan.backbone(wildcards.dataset, wildcards.model)
        return {
            "title": f"{wildcards.dataset}/{wildcards.model}",
            **parts.dataset(wildcards, "flag"),
            "seeds": checks.seeds(wildcards.dataset)[wildcards.model],
            **({"backbone": backbones.settings(frozen)} if frozen else {}),
            **network["features"],
            **{key: plan.model(wildcards)[key] for key in ("train_images", "drop_near_duplicates_of")},
            **{key: options[key] for key in ("flagged", "fit_images", "val_images", "seed")},
        }

    def apply_input_check(wildcards: Wildcards) -> Settings:
        return {
            "dataset": wildcards.dataset,
            **parts.dataset(wildcards, "flag"),
            "other": checks.other(wildcards.dataset),
            "severities": plan.config["corruptions"]["severities"],
            **{key: options[key] for key in ("test_images", "seed")},
        }

    return {"fit_input_check": fit_input_check, "apply_input_check": apply_input_check}


def _of_label_audits(plan: Plan) -> JobSettings:
    audits, first = LabelAuditPlan(plan), Representatives(plan)

    def predict_out_of_fold(wildcards: Wildcards) -> Settings:
        return {
            "title": f"{wildcards.dataset}, labels",
            "models": audits.models(wildcards.dataset),
            "files": audits.features(wildcards),
            "seed": 0,
        }

    def audit_labels(wildcards: Wildcards) -> Settings:
        return {
            "dataset": wildcards.dataset,
            **plan.display_names(wildcards.dataset),
            "systems": [list(run) for run in first.first_runs(wildcards.dataset)],
            "files": first.first_run_files(wildcards),
        }

    return {"predict_out_of_fold": predict_out_of_fold, "audit_labels": audit_labels}


def _of_examples(plan: Plan) -> JobSettings:
    first = Representatives(plan)

    def study_classifiers(wildcards: Wildcards) -> Settings:
        return {
            **plan.config["studies"],
            "seed": first.first_seed(wildcards.dataset, first.studied(wildcards.dataset)),
            "files": [first.studied_features(wildcards), *first.studied_tree(wildcards)],
        }

    def select_examples(wildcards: Wildcards) -> Settings:
        return {
            "dataset": wildcards.dataset,
            "systems": [list(run) for run in first.first_runs(wildcards.dataset)],
            "studied": first.contrasted(wildcards.dataset),
            "files": first.first_run_files(wildcards),
        }

    def map_saliency(wildcards: Wildcards) -> Settings:
        network = plan.backbone(wildcards.dataset, first.studied(wildcards.dataset))
        files = {"files": [first.studied_network(wildcards), first.studied_features(wildcards)]}
        return {**files, "backbone": backbones.settings(network)} if network else files

    return {"study_classifiers": study_classifiers, "select_examples": select_examples, "map_saliency": map_saliency}


def _of_products(plan: Plan, parts: _Parts) -> JobSettings:
    exports, checks = ExportPlan(plan), InputCheckPlan(plan)

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
        frozen = [
            (model, {**network["options"], "test_time_augmentation": network["features"]["test_time_augmentation"]})
            for model, network in exports.backbones(name).items()
        ]
        return {
            "dataset": name,
            "criterion": plan.config["criterion"],
            "display_names": {name: plan.named(name)},
            **parts.dataset(wildcards, "source", "export", "ece_bins"),
            "runs": [[run, averaged] for run, averaged in exports.runs(name).items()],
            "parts": {kind: list(found) for kind, found in files.items()},
            "features": {
                model: plan.network(SimpleNamespace(dataset=name, model=model))["features"] for model in models
            },
            "confidence": plan.config["evaluation"]["confidence"],
            "networks": exports.networks(name),
            "backbones": frozen,
            "pretrained": [
                (model, origin)
                for model in models
                if (origin := pretraining.pretrained_on(plan.network(SimpleNamespace(dataset=name, model=model))))
            ],
            "input_checks": list(checks.seeds(name).items()),
            "flagged": plan.config["input_check"]["flagged"],
        }

    def write_try_page(wildcards: Wildcards) -> Settings:
        return {"dataset": wildcards.dataset, "files": exports.onnx(wildcards)}

    return {
        "write_predictions": write_predictions,
        "export_package": export_package,
        "write_try_page": write_try_page,
    }


def _versions(stages: Iterable[str]) -> dict[str, str]:
    """Python's version, and those of the libraries that stages import: the page lists them."""
    versions = {"Python": platform.python_version()}
    for stage in sorted(stages):
        versions |= library_versions(stage)
    return versions
