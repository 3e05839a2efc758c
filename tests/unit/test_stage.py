"""Tests of what every stage program shares, in a small program of its own."""

import errno
import json
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from medfusion.jobs import stage

LIBRARY = Path(stage.__file__).resolve().parents[2]
PROGRAM = '''"""A stage that does as it is told."""

import os
import signal

import numpy as np
import threadpoolctl

from medfusion.jobs import stage
from medfusion.files.artifacts import replacing
from medfusion.errors import UserError


def parser():
    result = stage.parser(__doc__)
    result.add_argument("--name", default="x")
    return result


def main(args, settings):
    stage.progress(f"half of {args.name}")
    if settings.get("fault") == "user":
        raise UserError("x.npz: too small; get a larger one")
    if settings.get("fault") == "signal":
        with replacing("out.txt") as temporary:
            temporary.write_text("half")
            os.kill(os.getpid(), settings["number"])
            signal.pause()  # until it is there
    if settings.get("fault") == "system":
        with replacing("out.txt"):
            raise OSError(settings["number"], "what the system says")
    if settings.get("fault"):
        raise RuntimeError("ours")
    print({pool["num_threads"] for pool in threadpoolctl.threadpool_info()}, settings["value"])


if __name__ == "__main__":
    stage.run(main, parser())
'''


@pytest.fixture
def run(tmp_path):
    """A function that runs the program with settings, and returns what it printed and its exit status."""
    (tmp_path / "program.py").write_text(PROGRAM, encoding="utf-8")

    def start(settings, redirection=""):
        (tmp_path / "settings.json").write_text(settings if isinstance(settings, str) else json.dumps(settings))
        command = f"{shlex.quote(sys.executable)} program.py --settings settings.json --name ü {redirection}"
        environment = {**os.environ, "PYTHONPATH": str(LIBRARY), "PYTHONUTF8": "1"}
        environment |= {"OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2"}
        return subprocess.run(
            ["bash", "-c", command],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            # Ignored, if the tests were started in the background.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )

    return start


def test_a_stage_reads_its_settings_and_keeps_to_its_threads(run):
    done = run({"config": {"value": "ä", "threads": 1}, "code": "0"})
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "half of ü\n{1} ä\n"


def test_a_mistake_of_the_user_is_one_line_and_exit_status_one(run):
    done = run({"config": {"fault": "user"}})
    assert done.returncode == 1
    assert done.stderr == "error: x.npz: too small; get a larger one\n"


def test_a_mistake_of_ours_keeps_its_traceback(run):
    done = run({"config": {"fault": "ours"}})
    assert done.returncode == 1
    assert "Traceback" in done.stderr and "RuntimeError: ours" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_stop_is_one_line_and_leaves_nothing_half_written(run, tmp_path, number):
    done = run({"config": {"fault": "signal", "number": number}})
    assert done.returncode == 1
    assert done.stderr == "stopped before its end; run again\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["program.py", "settings.json"]


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (errno.ENOSPC, "error: out.txt: No space left on device; free some space and run again\n"),
        (errno.EROFS, "error: out.txt: Read-only file system; name a folder that can be written to"),
        (errno.EIO, "error: out.txt: Input/output error; the disk"),
    ],
)
def test_a_fault_of_the_machine_is_one_line_that_names_the_file(run, number, message):
    done = run({"config": {"fault": "system", "number": number}})
    assert done.returncode == 1
    assert done.stderr.startswith(message)
    assert done.stderr.count("\n") == 1


def test_damaged_settings_are_one_line(run):
    done = run("{")
    assert done.returncode == 1
    assert done.stderr.startswith("error: settings.json: not a readable JSON file")
    assert done.stderr.count("\n") == 1


def test_settings_without_config_are_one_line(run):
    assert "Traceback" not in run({"threads": 1}).stderr


def test_progress_goes_to_the_log_and_to_the_terminal(run, tmp_path):
    done = run({"config": {"value": 1}}, "9>&2 &> log")
    assert done.stderr == "half of ü\n"
    assert (tmp_path / "log").read_text(encoding="utf-8") == "half of ü\n{1} 1\n"
