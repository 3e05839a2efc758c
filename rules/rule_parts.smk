# What rules say in one way: what a job reads and runs, the options that its program is told, figures. Needs: the plan.
import shlex

from medfusion.figures.registry import FIGURES
from medfusion.reruns.fingerprint import modules
from medfusion.planning.jobs import job_name

# What a job runs; its log takes what it prints, and the terminal, open as 9, its progress.
COMMAND = "python {input.program:q} {params.options} --settings {input.settings:q} 9>&2 &> {log:q}"


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
    targets = ["report", "inspect", "audit", "predictions", "export", *SCHEMES, *DATASETS]
    raise WorkflowError(f"stage: the pattern of the other rules, and no target; expected one of {', '.join(targets)}")


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
