"""What a run would do, in few words: why, how many jobs of each stage, and about how long."""

import contextlib
import re
import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from medfusion import escaping
from medfusion.jobs.costs import DRAWING, STAGES, duration
from medfusion.planning.runs import PlannedJob
from medfusion.reruns import records
from medfusion.reruns.outdated import Planned, Reruns
from medfusion.reruns.records import Record
from medfusion.tools import progress

ABSENT = object()
LONGEST = 30  # letters of a value that is worth telling
WIDTH = 100  # of lines that are filled
MOST_REASONS, MOST_SETTINGS = 12, 3
# What jobs of a stage are called, where its name says it badly.
NOUNS = {"train_cnn": "training", "extract_features": "feature extraction", "fit_grid": "grid of settings"}
Reason = tuple[str, str]  # what, and what has become of it: "added", "changed", "removed", or nothing
NEVER: Reason = ("not made yet", "")
SEED = re.compile(r"seed\d+")


def say(jobs: Sequence[PlannedJob], planned: Iterable[Planned], found: Reruns, cores: int) -> None:
    """Print the summary; parameters as of `lines`. That there is nothing to do, or no plan, Snakemake says."""
    if jobs:
        with contextlib.suppress(OSError):  # nobody reads on
            escaping.say("\n" + "\n".join(lines(jobs, planned, found, cores)))


def lines(jobs: Sequence[PlannedJob], planned: Iterable[Planned], found: Reruns, cores: int) -> Iterator[str]:
    """The summary of a dry run.

    Parameters
    ----------
    jobs : what would run; settings files may be stand-ins of the same stage and name
    planned : all jobs of the configuration
    found : what has changed
    cores : processors, for the forecast
    """
    every = list(planned)
    planned_by_key = {_key(job.settings): job for job in every}
    keys = {_key(job.settings): job for job in jobs}
    needs = {key: {_key(need) for need in job.needs} for key, job in keys.items()}
    changed = {_key(path) for path in found.changed}
    roots = {key: _reasons(planned_by_key[key], found) for key in keys if key in changed and key in planned_by_key}
    seconds = _Times(every)
    yield f"{len(jobs)} of {len(every)} jobs would run, {seconds.about(keys, keys, needs, cores)}:"
    by_reason: dict[Reason, list[str]] = {}
    for key, reasons in roots.items():
        for reason in reasons:
            by_reason.setdefault(reason, []).append(key)
    ordered = sorted(by_reason.items(), key=lambda item: (item[0] == NEVER, -len(item[1])))
    for reason, own in ordered[:MOST_REASONS]:
        following = _following(own, needs)
        more = f" and what follows, {len(following)} jobs in all" if len(following) > len(own) else ""
        yield f"  {_named(reason, own)}: {_counted(own)}{more}, {seconds.about(following, keys, needs, cores)}"
    if len(ordered) > MOST_REASONS:
        yield f"  and {len(ordered) - MOST_REASONS} other reasons"
    if others := set(keys) - _following(roots, needs):
        yield f"  by Snakemake's own reasons (--force, a file that is not there, an age): {_counted(others)}"
    yield ""
    yield from _table(keys, seconds)
    if roots and set(by_reason) != {NEVER}:
        yield "A job whose inputs turn out to be the same as before keeps its results and ends in under a second."


def _key(settings: str | Path) -> str:
    path = Path(settings)
    return f"{path.parent.name}/{path.stem}"


# -- why --------------------------------------------------------------------------------------------------------------


def _reasons(job: Planned, found: Reruns) -> list[Reason]:
    """Why a job runs; jobs that run for the same reason share its words."""
    record, reason = found.record(job), found.reasons.get(job.settings)
    if record is None or record.identity == job.identity:
        return [(reason, "")] if reason else [NEVER]
    return differences(record.identity, job.identity)


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Reason]:
    """What differs between two identities of a job, each with what has become of it.

    >>> one = {"config": {"training": {"rate": 0.1}}, "code": "a"}
    >>> differences(one, {"config": {"training": {"rate": 0.2, "clip": 1}}, "code": "b"})
    [('clip', 'added'), ('rate (0.1 to 0.2)', 'changed'), ('code', 'changed')]
    """
    config = list(_changes(before.get("config"), after.get("config"), ""))
    said = config[:MOST_SETTINGS]
    if len(config) > MOST_SETTINGS:
        said.append((f"{len(config) - MOST_SETTINGS} other settings", "changed"))
    if before.get("code") != after.get("code") or _differ(before.get("modules", {}), after.get("modules", {})):
        said.append(("code", "changed"))
    libraries = _changes(before.get("libraries", {}), after.get("libraries", {}), "")
    return said + [(f"library {what}", how) for what, how in libraries] or [("code", "changed")]


def _differ(before: Mapping[str, str], after: Mapping[str, str]) -> bool:
    """Whether a module is not what it was; another one is asked for by settings, which say so."""
    return any(before[name] != after[name] for name in before.keys() & after.keys())


