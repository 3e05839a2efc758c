"""Tests of jobs that are copies of a process: as if started anew, and gone with whoever asked for them."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from medfusion.jobs import warm

PROGRAMS = Path(warm.__file__).parents[2]
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="jobs are copies of a process on Linux alone")

# Stands for the workflow: starts what holds libraries, does as it is told, and ends.
RUN = """
import os, sys
from pathlib import Path
sys.path.insert(0, {programs!r})
from medfusion.jobs import warm
warm.start(Path({folder!r}), [{{"a_stage": "job"}}], 1, Path("log.txt"))
print(os.environ.get("MEDFUSION_WARM", ""), os.environ["PATH"], sep="\\n", flush=True)
sys.stdin.read()
"""
KEEP = """
import sys
sys.path.insert(0, {programs!r})
from medfusion.jobs.warm import serve
serve(int(sys.argv[1]), int(sys.argv[2]), lambda stage: [{modules}] * (stage == "a_stage"))
"""
JOB = """
import json, os, sys
own, imported = os.environ.get("OWN"), "decimal" in sys.modules
print(json.dumps([sys.argv[1:], os.getcwd(), own, imported, os.getpid(), os.getppid()]))
"""


class Run:
    """A run in a folder whose programs are a job and copies of those of the workflow."""

    def __init__(self, folder, modules="'decimal'"):
        self.folder = folder
        (folder / "run_warm.py").write_bytes((PROGRAMS / "run_warm.py").read_bytes())
        keep = KEEP.format(programs=str(PROGRAMS), modules=modules)
        (folder / "keep_warm.py").write_text(keep, encoding="utf-8")
        text = RUN.format(programs=str(PROGRAMS), folder=str(folder))
        self.process = subprocess.Popen(
            [sys.executable, "-c", text], cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.sockets, path = (self.process.stdout.readline().strip() for _ in range(2))
        self.environment = {**os.environ, "MEDFUSION_WARM": self.sockets, "PATH": path}

    def job(self, program, *arguments, **options):
        if not (path := self.folder / "job.py").exists() or path.read_text(encoding="utf-8") != program:
            path.write_text(program, encoding="utf-8")
        options = {"cwd": self.folder, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **options}
        environment = {**self.environment, **options.pop("env", {})}
        return subprocess.Popen(["python", "job.py", *arguments], env=environment, **options)

    def holder(self):
        """The process that holds the libraries."""
        until(lambda: psutil.Process(self.process.pid).children())
        (process,) = psutil.Process(self.process.pid).children()
        return process

    def end(self):
        self.process.stdin.close()
        self.process.wait(timeout=30)


def until(condition):
    deadline = time.monotonic() + 60
    while not (found := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return found


@pytest.fixture
def run(tmp_path):
    found = Run(tmp_path)
    yield found
    found.end()


def test_a_job_finds_arguments_folder_and_environment_and_the_libraries_imported(run, tmp_path):
    job = run.job(JOB, "a b", "$(c)", "", env={"OWN": "é\n"})
    out, err = job.communicate(timeout=60)
    arguments, folder, own, imported, process, parent = json.loads(out)
    assert (arguments, folder, own, err) == (["a b", "$(c)", ""], str(tmp_path), "é\n", "")
    assert imported and process != job.pid and parent == run.holder().pid
    # A variable of the run is no longer there for a job that has it not.
    bare = {name: value for name, value in run.environment.items() if name != "HOME"}
    command = ["python", "-c", "import os; print(os.environ.get('HOME'))"]
    assert subprocess.run(command, env=bare, capture_output=True, text=True).stdout == "None\n"  # no such program: anew


def test_what_libraries_set_when_they_were_imported_stays(tmp_path):
    (tmp_path / "sets.py").write_text("import os\nos.environ['SET'] = 'by a library'", encoding="utf-8")
    run = Run(tmp_path, "'sets'")
    out, _ = run.job("import os; print(os.environ['SET'], os.environ.get('MKL_NUM_THREADS'))").communicate(timeout=60)
    assert out == "by a library 1\n"
    run.end()


@pytest.mark.parametrize(
    ("program", "status", "said"),
    [
        ("", 0, ""),
        ("raise SystemExit(7)", 7, ""),
        ("raise SystemExit('error: no')", 1, "error: no\n"),
        ("import sys; print('last', end='', file=sys.stderr); sys.exit()", 0, "last"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL, ""),
    ],
)
def test_its_end_is_that_of_who_asked(run, program, status, said):
    job = run.job(program)
    assert job.communicate(timeout=60) == ("", said) and job.returncode == status


def test_a_fault_of_the_program_has_its_traceback(run):
    job = run.job("def f():\n    return 1 / 0\n\n\nf()\n")
    _, err = job.communicate(timeout=60)
    assert job.returncode == 1 and "return 1 / 0" in err and err.endswith("ZeroDivisionError: division by zero\n")


LATE = "import pathlib, time\nfor _ in range(1000):\n    pathlib.Path('go').exists() or time.sleep(.05)"
WAITS = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.default_int_handler)
try:
    open("begun", "w").write(str(os.getpid()))
    time.sleep(600)
except KeyboardInterrupt:
    open("ended", "w").write("in order")
    sys.exit(3)
"""


