# What all rules share. Needs: ROOT, ASKED, config (config.yaml and overlays). Makes: the checked configuration, the plan of
# files that follows from it, and what rules say in one way.
import os
import shlex

import yaml
from snakemake.utils import update_config

from medfusion.figures.registry import FIGURES
from medfusion.jobs import looks, warm
from medfusion.jobs.early_cutoff import FORCE_VARIABLE
from medfusion.jobs.stage import BARS_VARIABLE
from medfusion.learning.keras_applications import APPLICATIONS
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
from medfusion.planning.fingerprint import modules
from medfusion.planning.identity import identity
from medfusion.planning.input_check_plan import InputCheckPlan
from medfusion.planning.jobs import job_name
from medfusion.planning.label_audit_plan import LabelAuditPlan
from medfusion.planning.page_plan import PagePlan
from medfusion.planning.partitions import SCHEMES, asked_for
from medfusion.planning.plan import Plan
from medfusion.planning.representatives import Representatives
from medfusion.planning.reruns import Planned

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

NOT_SERVED = {
    "export": "a model package holds systems of one class an image, not of several labels at once",
    "predictions": "MedMNIST's evaluator knows no data set without a flag",
}
DATASETS, RESULTS = PLAN.datasets, PLAN.results
LOGS = PLAN.beside("logs")
PREPARED = [f"{RESULTS}/{{dataset}}/images/{split}.h5" for split in ("train", "val", "test")]
# What a job runs; its log takes what it prints, and the terminal, open as 9, its progress.
COMMAND = "python {input.program:q} {params.options} --settings {input.settings:q} 9>&2 &> {log:q}"

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


def stage(name):
    """What every job of a stage reads: its program, and its settings file, which is new when it must run again."""
    # Not the program's age, its meaning is a reason to run again: by the settings (rules/reruns.smk).
    program = local(ancient(f"{PROGRAMS}/{modules(name)[0]}.py"))

    def settings(wildcards):
        path = f"{RESULTS}/settings/{name}/{job_name(name, wildcards)}.json"
        return SETTINGS_INPUTS.get(path, local(path))

    # A function, not a pattern: there may be braces in the path.
    return {"program": lambda wildcards: program, "settings": settings}


def no_target(wildcards):
    """What the pattern of the other rules has for inputs: it makes nothing itself."""
    raise WorkflowError(
        f"stage: the pattern of the other rules, and no target; expected report, inspect, audit, predictions, export or "
        f"{', '.join(DATASETS)}"
    )


def options(wildcards, input, output):
    """What a program is told of its files: --train path --val path …, by the names that its rule gives them."""
    words = []
    for name, files in (*input.items(), *output.items()):
        if name not in ("program", "settings"):
            words += [f"--{name.replace('_', '-')}", *([files] if isinstance(files, str) else files)]
    return shlex.join(words)


def with_own(option, paths_of):
    """`options`, and files that are neither inputs nor outputs of their rule; without the option if there are none."""

    def words(wildcards, input, output):
        paths = paths_of(wildcards)
        return options(wildcards, input, output) + (f" {option} {shlex.join(paths)}" if paths else "")

    return words


def with_npz(path_of):
    """`options`, and a data file."""
    return with_own("--npz", lambda wildcards: [path_of(wildcards)])


def figure(path):
    """A figure for Snakemake's own report, under the title that it has on the page."""
    name = Path(path).stem
    of_model = {"model": "{model}"} if "{model}" in path else {}
    return report(
        f"{RESULTS}/{{dataset}}/{path}",
        f"../captions/{name}.rst",
        category="{dataset}",
        subcategory=FIGURES[name].section,
        labels={"figure": FIGURES[name].title, **of_model},
    )


def planned(job):
    """A job with what its rule makes; a download makes the data file too, which is no output for Snakemake."""
    name = f"export_package_{job.wildcards['dataset']}" if job.stage == "export_package" else job.stage
    outputs = [str(pattern).format(**job.wildcards) for pattern in getattr(rules, name).output]
    outputs += [f"{config['data']}/{job.wildcards['file']}.npz"] if job.stage == "download" else []
    if job.stage == "fetch_weights":
        outputs += [f"{config['data']}/{APPLICATIONS[job.wildcards['application']].file}"]
    settings = Path(RESULTS, "settings", job.stage, f"{job.name}.json")
    return Planned(settings, identity(job.stage, job.config, config["compute"]["threads"]), tuple(outputs))


def served(target, datasets, pattern):
    """A target's files of the data sets that it can serve; it names those that it leaves out, if it is asked for."""
    left = [dataset for dataset in DATASETS if dataset not in datasets]
    if not datasets and set(ASKED.targets) == {target}:
        raise WorkflowError(f"{target}: {NOT_SERVED[target]} ({', '.join(DATASETS)}); there is nothing to make")
    if left and target in ASKED.targets:
        print(f"{target}: without {', '.join(left)}: {NOT_SERVED[target]}", file=sys.stderr)
    return expand(pattern, dataset=datasets)


def partitioned(scheme):
    """What a scheme of other splits makes of the data sets that ask for it."""
    datasets = PLAN.partitioned(scheme)
    if not datasets and set(ASKED.targets) == {scheme}:
        raise WorkflowError(f"{scheme}: no data set of config.yaml has the key {scheme}; there is nothing to make")
    ensembles = PLAN.fold_ensembles if scheme == "crossvalidation" else []
    return expand(f"{RESULTS}/{{path}}/summary.md", path=[*(f"{dataset}/{scheme}" for dataset in datasets), *ensembles])


wildcard_constraints:
    dataset="|".join(PLAN.entries),
    scheme="|".join(SCHEMES),
    # A model's name; of an ablated one ablations/, the name of its base, and what it is without.
    model=r"(ablations/[A-Za-z][A-Za-z0-9_-]*/)?[A-Za-z][A-Za-z0-9_-]*",
    augmented=r"augmented(-without-[a-z]+)?",
    seed=r"\d+",
    repeat=r"\d+",
    size=r"\d+|all",
    classifier="|".join(["cnn", *config["classifiers"]]),  # cnn: the head of a backbone
    fusion="|".join(config["fusions"]) or "none",
    ensemble=r"[A-Za-z][A-Za-z0-9_-]*",
    system="|".join(["cnn", *config["classifiers"], *config["fusions"]]),
    group="|".join(
        sorted({group for name in PLAN.entries for group in (*PLAN.groups[name], *PLAN.ablation_groups[name])})
    ),
    file="|".join(PLAN.downloads()) or "none",
