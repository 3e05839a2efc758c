"""How far a run is: what is done, running and waiting, and when it may end; looks, and touches nothing."""

import heapq
import socket
import statistics
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from medfusion.jobs.costs import duration
from medfusion.planning import runs
from medfusion.report.page_components import Body, Cell, Row, Table
from medfusion.reruns import records
from medfusion.reruns.records import BEGUN, Record

STATES = ("done", "running", "waiting", "failed", "blocked")


@dataclass(frozen=True)
class Job:
    """One job of a run.

    stage, name : as its settings file has them
    state : one of STATES; blocked jobs wait for one that failed
    spent : seconds that it took, or has taken so far
    expected : seconds that such a job took before; None where none was ever timed
    threads : of the run's cores
    needs : names (stage/name) of the jobs whose results it reads
    """

    stage: str
    name: str
    state: str
    spent: float
    expected: float | None
    threads: int
    needs: tuple[str, ...]

    @property
    def key(self) -> str:
        """Its name among all jobs."""
        return f"{self.stage}/{self.name}"

    def left(self, pace: float) -> float:
        """Seconds that it will still take, as far as is known, where jobs take `pace` times as long as before."""
        if self.state not in ("running", "waiting"):
            return 0.0
        return max(pace * (self.expected or 0) - self.spent, 0.0)


@dataclass(frozen=True)
class View:
    """A run at one moment.

    results : its folder
    alive : whether it still runs
    elsewhere : whether another machine runs it, so that `alive` is a guess
    since : when it started its jobs; until : now, or its last sign of life (seconds since 1970)
    """

    results: str
    alive: bool
    elsewhere: bool
    since: float
    until: float
    cores: int | None
    jobs: list[Job]

    def of(self, state: str) -> list[Job]:
        """The jobs in a state."""
        return [job for job in self.jobs if job.state == state]

    @property
    def pace(self) -> float:
        """How many times as long as before jobs take in this run: those done, and those that run for longer already."""
        late = [job for job in self.of("running") if job.expected and job.spent > job.expected]
        timed = [job for job in self.of("done") if job.expected] + late
        before = sum(job.expected for job in timed if job.expected)
        return sum(job.spent for job in timed) / before if before else 1.0


def look(now: float | None = None) -> View | None:
    """The last run that started jobs in this folder; None where there was none.

    Parameters
    ----------
    now : seconds since 1970
    """
    run = runs.planned_jobs()
    if run is None:
        return None
    now = time.time() if now is None else now
    alive = runs.may_live(run)
    elsewhere = run["host"] != socket.gethostname()
    # Jobs of a cluster, which has no number of cores, are not among the processes of this machine.
    out_of_sight = alive and (elsewhere or run["cores"] is None)
    started = {} if elsewhere or not alive else _processes({job["settings"] for job in run["jobs"]})
    history = _history(run)
    jobs, last = [], run["at"]
    for job in run["jobs"]:
        path = records.planned_file(job["settings"])
        state, spent, sign = _state(path, job["settings"], run["at"], started, out_of_sight, now)
        stage, name = path.parent.name, path.stem
        expected = job["seconds"] if job["seconds"] is not None else similar(stage, name, history)
        needs = tuple(f"{Path(need).parent.name}/{Path(need).stem}" for need in job["needs"])
        jobs.append(Job(stage, name, state, spent, expected, job["threads"], needs))
        last = max(last, sign)
    return View(run["results"], alive, elsewhere, run["at"], now if alive else last, run["cores"], _blocked(jobs))


def _state(
    path: Path, settings: str, since: float, started: Mapping[str, float], marks_count: bool, now: float
) -> tuple[str, float, float]:
    """State, seconds spent, and the last sign of life of a job."""
    if settings in started:
        return "running", now - started[settings], now
    written = _changed(path)
    if written >= since and (record := records.read(path)):
        return "done", record.seconds, written
    begun = _changed(path.with_suffix(BEGUN))
    if begun >= since:
        # One that has begun since was not among the processes that were looked at.
        return ("running", max(now - begun, 0.0), now) if marks_count or begun > now else ("failed", 0.0, begun)
    return "waiting", 0.0, 0.0


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _processes(settings: set[str]) -> dict[str, float]:
    """When the process of each job in this folder started, by its settings file."""
    found = {}
    for process in psutil.process_iter(["cmdline", "cwd", "create_time"]):
        words = process.info["cmdline"] or []
        if "--settings" in words[:-1] and process.info["cwd"] == str(Path.cwd()):
            file = words[words.index("--settings") + 1]
            if file in settings:
                found[file] = process.info["create_time"]
    return found


def _blocked(jobs: Sequence[Job]) -> list[Job]:
    """The jobs, those marked that can only wait for one that failed."""
    lost = {job.key for job in jobs if job.state == "failed"}
    while more := {job.key for job in jobs if job.state == "waiting" and lost & set(job.needs)} - lost:
        lost |= more
    return [
        Job(**{**vars(job), "state": "blocked"}) if job.state == "waiting" and job.key in lost else job for job in jobs
    ]


# -- forecast ---------------------------------------------------------------------------------------------------------


