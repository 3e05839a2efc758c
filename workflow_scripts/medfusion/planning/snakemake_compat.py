"""The uses of Snakemake's private interfaces: the rest of the project keeps to what is documented.

tests/unit/test_snakemake_compat.py holds what is said here against the Snakemake that is installed; `make test-oldest`
against the oldest that requirements.in admits.
"""

import sys
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from snakemake.cli import get_argument_parser
from snakemake.io import is_flagged

from medfusion.planning.runs import PlannedJob

# Options with which no job is run: they plan, print, clean up or unlock.
WITHOUT_JOBS = (
    *("dryrun", "touch", "lint", "list_rules", "list_target_rules", "print_compilation", "containerize"),
    *("generate_unit_tests", "dag", "rulegraph", "filegraph", "d3dag", "unlock", "cleanup_metadata", "cleanup_shadow"),
    *("conda_cleanup_envs", "conda_create_envs_only", "list_conda_envs", "container_cleanup_images"),
    *("list_changes", "list_input_changes", "list_params_changes", "list_untracked", "summary", "detailed_summary"),
    *("archive", "delete_all_output", "delete_temp_output", "export_cwl", "draft_notebook", "edit_notebook"),
)
# Of these, options that change what a run would be working on.
ALTER = ("touch", "unlock", "delete_all_output", "delete_temp_output", "cleanup_metadata")


@dataclass(frozen=True)
class Asked:
    """What a command line asks Snakemake for.

    runs_jobs : whether jobs are to be run
    dry_run : whether it is to say which would be
    alters : whether it changes results, or the lock on them, without running jobs
    targets : as typed
    configfiles : overlays, as typed
    config : KEY=VALUE of --config, as typed
    bars : whether its logger draws bars on the terminal, which lines of jobs would tear
    lists_jobs : whether it is a dry run that lists jobs, and asked for nothing else
    """

    runs_jobs: bool
    dry_run: bool
    alters: bool
    targets: tuple[str, ...]
    configfiles: tuple[str, ...]
    config: tuple[str, ...]
    bars: bool = False
    lists_jobs: bool = False


def asked(dry_run: bool, command: Sequence[str] = sys.argv) -> Asked:
    """What this process was asked for.

    Parameters
    ----------
    dry_run : whether Snakemake's output settings say so; all that is known where it is used as a library
    command : the process's command
    """
    if not _is_snakemake(command[0]):
        return Asked(not dry_run, dry_run, False, (), (), ())
    options, _ = get_argument_parser().parse_known_args(list(command[1:]))
    return Asked(
        runs_jobs=not _without_jobs(options),
        dry_run=bool(options.dryrun),
        alters=not options.dryrun and bool(_given(options, ALTER)),
        targets=tuple(options.targets or ()),
        configfiles=tuple(map(str, options.configfile or ())),
        config=tuple(map(str, options.config or ())),
        bars="rich" in (options.logger or ()),
        lists_jobs=_given(options, WITHOUT_JOBS) == ["dryrun"],
    )


def jobs_to_run(workflow: Any) -> list[PlannedJob]:
    """The jobs of stages that this run is about to do, in the order of their settings files; once it has a plan."""
    jobs = {job: str(job.input.settings) for job in workflow.dag.needrun_jobs() if job.input.get("settings")}
    return [
        PlannedJob(
            job.rule.name,
            settings,
            str(job.output[0]),
            job.threads,
            _declared_memory(job.rule),
            tuple(sorted(jobs[other] for other in workflow.dag.dependencies[job] if other in jobs)),
        )
        for job, settings in sorted(jobs.items(), key=lambda item: item[1])
    ]


def jobs_of_dry_run(workflow: Any) -> list[PlannedJob]:
    """The same at the end of a dry run; none where it came to no plan."""
    return jobs_to_run(workflow) if workflow.dag is not None else []


def _declared_memory(rule: Any) -> int | None:
    resource = rule.resources.get("mem_mb")
    return None if resource is None or resource.is_evaluable() else resource.value  # a function guesses from the inputs


def forces_jobs(workflow: Any) -> bool:
    """Whether --force, --forceall or --forcerun asked for jobs to be done again, whatever their records say."""
    asked_for = workflow.dag_settings
    return bool(asked_for.forceall or asked_for.forcetargets or asked_for.forcerun)


def memory_limit(workflow: Any) -> int | None:
    """Megabytes that all jobs together may take (--resources mem_mb); None where there is no limit."""
    return workflow.global_resources.get("mem_mb").value


def asks_for_gpu(workflow: Any, rule: str) -> bool:
    """Whether --set-resources has the jobs of a rule ask for a GPU, by number, model or Slurm's gres."""
    given = workflow.resource_settings.overwrite_resources.get(rule, {})
    words = {name: str(getattr(value, "raw", value)) for name, value in given.items()}
    return words.get("gpu", "0") != "0" or "gpu_model" in words or "gpu" in words.get("gres", "")


def name_in_queue(workflow: Any) -> str | None:
    """What all jobs that this run submits to Slurm are called in its queue; None for other executors."""
    return getattr(getattr(workflow.scheduler, "_executor", None), "run_uuid", None)


def start_without_limit(workflow: Any) -> None:
    """Start as many jobs a second as processors take.

    For Snakemake's limit of jobs a second its scheduler looks at all waiting jobs again each second, once for every
    job that has ended: in the end all the time.
    """
    workflow.scheduler.job_rate_limiter = None


def in_storage(output: Any) -> bool:
    """Whether a rule's output lies with a storage provider, not in the file system."""
    return is_flagged(output, "storage_object")


def _without_jobs(options: Namespace) -> bool:
    report = getattr(options, "report", None) is not None or getattr(options, "reporter", None) is not None
    return bool(_given(options, WITHOUT_JOBS)) or (report and not getattr(options, "report_after_run", False))


def _given(options: Namespace, names: Sequence[str]) -> list[str]:
    """Those of some options that were given; one without values may be an empty list, and else stays None."""
    return [name for name in names if getattr(options, name, None) not in (None, False)]


def _is_snakemake(program: str) -> bool:
    path = Path(program)
    return path.name == "snakemake" or (path.name == "__main__.py" and path.parent.name == "snakemake")
