"""Every job that a configuration asks for, listed in plain Python, without Snakemake."""

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from medfusion.learning import architectures
from medfusion.planning.corruption_plan import CorruptionPlan
from medfusion.planning.export_plan import ExportPlan
from medfusion.planning.input_check_plan import InputCheckPlan
from medfusion.planning.job_settings import job_settings
from medfusion.planning.page_plan import PagePlan
from medfusion.planning.plan import Plan
from medfusion.planning.systems import all_models


@dataclass(frozen=True)
class Job:
    """One job.

    stage : the name of its program
    wildcards : what the paths of its outputs leave open, in the order in which these name it
    config : its part of the configuration
    """

    stage: str
    wildcards: dict[str, str]
    config: dict[str, Any]

    @property
    def name(self) -> str:
        """What its settings file is called, apart from the suffix."""
        return job_name(self.stage, self.wildcards.values())

    @property
    def modules(self) -> tuple[str, ...]:
        """The modules that its program imports by name: the architecture of the network that it trains."""
        network = self.config.get("network")
        return (architectures.module(network["architecture"]),) if network else ()


def job_name(stage: str, wildcards: Any) -> str:
    """The name of a job among those of its stage; a dot is in no wildcard, so that no two jobs share one.

    >>> job_name("evaluate", ["blood", "compact_resnet/seed1"]), job_name("report", [])
    ('blood.compact_resnet.seed1', 'report')
    """
    return ".".join(wildcards).replace("/", ".") or stage


def jobs(plan: Plan, schemes: Iterable[str] = ()) -> list[Job]:
    """All jobs of a plan, each once, with their settings.

    Parameters
    ----------
    schemes : of other splits, those whose jobs are listed; they are many, and targets of their own

    Raises
    ------
    UserError
        If a file that a user named, and that a job's settings depend on, cannot be read.
    """
    config_of = job_settings(plan)
    found: dict[tuple[str, str], Job] = {}
    for stage, wildcards in itertools.chain(_listed(plan), *(_of_scheme(plan, scheme) for scheme in schemes)):
        # Data sets that share a download share its job.
        named = {key: str(value) for key, value in wildcards.items()}
        key = stage, job_name(stage, named.values())
        if key not in found:
            found[key] = Job(stage, named, config_of[stage](SimpleNamespace(**named)))
    return list(found.values())


def _listed(plan: Plan) -> Iterator[tuple[str, dict[str, Any]]]:
    page = PagePlan(plan)
    for file in plan.downloads():
        yield "download", {"file": file}
    for application in plan.applications:
        yield "fetch_weights", {"application": application}
    for dataset in plan.datasets:
        yield from _of_data(plan, dataset)
        yield from _of_models(plan, dataset)
        yield from _of_evaluation(plan, dataset)
        yield from ((f"draw_{kind}", wildcards) for kind, wildcards in page.jobs(dataset))
    for stage in ("collect_metrics", "report", "summarise"):
        yield stage, {}


def _of_data(plan: Plan, dataset: str) -> Iterator[tuple[str, dict[str, Any]]]:
    if plan.datasets[dataset]["source"] == "generated":
        yield "generate", {"dataset": dataset}
    stages = ["prepare_folder" if dataset in plan.in_folders else "prepare"]
    stages += ["inspect_images", "audit_duplicates", "baselines"]
    yield from ((stage, {"dataset": dataset}) for stage in stages)
    derived = plan.datasets[dataset]["derived"].items()
    own = [model for model, entry in derived if entry["augmentation"] and plan.trains(dataset, model)]
    for name in ("augmented", *(f"augmented-{model}" for model in own)):
        yield "augment", {"dataset": dataset, "augmented": name}


def _of_models(plan: Plan, dataset: str) -> Iterator[tuple[str, dict[str, Any]]]:
    entry, models = plan.entries[dataset], all_models(plan.entries[dataset])
    audited = dataset in plan.datasets and not plan.several_labels(dataset)
    if audited or any(settings["drop_near_duplicates_of"] for settings in models.values()):
        yield "group_images", {"dataset": dataset}
    for model, settings in models.items():
        if plan.backbone(dataset, model):
            yield "apply_backbone", {"dataset": dataset, "model": model}
        for seed in settings["seeds"]:
            of_seed = {"dataset": dataset, "model": model, "seed": seed}
            if plan.trains(dataset, model):
                yield "train_cnn", of_seed
            if not plan.backbone(dataset, model):
                yield "extract_features", of_seed
            yield from (("fit_grid", {**of_seed, "classifier": name}) for name in plan.classifiers(dataset, model))
            yield from (("fuse", {**of_seed, "fusion": name}) for name in settings["fusions"])
    yield from (("ensemble", {"dataset": dataset, "ensemble": ensemble}) for ensemble in entry["ensembles"] or ())
    if curve := entry["learning_curve"]:
        for repeat in curve["repeats"]:
            for size in curve["sizes"]:
                yield "learning_curve", {"dataset": dataset, "repeat": repeat, "size": size}


def _of_scheme(plan: Plan, scheme: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for dataset in plan.partitioned(scheme):
        yield "group_images", {"dataset": dataset}
        yield "summarise_partitions", {"dataset": dataset, "scheme": scheme}
        for path in plan.of_scheme(dataset, scheme):
            yield "partition_images", {"dataset": path}
            yield "augment", {"dataset": path, "augmented": "augmented"}
            yield from _of_models(plan, path)
            yield from (("evaluate", {"dataset": path, "group": group}) for group in plan.groups[path])
        if scheme == "crossvalidation":
            for path in plan.ensembles_of(dataset):
                yield from _of_fold_ensembles(plan, path)


def _of_fold_ensembles(plan: Plan, path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for repeat, folds in plan.fold_ensembles[path].folds.items():
        for model in plan.entries[path]["models"]:
            yield from (("apply_fold", {"dataset": fold, "model": model, "seed": repeat}) for fold in folds)
    for run in plan.candidates(path):
        of_run = {"dataset": path, "model": run.model, "seed": run.seed, "system": run.system}
        yield "ensemble_folds", of_run
    yield from (("evaluate", {"dataset": path, "group": group}) for group in plan.groups[path])
    stages = ("rank_systems", "calibrate", "assess_reliability", "summarise_fold_ensembles")
    yield from ((stage, {"dataset": path}) for stage in stages)


def _of_evaluation(plan: Plan, dataset: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for group in (*plan.groups[dataset], *plan.derived_groups[dataset]):
        yield "evaluate", {"dataset": dataset, "group": group}
    stages = ["rank_systems", "assess_discrimination"]
    if dataset in plan.with_metadata:
        stages += ["assess_slices"]
    if plan.datasets[dataset]["flag"]:
        stages += ["write_predictions"]
    if not plan.several_labels(dataset):
        yield from (
            ("fit_input_check", {"dataset": dataset, "model": model}) for model in InputCheckPlan(plan).seeds(dataset)
        )
        stages += ["compare_systems", "calibrate", "assess_reliability", "export_package", "apply_input_check"]
        stages += [] if ExportPlan(plan).backbones(dataset) else ["write_try_page"]
        stages += ["select_examples", "map_saliency", "study_classifiers", "predict_out_of_fold", "audit_labels"]
    yield from ((stage, {"dataset": dataset}) for stage in stages)
    if runs := CorruptionPlan(plan).runs(dataset):
        yield from (
            ("corrupt_predict", {"dataset": dataset, "model": model, "seed": seed}) for model, seed in runs.items()
        )
        yield "corrupt_evaluate", {"dataset": dataset}
