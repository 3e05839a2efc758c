"""The job graph of a project, from what Snakemake prints: which jobs there are, and which files they read and make.

A job is named by its settings file: stage/wildcards, as in fit_grid/blood.compact_resnet.1.svm_rbf.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

COMMAND = re.compile(r"python \S*workflow_scripts/\w+\.py (.*)")
# Files that a rule waits for, by stage, although its command does not name them: the page's target makes the table and
# the checklist too, and data are downloaded before they are prepared.
UNNAMED = {"report": r".*/(?:metrics\.csv|checklist\.md)", "prepare": r".*/downloads/(\w+)\.json"}
SETTINGS = re.compile(r"settings/(\w+/\S+)\.json")


@dataclass(frozen=True)
class Graph:
    """What a forced dry run would do.

    made_by : for each file, its stage
    inputs, outputs : for each job, the files that other jobs made for it, and its own
    """

    made_by: dict[str, str]
    inputs: dict[str, set[str]]
    outputs: dict[str, set[str]]

    @property
    def sources(self) -> dict[str, set[str]]:
        """For each file, the files that its job reads."""
        return {file: self.inputs[job] for job, files in self.outputs.items() for file in files}

    def following(self, jobs: Iterable[str]) -> set[str]:
        """The jobs, where they are in the graph, and all that read what they make, directly or not."""
        found = set(jobs) & set(self.outputs)
        changed = set().union(*(self.outputs[job] for job in found))
        more = {job for job, files in self.inputs.items() if files & changed} - found
        return self.following(found | more) if more else found


def planned_jobs(text: str) -> set[str]:
    """The jobs in the output of a dry run with printed commands; none printed twice."""
    names = [SETTINGS.search(command)[1] for command in COMMAND.findall(text)]
    assert len(names) == len(set(names)), "two jobs share a settings file"
    return set(names)


def job_graph(project, targets: Iterable[str] = ("report",), overlay: bool = True) -> Graph:
    """The graph of all jobs behind the targets."""
    lines = project.snakemake(*targets, "--summary", overlay=overlay).stdout.splitlines()[1:]
    made_by = {line.split("\t")[0]: stage_of(line.split("\t")[2]) for line in lines}
    done = project.snakemake("-n", "-p", "-F", "-j", "8", *targets, overlay=overlay)
    inputs, outputs = {}, {}
    for command in COMMAND.findall(done.stdout + done.stderr):
        job = SETTINGS.search(command)[1]
        stage = job.partition("/")[0]
        words = [word.strip("')") for word in command.split()]
        files = {file for word in words if (file := word.partition("=")[2] or word) in made_by}
        outputs[job] = {file for file in files if made_by[file] == stage}
        inputs[job] = (files | _waited_for(stage, made_by, command)) - outputs[job]
    return Graph(made_by, inputs, outputs)


def _waited_for(stage: str, files: Iterable[str], command: str) -> set[str]:
    found = ((file, re.fullmatch(UNNAMED[stage], file)) for file in files) if stage in UNNAMED else ()
    return {file for file, match in found if match and all(f"/{name}.npz" in command for name in match.groups())}


def stage_of(rule: str) -> str:
    """The stage of a rule; the export has a rule for each data set."""
    return "export_package" if rule.startswith("export_package_") else rule