def begun(run):
    return psutil.Process(int(until(lambda: (run.folder / "begun").exists() and (run.folder / "begun").read_text())))


def test_a_signal_reaches_it(run):
    job = run.job(WAITS)
    begun(run)
    job.send_signal(signal.SIGTERM)
    assert job.wait(timeout=60) == 3 and (run.folder / "ended").read_text() == "in order"


def test_it_dies_with_who_asked(run):
    job = run.job(WAITS)
    copy = begun(run)
    job.kill()
    until(lambda: not copy.is_running())
    job = run.job("")
    assert job.wait(timeout=60) == 0  # the others go on


def test_it_dies_with_the_process_that_holds_its_libraries_and_the_next_are_started_anew(run):
    job = run.job(WAITS)
    copy = begun(run)
    run.holder().kill()
    _, err = job.communicate(timeout=60)
    assert job.returncode == 1 and err.startswith("error: the process that held its libraries was killed")
    until(lambda: not copy.is_running())
    out, _ = run.job(JOB).communicate(timeout=60)
    assert json.loads(out)[3] is False


def test_a_run_that_ends_leaves_neither_processes_nor_files(tmp_path):
    run = Run(tmp_path)
    assert run.job("").wait(timeout=60) == 0
    holder, sockets = run.holder(), Path(run.sockets)
    assert sockets.is_dir()
    run.end()
    until(lambda: not holder.is_running() and not sockets.exists())


def test_a_run_that_is_killed_leaves_them_to_the_jobs_at_work_alone(tmp_path):
    run = Run(tmp_path)
    job = run.job(WAITS)
    copy, holder = begun(run), run.holder()
    run.process.kill()
    time.sleep(0.3)
    assert copy.is_running() and holder.is_running()
    assert run.job(JOB).wait(timeout=60) == 0  # anew
    job.kill()
    until(lambda: not copy.is_running() and not holder.is_running() and not Path(run.sockets).exists())
    run.process.wait()


def test_libraries_that_cannot_be_imported_are_the_jobs_to_miss(tmp_path):
    run = Run(tmp_path, "'no_such_module'")
    out, _ = run.job(JOB).communicate(timeout=60)
    assert json.loads(out)[3] is False
    until(lambda: "no_such_module" in (tmp_path / "log.txt").read_text(encoding="utf-8"))
    run.end()


def test_where_sockets_cannot_be_had_jobs_start_anew(tmp_path, monkeypatch):
    long = tmp_path / ("x" * 100)
    long.mkdir()
    monkeypatch.setenv("TMPDIR", str(long))
    run = Run(tmp_path)
    assert run.sockets == ""
    run.end()