def _changes(before: Any, after: Any, name: str) -> Iterator[Reason]:
    """The innermost keys whose values differ, with these where they are short."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted({*before, *after}):
            yield from _changes(before.get(key, ABSENT), after.get(key, ABSENT), str(key))
    elif before is ABSENT or after is ABSENT:
        yield name, "added" if before is ABSENT else "removed"
    elif before != after:
        values = [_value(before), _value(after)]
        yield (f"{name} ({' to '.join(values)})" if all(values) else name), "changed"


def _value(value: Any) -> str:
    text = str(value)
    return text if len(text) <= LONGEST and not isinstance(value, dict | list) else ""


def _named(reason: Reason, keys: Sequence[str]) -> str:
    """A reason with what it is about, as far as all its jobs have that in common."""
    what, become = reason
    if not become:
        return what
    names = [key.partition("/")[2].split(".") for key in keys if "." in key]
    shared = (
        [words[0] for words in zip(*names, strict=False) if len(set(words)) == 1] if len(names) == len(keys) else []
    )
    about = "/".join(word for word in shared if not SEED.fullmatch(word))
    return f"{what} of {about} {become}" if about else f"{what} {become}"


def _counted(keys: Iterable[str]) -> str:
    """How many jobs of which stages: '5 trainings, 1 report'.

    >>> _counted(["train_cnn/a", "train_cnn/b", "report/report"])
    '2 trainings, 1 report'
    """
    count = Counter(_stage(key) for key in keys)
    parts = [f"{n} {_noun(stage, n)}" for stage, n in sorted(count.items(), key=lambda item: _order(item[0]))]
    return ", ".join(parts[:3]) + (f" and {len(parts) - 3} other stages" if len(parts) > 3 else "")


def _noun(stage: str, n: int) -> str:
    if stage in NOUNS:
        first, _, rest = NOUNS[stage].partition(" ")
        plural = f"{first}s {rest}".strip() if rest.startswith("of ") else f"{NOUNS[stage]}s"
        return NOUNS[stage] if n == 1 else plural
    return stage


def _stage(key: str) -> str:
    stage = key.partition("/")[0]
    return stage if stage in STAGES else DRAWING


def _order(stage: str) -> int:
    return STAGES.index(stage) if stage in STAGES else len(STAGES)


def _following(keys: Iterable[str], needs: Mapping[str, set[str]]) -> set[str]:
    """Jobs, and all that stand on them."""
    found = set(keys)
    while more := {key for key, before in needs.items() if key not in found and before & found}:
        found |= more
    return found


# -- how long ---------------------------------------------------------------------------------------------------------


class _Times:
    """What jobs took before, or such jobs did."""

    def __init__(self, planned: Sequence[Planned]):
        self._threads: dict[str, int] = {}
        self._own: dict[str, float] = {}
        self._history: list[tuple[str, str, float]] = []
        for job in planned:
            record: Record | None = records.read(job.record)
            if record is not None:
                self._own[_key(job.settings)] = record.seconds
                self._history.append((job.stage, job.settings.stem, record.seconds))

    def of(self, key: str) -> float | None:
        """Seconds; None where no such job was ever timed."""
        if key not in self._own:
            stage, _, name = key.partition("/")
            similar = progress.similar(stage, name, self._history)
            if similar is None:
                return None
            self._own[key] = similar
        return self._own[key]

    def about(
        self, keys: Iterable[str], jobs: Mapping[str, PlannedJob], needs: Mapping[str, set[str]], cores: int
    ) -> str:
        """How long some jobs will take side by side, in words."""
        some, own = [], set(keys)
        for key in own:
            stage, _, name = key.partition("/")
            waits = tuple(needs[key] & own)
            some.append(progress.Job(stage, name, "waiting", 0.0, self.of(key), min(jobs[key].threads, cores), waits))
        unknown = sum(job.expected is None for job in some)
        if unknown == len(some):
            return "never timed"
        view = progress.View("", True, False, 0.0, 0.0, cores, some)
        more = f", and {unknown} that were never timed" if unknown else ""
        return f"about {duration(progress.forecast(view))}{more}"


def _table(keys: Mapping[str, PlannedJob], seconds: _Times) -> Iterator[str]:
    """A line for each stage that was timed: jobs, and the sum of what they took before; the others in few lines."""
    groups: dict[str, list[str]] = {}
    for key in keys:
        groups.setdefault(_stage(key), []).append(key)
    width, untimed = max(map(len, [*groups, "stage"])), []
    head = f"  {'stage':{width}}  jobs  took before, all together"
    for stage in sorted(groups, key=_order):
        times = [time for key in groups[stage] if (time := seconds.of(key)) is not None]
        if not times:
            untimed.append(f"{len(groups[stage])} {stage}")
            continue
        if head:
            yield head
            head = ""
        yield f"  {stage:{width}}  {len(groups[stage]):4}  {duration(sum(times))}"
    if untimed:
        text = f"never timed: {', '.join(untimed)}"
        yield from textwrap.wrap(text, WIDTH, initial_indent="  ", subsequent_indent="    ", break_on_hyphens=False)
