"""Runs that are killed or stopped: what is finished stays valid, and the next plain run completes to the same table."""

import contextlib
import json
import random
import signal
import time

import faults
import psutil
import pytest
from conftest import EVERYTHING
from faults import PLAIN, TABLE, completes, failed

from medfusion.files.artifacts import writer_of

pytestmark = pytest.mark.slow

RUN = ".snakemake/run.json"


@pytest.mark.long
def test_kill_in_the_middle_of_every_stage(rerun, finished):
    """Of each stage, a job is killed when it has written what nobody has yet."""
    left = {record.stage for record in faults.recorded(rerun)}
    faults.forget(rerun, *(faults.job(rerun, stage) for stage in left))
    while left:
        before, killed = faults.recorded(rerun), set()
        with faults.running(rerun, *PLAIN[:2], *EVERYTHING, hold=left) as run:
            while run.alive:
                for stage in left - killed:
                    if standing := run.standing(stage):
                        standing[0].kill()
                        run.let_go(stage)
                        killed.add(stage)
                time.sleep(0.02)
            assert run.wait() != 0
            assert "Traceback" not in run.text
        assert killed, f"{left} did not run: {run.text[-3000:]}"
        left -= killed
        faults.remains(rerun)
        assert faults.still_there(before, faults.recorded(rerun))
    completes(rerun, finished)


# One of each kind: several files at once, a network, a classifier, a folder, the page.
KINDS = ("prepare", "train_cnn", "fit_grid", "export_package", "report")


@pytest.mark.long
def test_kill_of_snakemake_in_the_middle_of_a_stage(rerun, finished):
    """Its job goes on until the next run, which stops it before it starts jobs of its own."""
    text = ""
    with contextlib.ExitStack() as runs:
        for stage in KINDS:
            faults.forget(rerun, faults.job(rerun, stage))
            run = runs.enter_context(faults.running(rerun, *PLAIN[:2], *EVERYTHING, hold=[stage]))
            orphan = run.middle_of(stage)
            run.kill()
            assert faults.works(orphan)
            (half_written,) = (path for path in faults.remains(rerun) if writer_of(path) == orphan.pid)
            assert ("they were stopped" in run.text) == bool(text)
            text = run.text
        assert "they were stopped" in completes(rerun, finished)
        assert not faults.works(orphan) and not half_written.exists()


@pytest.mark.long
def test_power_cuts(rerun, finished):
    """All is killed in one moment, wherever any of the processes is about to give a file its name."""
    breast = [record for record in faults.recorded(rerun) if record.outputs[0].path.startswith("results/breast/")]
    faults.forget(rerun, *breast)
    draw = random.Random(2)
    for _ in range(6):
        before = faults.recorded(rerun)
        with faults.running(rerun, *PLAIN, cut=draw.randint(1, 30)) as run:
            assert run.wait() == -signal.SIGKILL
            assert "Traceback" not in run.text
        faults.remains(rerun)
        assert faults.still_there(before, faults.recorded(rerun))
    completes(rerun, finished)


SIGNALS = {"ctrl-c": signal.SIGINT, "terminated": signal.SIGTERM, "terminal closed": signal.SIGHUP}


def test_a_signal_to_stop(rerun, finished):
    faults.forget(rerun, faults.job(rerun, "train_cnn"))
    for how in (*SIGNALS, "snakemake terminated"):
        with faults.running(rerun, *PLAIN, hold=["train_cnn"]) as run:
            process = run.middle_of("train_cnn")
            if how == "snakemake terminated":
                run.signal(signal.SIGTERM)  # lets its jobs end
                run.let_go()
            else:
                run.signal_group(SIGNALS[how])
            assert run.wait() != 0, how
            with contextlib.suppress(psutil.NoSuchProcess):
                process.wait(faults.LONG)
            assert "Traceback" not in run.text, how
        logs = [path.read_text(encoding="utf-8") for path in (rerun.folder / "logs").rglob("*.log")]
        assert not any("Traceback" in log for log in logs), how
        assert len(faults.remains(rerun)) == (how == "terminal closed"), how
    completes(rerun, finished)


# Locks


def test_the_lock_of_a_killed_run(rerun, finished):
    """A plain run removes it and says so, unless another machine may hold it; then Snakemake names the remedy."""
    faults.forget(rerun, faults.job(rerun, "fit_grid"))
    with faults.running(rerun, *PLAIN, hold=["fit_grid"]) as run:
        run.middle_of("fit_grid")
        run.kill()
    noted = rerun.json(RUN)
    (rerun.folder / RUN).write_text(json.dumps({**noted, "host": "another"}))
    assert "--unlock" in failed(rerun, *PLAIN)
    assert rerun.json(RUN)["host"] == "another"
    (rerun.folder / RUN).write_text(json.dumps(noted))
    assert "the lock was removed" in completes(rerun, finished)


@pytest.mark.long
def test_two_runs_in_one_folder(rerun, finished):
    """The second is refused, plans are made beside the first, one with another configuration: all leave it alone."""
    faults.forget(rerun, faults.job(rerun, "train_cnn"))
    with faults.running(rerun, *PLAIN, hold=["train_cnn"]) as run:
        run.middle_of("train_cnn")
        settings = {path: path.read_bytes() for path in (rerun.folder / "results/settings").rglob("*.json")}
        results = set((rerun.folder / "results").rglob("*.h5"))
        for options in ((), ("--unlock",), ("--delete-all-output",), ("--touch",)):
            assert "another run works on results" in failed(rerun, *PLAIN, *options)
        assert results <= set((rerun.folder / "results").rglob("*.h5"))
        for overlay in (True, False):
            # It may meet a file in the moment in which the run replaces it, and says so.
            planned = rerun.snakemake("-n", "report", overlay=overlay, check=False)
            assert "Traceback" not in planned.stdout + planned.stderr
        assert settings == {path: path.read_bytes() for path in settings}
        run.let_go()
        assert run.wait() == 0, run.text
        assert "Traceback" not in run.text
    assert (rerun.folder / TABLE).read_bytes() == (finished.folder / TABLE).read_bytes()
    assert "Nothing to be done" in completes(rerun, finished)