def _history(run: Mapping[str, Any]) -> list[tuple[str, str, float]]:
    """Stage, name and seconds of all jobs that were ever timed, as far as is known."""
    known = [(path.parent.name, path.stem, job["seconds"]) for job in run["jobs"] for path in [Path(job["settings"])]]
    found: Iterable[Record] = records.read_all(run["results"])
    recorded = [(record.stage, Path(record.settings.path).stem, record.seconds) for record in found]
    return [entry for entry in [*known, *recorded] if entry[2] is not None]


def similar(stage: str, name: str, history: Iterable[tuple[str, str, float]]) -> float | None:
    """The mean time of those jobs of a stage whose names begin with the most of the same words."""
    groups: dict[int, list[float]] = {}
    for other_stage, other, seconds in history:
        if other_stage == stage:
            groups.setdefault(_common(name.split("."), other.split(".")), []).append(seconds)
    return statistics.fmean(groups[max(groups)]) if groups else None


def _common(words: Sequence[str], others: Sequence[str]) -> int:
    """How many words two names begin with that are the same."""
    count = 0
    for word, other in zip(words, others, strict=False):
        if word != other:
            break
        count += 1
    return count


def forecast(view: View) -> float:
    """Seconds until the end, if jobs go on at the pace of this run and start as soon as they can.

    Jobs that were never timed count nothing, nor do those that cannot run any more.
    """
    waiting = {job.key: job for job in view.of("waiting")}
    running = view.of("running")
    free = view.cores or sum(job.threads for job in view.jobs)
    free -= sum(job.threads for job in running)
    pace = view.pace
    ends = [(job.left(pace), job.key, job.threads) for job in running]
    heapq.heapify(ends)
    busy = {job.key for job in running}
    clock = 0.0
    while True:
        for key in [key for key, job in waiting.items() if not set(job.needs) & (waiting.keys() | busy)]:
            job = waiting[key]
            if job.threads <= free or not ends:
                heapq.heappush(ends, (clock + job.left(pace), key, job.threads))
                free -= job.threads
                busy.add(key)
                del waiting[key]
        if not ends:
            return clock
        clock, key, threads = heapq.heappop(ends)
        free += threads
        busy.discard(key)


# -- in words ---------------------------------------------------------------------------------------------------------


def headline(view: View) -> str:
    """How it stands with the run, in a sentence or two."""
    count = Counter(job.state for job in view.jobs)
    total, took = len(view.jobs), duration(view.until - view.since)
    begun = f"started {time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(view.since))}"
    done = f"{count['done']} of {total} jobs done"
    if view.alive:
        where = "; it runs on another machine, so this may be out of date" if view.elsewhere else ""
        lost = f"; {count['failed']} failed, {count['blocked']} cannot run because of that" if count["failed"] else ""
        return f"A run of {view.results} is at work: {begun}, {took} ago; {done}{lost}{where}. {_ahead(view)}"
    if count["done"] == total:
        return f"A run of {view.results} ended: {begun}, took {took}; all {total} jobs done."
    return (
        f"A run of {view.results} ended before its work was done: {begun}, last sign of life after {took}; {done}, "
        f"{count['failed']} were begun and not finished. The same command again goes on where it stopped."
    )


def _ahead(view: View) -> str:
    left = forecast(view)
    unknown = sum(job.expected is None for state in ("running", "waiting") for job in view.of(state))
    ends = time.strftime("%H:%M", time.localtime(view.until + left))
    text = f"About {duration(left)} left (until {ends}), by what such jobs took before"
    text += f", times {view.pace:.1f} as in this run so far." if abs(view.pace - 1) > 0.1 else "."
    if unknown:
        text = f"{text} {unknown} jobs of a kind that was never timed come on top."
    return text


def stages(view: View) -> Table:
    """A row for each stage; those that others stand on come first."""
    rows, depth = [], _depths(view.jobs)
    for stage in sorted(depth, key=lambda stage: (depth[stage], stage)):
        jobs = [job for job in view.jobs if job.stage == stage]
        count = Counter(job.state for job in jobs)
        left = sum(job.left(view.pace) for job in jobs)
        cells = [stage, *(str(count[state] or "") for state in STATES)]
        cells += [duration(sum(job.spent for job in jobs)), duration(left) if left else ""]
        rows.append(Row([Cell(text) for text in cells], "worse" if count["failed"] else ""))
    return Table("Jobs by stage", ["stage", *STATES, "time so far", "still to come"], [Body(rows)])


def _depths(jobs: Sequence[Job]) -> dict[str, int]:
    """For each stage, how many jobs stand behind each other up to it, at most."""
    depth = dict.fromkeys((job.key for job in jobs), 0)
    for _ in jobs:
        deeper = {job.key: 1 + max((depth.get(need, -1) for need in job.needs), default=-1) for job in jobs}
        if deeper == depth:
            break
        depth = deeper
    found: dict[str, int] = {}
    for job in jobs:
        found[job.stage] = max(found.get(job.stage, 0), depth[job.key])
    return found


def running(view: View) -> Table:
    """A row for each job that runs."""
    rows = [
        Row([Cell(job.stage), Cell(job.name), Cell(duration(job.spent)), Cell(_before(job))])
        for job in sorted(view.of("running"), key=lambda job: -job.spent)
    ]
    return Table("Running now", ["stage", "job", "for", "took before"], [Body(rows)], numeric=2)


def _before(job: Job) -> str:
    return "never timed" if job.expected is None else duration(job.expected)
