# What must run again. Needs: all rules, for what each job makes. Makes: the settings file of every job, before Snakemake
# looks at ages; a plan that runs no jobs writes nothing. Whatever can go wrong in planning goes wrong here, and is said.
import atexit
import tempfile

from medfusion.learning.keras_applications import APPLICATIONS
from medfusion.planning import jobs as all_jobs
from medfusion.planning.environment import without_wildcards
from medfusion.reruns.identity import identity
from medfusion.planning.partitions import asked_for
from medfusion.reruns.outdated import Planned, Reruns, write_missing
from medfusion.tools import dry_run


def planned(job):
    """A job with what its rule makes; a download makes the data file too, which is no output for Snakemake."""
    name = f"export_package_{job.wildcards['dataset']}" if job.stage == "export_package" else job.stage
    outputs = [str(pattern).format(**job.wildcards) for pattern in getattr(rules, name).output]
    outputs += [f"{config['data']}/{job.wildcards['file']}.npz"] if job.stage == "download" else []
    if job.stage == "fetch_weights":
        outputs += [f"{config['data']}/{APPLICATIONS[job.wildcards['application']].file}"]
    settings = Path(RESULTS, "settings", job.stage, f"{job.name}.json")
    of_job = identity(job.stage, job.config, config["compute"]["threads"], job.modules)
    return Planned(settings, of_job, tuple(outputs))


SETTINGS_INPUTS = {}  # by settings file, what rules have as an input in its place

try:
    page = rules.report.output.page
    if not snakemake_compat.in_storage(page) and Path(page) != Path(RESULTS, "report.html"):
        raise UserError(
            f"prefix: of a module moves {RESULTS} where its records are not looked for; in the module's config name "
            "other folders for results and data"
        )
    # Of other splits, which are many jobs, only those that are asked for; a workflow of which this is a module may ask for any.
    schemes = asked_for(ASKED.targets) if Path(workflow.basedir).resolve() == ROOT else SCHEMES
    PLANNED = [planned(job) for job in all_jobs.jobs(PLAN, schemes)]
    if not workflow.is_main_process:
        write_missing(PLANNED)
    elif ASKED.runs_jobs:
        HELD = [runs.hold_results(RESULTS), runs.hold_folder()]  # until this process ends
        notes = []
        if HELD[1]:
            notes += [runs.cancel_submitted(), runs.remove_stale_lock(), runs.end_orphans()]
            runs.remember_run()  # before Snakemake locks the folder: a lock without a name stays
        for note in (*filter(None, notes), *Reruns(PLANNED, RESULTS, config["data"]).apply()):
            print(note, file=sys.stderr)
    else:
        if ASKED.alters and Path(RESULTS, "records").is_dir():
            HELD = [runs.hold_results(RESULTS)]
        found = Reruns(PLANNED, RESULTS, config["data"])
        STAND_INS = tempfile.TemporaryDirectory(prefix="medfusion-") if ASKED.dry_run and found.changed else None
        folder = STAND_INS and without_wildcards(Path(STAND_INS.name), "set TMPDIR to another folder")
        SETTINGS_INPUTS = found.stand_ins(folder)
        if ASKED.lists_jobs:
            # A dry run has no hooks; this comes after what Snakemake says of each job, or, with --quiet, alone.
            atexit.register(
                lambda: dry_run.say(snakemake_compat.jobs_of_dry_run(workflow), PLANNED, found, CORES or os.cpu_count())
            )
        if found.misleading:
            print(
                f"{found.misleading} jobs have inputs that are younger than their outputs, and are the same all the same: "
                "a copy, or a touch. A run puts the ages right before it starts; this plan, which changes nothing, may "
                "list them.",
                file=sys.stderr,
            )
except UserError as error:
    raise WorkflowError(str(error))
except OSError as error:
    raise WorkflowError(
        f"{error.filename or RESULTS}: {error.strerror}; what jobs depend on cannot be read or written, so none is run"
    )
