# What all rules share. Needs: config (config.yaml and overlays). Makes: the checked configuration, the plan of files that
# follows from it, and the identity of each job: its settings, the meaning of its code, its libraries' versions.
from pathlib import Path

import yaml
from snakemake.exceptions import WorkflowError
from snakemake.io import sourcecache_entry

ROOT = Path(workflow.basedir)
# As one would type it where possible, so that a printed command works by hand.
PROGRAMS = Path("workflow_scripts") if ROOT.samefile(Path.cwd()) else ROOT / "workflow_scripts"

from medfusion.errors import UserError
from medfusion.jobs import records
from medfusion.planning import config as configuration
from medfusion.planning import runs
from medfusion.planning.environment import (
    force_jobs,
    leave_room_beside,
    limit_memory,
    prefer_own_python,
    share_of_cores,
    too_large,
)
from medfusion.planning.export_plan import ExportPlan
from medfusion.planning.identity import Identity
from medfusion.planning.page_plan import PagePlan
from medfusion.planning.plan import Plan
from medfusion.planning.reconcile import reconcile, remove_unfinished, restore_benchmark
from medfusion.planning.settings_slices import slices


def note_existence(file):
    """Tell Snakemake of a file made while jobs are planned: it may have listed the folder before."""
    workflow.iocache.exists_local[file] = True


def of_checkout(file):
    """A file that every machine has that has read the Snakefile, and that lies in no bucket, though results may."""
    return sourcecache_entry(file, str(file))


try:
    config = configuration.complete(config, yaml.safe_load((ROOT / "schemas/config.schema.yaml").read_text(encoding="utf-8")))
    PLAN = Plan(config)
    EXPORTS, PAGE = ExportPlan(PLAN), PagePlan(PLAN)
    IDENTITY = Identity(
        slices(PLAN),
        config["compute"]["threads"],
        PLAN.results,
        locked=runs.is_locked,
        announce=note_existence,
        mark=of_checkout,
        # Snakemake does not look for what is missing between other files that are there.
        wanted=lambda files: workflow.dag.forcefiles.update(files),
    )
except UserError as error:
    raise WorkflowError(str(error))

NOT_SERVED = {
    "export": "a bundle holds systems of one class an image, not of several labels at once",
    "predictions": "MedMNIST's evaluator knows no data set without a flag",
}
DATASETS, RESULTS = PLAN.datasets, PLAN.results
LOGS, BENCHMARKS = PLAN.beside("logs"), PLAN.beside("benchmarks")
PREPARED = [f"{RESULTS}/{{dataset}}/images/{split}.h5" for split in ("train", "val", "test")]
ON_CLUSTER = bool(workflow.resource_settings.nodes)  # jobs are submitted, -j of them at once
# Of -j; none for --dag and -n, and not for jobs on clusters, where --cores limits those that are submitted as one.
CORES = None if ON_CLUSTER else workflow.resource_settings.cores
# Slots of -j that one busy processor takes, and those of a job that trains or applies a network.
ONE = share_of_cores(1, CORES)
NETWORK = share_of_cores(config["compute"]["threads"], CORES)

prefer_own_python()
if not ON_CLUSTER:
    limit_memory(workflow.global_resources)
if workflow.is_main_process:
    # What a killed run, a copy, a touch or a damage left behind is put right before jobs are planned.
    try:
        notes = [runs.cancel_submitted(), runs.remove_stale_lock()]
        if runs.is_alone():
            notes.append(runs.end_orphans())
            remove_unfinished(RESULTS, config["data"])
            notes += reconcile(records.read_all(RESULTS), RESULTS)
    except OSError as error:
        raise WorkflowError(f"{error.filename} cannot be put right ({error.strerror}); make it yours, and run again")
    for note in filter(None, notes):
        print(note, file=sys.stderr)
    if not runs.is_locked():
        runs.remember_run()  # before it locks the folder: a lock without a name stays


onstart:
    runs.remember_run(workflow.scheduler)
    IDENTITY.write()
    force_jobs(workflow.dag_settings)
    runs.remember_jobs(workflow.dag, RESULTS, CORES)
    for dataset in DATASETS:
        for sentence in config["datasets"][dataset]["by_default"]:
            print(f"{dataset}, chosen by default: {sentence}", file=sys.stderr)
    if CORES:
        # Processors limit the jobs started a second. For Snakemake's own limit its scheduler would look at all waiting
        # jobs again each second, once for every job that has ended: in the end all the time.
        workflow.scheduler.job_rate_limiter = None
    if note := too_large(workflow.dag.needrun_jobs(), workflow.global_resources):
        print(note, file=sys.stderr)


def served(target, datasets, *patterns):
    """An input function: a target's files of the data sets that it can serve; it names those that it leaves out."""

    def files(wildcards):
        if not datasets:
            # Not a WorkflowError: Snakemake prints a traceback with one of an input function.
            sys.exit(f"error: {target}: {NOT_SERVED[target]} ({', '.join(DATASETS)}); there is nothing to make")
        if left := [dataset for dataset in DATASETS if dataset not in datasets]:
            print(f"{target}: without {', '.join(left)}: {NOT_SERVED[target]}", file=sys.stderr)
        return expand(patterns, dataset=datasets)

    return files


def program(stage):
    """The program of a stage. Its age is no reason to run it again, its meaning is: that is part of the identity."""
    return of_checkout(ancient(f"{PROGRAMS}/{stage}.py"))


def benchmark_of(stage, name):
    """The benchmark file of a stage with one job; written anew where restored results come without it."""
    path = f"{BENCHMARKS}/{name}.tsv"
    restore_benchmark(path, records.read(records.record_file(f"{RESULTS}/settings/{stage}/{stage}.json")))
    return path


wildcard_constraints:
    dataset="|".join(DATASETS),
    # A model's name; of an ablated one ablations/, the name of its base, and what it is without.
    model=r"(ablations/[A-Za-z][A-Za-z0-9_-]*/)?[A-Za-z][A-Za-z0-9_-]*",
    bank=r"augmented(-without-[a-z]+)?",
    seed=r"\d+",
    repeat=r"\d+",
    size=r"\d+|all",
    classifier="|".join(config["classifiers"]) or "none",
    fusion="|".join(config["fusions"]) or "none",
    vote=r"[A-Za-z][A-Za-z0-9_-]*",
    group="|".join(sorted({group for name in DATASETS for group in (*PLAN.groups[name], *PLAN.ablation_groups[name])})),
    file="|".join(PLAN.downloads()) or "none",
