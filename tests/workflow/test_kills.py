"""Runs that are killed or stopped: what is finished stays valid, and the next plain run completes to the same table."""

import contextlib
import json
import random
import signal
import time

import faults
import psutil
import pytest
from conftest import EVERYTHING, copy_project
from faults import PLAIN, TABLE, completes, failed

pytestmark = pytest.mark.slow

RUN = ".snakemake/run.json"


def test_kill_in_the_middle_of_every_stage(finished, tmp_path):
    """From nothing: of each stage first a process is killed, then, in the middle of another, Snakemake alone."""
    project = copy_project(tmp_path / "project", "tiny.yaml")
    seconds, draw = {}, random.Random(1)
    for record in faults.recorded(finished):
        seconds[record.stage] = min(record.seconds, seconds.get(record.stage, record.seconds))
    victims = {"stage": set(seconds), "snakemake": set(seconds)}
    orphans = []
    for _ in range(4 * len(seconds)):
        if not any(victims.values()):
            break
        before = faults.recorded(project)
        run = faults.Run(project, *PLAIN[:2], *EVERYTHING)
        try:
            orphans = torment(run, victims, seconds, draw, orphans)
        finally:
            run.kill()
        with faults.standing_still(orphans):
            faults.remains(project)
            assert faults.still_there(before, faults.recorded(project))
        assert "Traceback" not in run.text
        if not orphans:  # the run ended by itself: what was too quick to be killed is done again
            done = {record.stage for record in faults.recorded(project)}
            faults.forget(project, *(faults.job(project, stage) for stage in set().union(*victims.values()) & done))
    assert not any(victims.values())
    completes(project, finished)


def torment(run, victims, seconds, draw, orphans):
    """Kill of every stage a process, at a random moment; then Snakemake, and return the jobs that it leaves behind.

    `orphans` are those of the run before, which this one has to stop before it starts jobs of its own. What ends before
    its moment makes the stage's `seconds` fewer.
    """
    begun, moments, killed = {}, {}, set()
    while run.alive:
        for process in [process for process in moments if not faults.works(process)]:
            stage, moment = moments.pop(process)
            seconds[stage] *= 1 if time.monotonic() > moment else 0.7
        working = run.stages()
        for stage, process in working:
            assert not any(map(faults.works, orphans)), "jobs of the run before still work"
            now = begun.setdefault(process, time.monotonic())
            moment = moments.setdefault(process, (stage, now + draw.uniform(0.2, 0.7) * seconds[stage]))[1]
            if time.monotonic() < moment or process in killed:
                continue
            if stage in victims["stage"]:
                process.kill()
                killed.add(process)
                victims["stage"].remove(stage)
            elif stage in victims["snakemake"]:
                run.kill()
                # Whatever else is in the middle of its work has lost its Snakemake too.
                in_the_middle = {
                    other
                    for other, one in working
                    if one not in killed and time.monotonic() - begun.get(one, now) > 0.2 * seconds[other]
                }
                victims["snakemake"] -= {stage, *in_the_middle}
                return [process for _, process in working]
        time.sleep(0.02)
    return []


def test_kill_at_random_moments_from_nothing(finished, tmp_path):
    project = copy_project(tmp_path / "project", "tiny.yaml")
    draw = random.Random(2)
    for number in range(4):
        before = faults.recorded(project)
        with faults.running(project, *PLAIN) as run:
            time.sleep(draw.uniform(1, 30))
            if number % 2:
                run.kill()
            else:  # as a power cut does
                run.signal_group(signal.SIGKILL)
                run.wait()
            assert "Traceback" not in run.text
        faults.remains(project)
        assert faults.still_there(before, faults.recorded(project))
    completes(project, finished)


@pytest.mark.parametrize("how", ["ctrl-c", "terminal closed", "terminated", "snakemake terminated"])
def test_a_signal_to_stop(rerun, finished, how):
    faults.forget(rerun, faults.job(rerun, "train_cnn"))
    with faults.running(rerun, *PLAIN) as run:
        process = run.middle_of("train_cnn", 1)
        if how == "snakemake terminated":
            run.signal(signal.SIGTERM)  # lets its jobs end
        else:
            number = {"ctrl-c": signal.SIGINT, "terminal closed": signal.SIGHUP, "terminated": signal.SIGTERM}[how]
            run.signal_group(number)
        assert run.wait() != 0
        with contextlib.suppress(psutil.NoSuchProcess):
            process.wait(30)
        assert "Traceback" not in run.text
    logs = [path.read_text(encoding="utf-8") for path in (rerun.folder / "logs").rglob("*.log")]
    assert not any("Traceback" in log for log in logs)
    if how != "terminal closed":
        assert faults.remains(rerun) == []
    completes(rerun, finished)


# Locks


def test_the_lock_of_a_killed_run(rerun, finished):
    """A plain run removes it and says so, unless another machine may hold it; then Snakemake names the remedy."""
    faults.forget(rerun, faults.job(rerun, "fit_grid"))
    with faults.running(rerun, *PLAIN) as run:
        run.middle_of("fit_grid")
        run.kill()
    noted = rerun.json(RUN)
    (rerun.folder / RUN).write_text(json.dumps({**noted, "host": "another"}))
    assert "--unlock" in failed(rerun, *PLAIN)
    assert rerun.json(RUN)["host"] == "another"
    (rerun.folder / RUN).write_text(json.dumps(noted))
    assert "the lock was removed" in completes(rerun, finished)


def test_two_runs_in_one_folder(rerun, finished):
    """The second is refused, plans are made beside the first, one with another configuration: all leave it alone."""
    faults.forget(rerun, faults.job(rerun, "train_cnn"))
    with faults.running(rerun, *PLAIN) as run:
        run.middle_of("train_cnn", 0)
        settings = {path: path.read_bytes() for path in (rerun.folder / "results/settings").rglob("*.json")}
        assert "--unlock" in failed(rerun, *PLAIN)
        for overlay in (True, False):
            # It may meet a file in the moment in which the run replaces it, and says so.
            planned = rerun.snakemake("-n", "report", overlay=overlay, check=False)
            assert "Traceback" not in planned.stdout + planned.stderr
        assert run.alive, "it ended too early for this test"
        assert settings == {path: path.read_bytes() for path in settings}
        assert run.wait() == 0, run.text
        assert "Traceback" not in run.text
    assert (rerun.folder / TABLE).read_bytes() == (finished.folder / TABLE).read_bytes()
    assert "Nothing to be done" in completes(rerun, finished)
