# What all rules share. Needs: config (config.yaml and overlays). Makes: the checked configuration and the helpers that
# give each job its settings: exactly the slice of the configuration that it depends on, with a fingerprint of its code.
import json
import os
import sys
from pathlib import Path

import yaml
from snakemake.exceptions import WorkflowError

ROOT = Path(workflow.basedir)
# As one would type it where possible, so that a printed command works by hand.
PROGRAMS = Path("workflow_scripts") if ROOT.samefile(Path.cwd()) else ROOT / "workflow_scripts"
sys.path.insert(0, str(ROOT / "workflow_scripts"))
# The Python that runs Snakemake runs the stages, whether its environment is active or not.
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])

from medfusion import config as configuration
from medfusion.errors import UserError
from medfusion.fingerprint import code_hash, library_versions

try:
    config = configuration.complete(config, yaml.safe_load((ROOT / "schemas/config.schema.yaml").read_text()))
except UserError as error:
    raise WorkflowError(str(error))

DATASETS = config["datasets"]
RESULTS = config["results"].rstrip("/")
# Logs and benchmarks mirror the results: logs/breast/… for results/breast/…, logs/demo/… for results/demo/….
BESIDE = Path(RESULTS).parts[1:] if Path(RESULTS).parts[0] == "results" else None
LOGS, BENCHMARKS = (
    str(Path(kind, *BESIDE)) if BESIDE is not None else f"{RESULTS}/{kind}" for kind in ("logs", "benchmarks")
)


wildcard_constraints:
    dataset="|".join(DATASETS),
    model=r"[A-Za-z][A-Za-z0-9_-]*",
    seed=r"\d+",
    repeat=r"\d+",
    classifier="|".join(config["classifiers"]) or "none",
    fusion="|".join(config["fusions"]) or "none",
    vote=r"[A-Za-z][A-Za-z0-9_-]*",


# The slice of the configuration that each stage depends on: a function of the job's wildcards, by stage. Each rule file
# enters its own.
SLICES = {}


def identity(stage):
    """The one params entry of a job: its slice of the configuration and the meaning of its code, as JSON text.

    One text, because Snakemake compares params without their names.
    """
    program = ROOT / "workflow_scripts" / f"{stage}.py"

    def text(wildcards):
        content = {
            "stage": stage,
            "config": {"threads": config["compute"]["threads"], **SLICES[stage](wildcards)},
            "code": code_hash(program),
            "libraries": library_versions(program),
        }
        return json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n"

    return text


def settings(stage):
    """The same text as an input file, which the stage reads. It is rewritten only when it changes, so its age says what
    must run again even where Snakemake's own records (.snakemake/) are lost."""
    text = identity(stage)

    def path(wildcards):
        job = "-".join([*wildcards, stage]).replace("/", "-")
        file = Path(RESULTS, "settings", stage, f"{job}.json")
        content = text(wildcards)
        try:
            if not file.exists() or file.read_text(encoding="utf-8") != content:
                file.parent.mkdir(parents=True, exist_ok=True)
                temporary = file.with_name(f".{os.getpid()}.{file.name}")
                temporary.write_text(content, encoding="utf-8")
                temporary.replace(file)
        except OSError as error:
            raise WorkflowError(
                f"{file}: cannot be written ({error.strerror}); results: must name a folder of your own"
            )
        return str(file)

    return path


def slots(processors):
    """Share of -j for a job that keeps this many processors busy: `-j 8` on two cores then runs two such jobs, not
    eight. On a cluster, where -j counts jobs, it is the number itself."""
    if not workflow.cores:
        return processors
    return max(processors, workflow.cores * processors // (os.cpu_count() or 1))


def log_of(stem):
    """The log of the job that makes results/{stem}."""
    return f"{LOGS}/{stem}.log"


def benchmark_of(stem):
    """The benchmark file (seconds, peak memory, processor time) of the job that makes results/{stem}."""
    return f"{BENCHMARKS}/{stem}.tsv"


def models(dataset):
    """The models of a data set, as (name, seed) pairs."""
    return [(model, seed) for model, entry in DATASETS[dataset]["models"].items() for seed in entry["seeds"]]


def system_file(dataset, model, seed, system):
    """The file of a system's probabilities."""
    folder = f"{RESULTS}/{dataset}/{model}/seed{seed}"
    if system == "cnn":
        return f"{folder}/features.h5"
    if system in config["classifiers"]:
        return f"{folder}/{system}/probabilities.h5"
    return f"{folder}/{system}/fused.h5"