def test_what_is_ignored_is_not_passed_on(run):
    """As of a run that was started with nohup."""
    job = run.job(WAITS, preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    copy = begun(run)
    job.send_signal(signal.SIGHUP)
    time.sleep(0.3)
    assert copy.is_running() and job.poll() is None
    job.kill()


def test_who_wants_none_of_it_gets_none(tmp_path, monkeypatch):
    monkeypatch.setenv("MEDFUSION_COLD", "1")
    run = Run(tmp_path)
    assert run.sockets == "" and not psutil.Process(run.process.pid).children()
    run.end()


def test_jobs_at_once_do_not_wait_for_each_other(run):
    waiting = [run.job("import time; time.sleep(1); print('x')") for _ in range(20)]
    begin = time.monotonic()
    assert [job.communicate(timeout=60)[0] for job in waiting] == ["x\n"] * 20
    assert time.monotonic() - begin < 20


def test_costs_are_the_jobs_own(run):
    """Not the time and memory of what it is a copy of."""
    text = "import resource; u = resource.getrusage(resource.RUSAGE_SELF); print(u.ru_utime + u.ru_stime)"
    assert float(run.job(text).communicate(timeout=60)[0]) < 0.5


def test_what_is_to_be_done_at_the_end_is_done(run):
    job = run.job("import atexit; atexit.register(print, 'end'); print('begin')")
    assert job.communicate(timeout=60) == ("begin\nend\n", "")


def test_whoever_stops_all_processes_of_a_run_stops_its_jobs_in_order(tmp_path):
    """As the next run does with those of one that was killed."""
    run = Run(tmp_path)
    job = run.job(WAITS)
    begun(run)
    holder = run.holder()
    run.process.kill()
    holder.terminate()
    job.terminate()
    until(lambda: not holder.is_running())
    assert job.wait(timeout=60) == 3 and (run.folder / "ended").read_text() == "in order"
    run.process.wait()


def test_a_signal_that_comes_before_the_libraries_are_imported_ends_it_at_once(tmp_path):
    (tmp_path / "late.py").write_text(
        LATE,
        encoding="utf-8",
    )
    run = Run(tmp_path, "'late'")
    job = run.job(WAITS)
    until(lambda: len(psutil.Process(job.pid).net_connections("unix")) == 1)
    time.sleep(0.2)
    job.send_signal(signal.SIGTERM)
    assert job.wait(timeout=60) == -signal.SIGTERM
    (tmp_path / "go").touch()
    out, _ = run.job(JOB).communicate(timeout=60)
    assert json.loads(out)[5] == run.holder().pid and not (tmp_path / "begun").exists()
    run.end()


def test_what_is_left_to_import_is_not_imported_where_the_run_has_ended(tmp_path):
    (tmp_path / "late.py").write_text(LATE, encoding="utf-8")
    (tmp_path / "later.py").write_text("open('imported', 'w')", encoding="utf-8")
    run = Run(tmp_path, "'late', 'later'")
    holder = run.holder()
    run.end()
    (tmp_path / "go").touch()
    until(lambda: not holder.is_running())
    assert not (tmp_path / "imported").exists()


def test_no_signal_is_lost_while_it_begins(run):
    for _ in range(20):
        job = run.job("import time; time.sleep(600)")
        (copy,) = until(run.holder().children)
        copy.send_signal(signal.SIGTERM)
        assert job.wait(timeout=60) == -signal.SIGTERM


def test_it_stops_and_goes_on_with_who_asked(run):
    job = run.job(WAITS, process_group=0)  # a group that somebody of its session could continue
    copy = begun(run)
    job.send_signal(signal.SIGTSTP)
    until(lambda: copy.status() == psutil.Process(job.pid).status() == psutil.STATUS_STOPPED)
    job.send_signal(signal.SIGCONT)
    until(lambda: psutil.STATUS_STOPPED not in (copy.status(), psutil.Process(job.pid).status()))
    job.send_signal(signal.SIGTERM)
    assert job.wait(timeout=60) == 3


def test_who_could_not_be_continued_is_not_stopped(run):
    """Nor its job: as on a terminal of its own, without a shell."""
    job = run.job(WAITS, start_new_session=True)
    copy = begun(run)
    job.send_signal(signal.SIGTSTP)
    time.sleep(0.3)
    until(lambda: psutil.STATUS_STOPPED not in (copy.status(), psutil.Process(job.pid).status()))
    job.send_signal(signal.SIGTERM)
    assert job.wait(timeout=60) == 3


def test_no_job_begins_while_who_asked_is_stopped(tmp_path):
    (tmp_path / "late.py").write_text(LATE, encoding="utf-8")
    run = Run(tmp_path, "'late'")
    job = run.job(WAITS)
    until(lambda: len(psutil.Process(job.pid).net_connections("unix")) == 1)
    time.sleep(0.2)
    job.send_signal(signal.SIGSTOP)
    (tmp_path / "go").touch()
    until(run.holder().children)
    time.sleep(0.3)
    assert not (tmp_path / "begun").exists()
    job.send_signal(signal.SIGCONT)
    begun(run)
    job.send_signal(signal.SIGTERM)
    assert job.wait(timeout=60) == 3
    run.end()


def test_a_job_that_a_signal_ends_is_no_success_where_signals_are_blocked(run):
    blocked = {"preexec_fn": lambda: signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])}
    job = run.job("import os, signal; os.kill(os.getpid(), signal.SIGTERM)", **blocked)
    assert job.wait(timeout=60) == -signal.SIGTERM


def test_output_that_cannot_be_written_at_the_end_is_a_failure(run):
    with open("/dev/full", "w", encoding="ascii") as full:
        anew = subprocess.run([sys.executable, "-c", "print(1)"], stdout=full, stderr=subprocess.PIPE)
        assert run.job("print(1)", stdout=full).wait(timeout=60) == anew.returncode != 0
