# What all rules share. Needs: ROOT, ASKED, config (config.yaml and overlays). Makes: the checked configuration, and the plan of
# files that follows from it.
import os

import yaml
from snakemake.utils import update_config

from medfusion.jobs import looks, warm
from medfusion.reruns.early_cutoff import FORCE_VARIABLE
from medfusion.jobs.stage import BARS_VARIABLE
from medfusion.package.try_files import ARRAYS, SYSTEM
from medfusion.package.try_files import PAGE as TRY_PAGE
from medfusion.planning import config as configuration
from medfusion.planning import precision, repository, runs, snakemake_compat
from medfusion.planning.corruption_plan import CorruptionPlan
from medfusion.planning.environment import (
    library_sets,
    prefer_own_python,
    programs,
    too_large,
    training_device,
    trains,
)
from medfusion.planning.export_plan import ExportPlan
from medfusion.planning.input_check_plan import InputCheckPlan
from medfusion.planning.label_audit_plan import LabelAuditPlan
from medfusion.planning.page_plan import PagePlan
from medfusion.planning.partitions import SCHEMES
from medfusion.planning.plan import Plan
from medfusion.planning.representatives import Representatives
from medfusion.planning.systems import all_models

try:
    PROGRAMS = programs(ROOT)
    whole = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    update_config(whole, config)  # as a module of another workflow, config is what that one gives
    if Path(workflow.basedir).resolve() == ROOT:
        update_config(whole, config_text.typed(ASKED.config))
    config = configuration.complete(whole)
    PLAN = Plan(config)
    EXPORTS, PAGE, REPRESENTATIVES = ExportPlan(PLAN), PagePlan(PLAN), Representatives(PLAN)
    CORRUPTIONS, INPUT_CHECKS, LABEL_AUDITS = CorruptionPlan(PLAN), InputCheckPlan(PLAN), LabelAuditPlan(PLAN)
except UserError as error:
    raise WorkflowError(str(error))

DATASETS, RESULTS = PLAN.datasets, PLAN.results
MODELS = "|".join(sorted({model for entry in PLAN.entries.values() for model in all_models(entry)}))
LOGS = PLAN.beside("logs")
PREPARED = [f"{RESULTS}/{{dataset}}/images/{split}.h5" for split in ("train", "val", "test")]
prefer_own_python()
MADE = []  # rules of the jobs that this run does
if ASKED.bars:
    os.environ[BARS_VARIABLE] = "1"


onstart:
    runs.remember_run(snakemake_compat.name_in_queue(workflow))
    os.environ[looks.VARIABLE] = looks.of_run((job.identity for job in PLANNED), repository.head())
    # Here, and not above: the Snakemake of a job that was submitted is told to force it, and starts without hooks.
    if snakemake_compat.forces_jobs(workflow):
        os.environ[FORCE_VARIABLE] = "1"
    jobs = snakemake_compat.jobs_to_run(workflow)
    runs.remember_jobs(jobs, RESULTS, CORES)
    MADE.extend(job.rule for job in jobs)
    for dataset in DATASETS:
        for sentence in config["datasets"][dataset]["by_default"]:
            print(f"{dataset}, chosen by default: {sentence}", file=sys.stderr)
    if trains(jobs) and (note := precision.note(whole["compute"]["precision"])):
        print(note, file=sys.stderr)
    if CORES:
        snakemake_compat.start_without_limit(workflow)
        if note := training_device(jobs):
            print(note, file=sys.stderr)
        libraries = {job.stage: job.identity["libraries"] for job in PLANNED}
        warm.start(
            PROGRAMS, library_sets(jobs, libraries), whole["compute"]["threads"], Path(LOGS, "keep_warm.log")
        )
    if note := too_large(jobs, snakemake_compat.memory_limit(workflow)):
        print(note, file=sys.stderr)


wildcard_constraints:
    dataset="|".join(PLAN.entries),
    scheme="|".join(SCHEMES),
    model=MODELS,
    augmented=f"augmented(-({MODELS}))?",  # of a data set, or of a derived model
    seed=r"\d+",
    repeat=r"\d+",
    size=r"\d+|all",
    classifier="|".join(["cnn", *config["classifiers"]]),  # cnn: the head of a backbone
    fusion="|".join(config["fusions"]) or "none",
    ensemble=r"[A-Za-z][A-Za-z0-9_-]*",
    system="|".join(["cnn", *config["classifiers"], *config["fusions"]]),
    group=rf"baselines|ensembles|learning_curve/repeat\d+|({MODELS})/seed\d+",
    file="|".join(PLAN.downloads()) or "none",
