"""Fork servers: processes that import a run's libraries once, and fork for each of its jobs.

To import TensorFlow takes a job longer than most jobs' work. So a run on this machine starts one process for each set
of libraries that several of its jobs need (`start`); each imports the modules behind their stages, and waits (`serve`).
For the time of the run `python` is a script in front of run_warm.py, which asks the process for its program: that is
run in a copy (fork), with the arguments, environment, folder and open files of whoever asked. A job stays a process of
its own, with its own record, costs, log, signals and end. Where such a process is missing or has died, jobs start as
usual.

They end with the run, whatever ends it, after the jobs that are at work then.
"""

import atexit
import contextlib
import ctypes
import gc
import importlib
import itertools
import json
import os
import runpy
import select
import selectors
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NoReturn

from medfusion.jobs.stage import THREAD_VARIABLES

FOLDER_VARIABLE = "MEDFUSION_WARM"  # as in run_warm.py
COLD_VARIABLE = "MEDFUSION_COLD"  # set by who wants none of this
DIE_WITH_PARENT, NAME = 1, 15  # PR_SET_PDEATHSIG and PR_SET_NAME of prctl(2)
WAITING = 1000  # jobs, at most, while libraries are imported
REQUEST = 1 << 20  # bytes that are read of a request at once
PATIENCE = 10  # seconds for a request
FLUSH_FAILED = 120  # Python's exit status where its last output could not be written


def start(programs: Path, sets: Iterable[Mapping[str, str]], threads: int, log: Path) -> None:
    """Start the processes, and put a `python` first in PATH that hands jobs to them; else jobs start as usual.

    Parameters
    ----------
    programs : the folder of the programs
    sets : stages that need the same libraries, with the names of their programs
    threads : that numeric libraries may use
    log : the file for what is printed while they are imported
    """
    if sys.platform != "linux" or os.environ.get(COLD_VARIABLE):  # elsewhere forking is not safe
        return
    with contextlib.suppress(OSError):  # a full disk, a path that is too long for a socket
        _start(programs, sets, threads, log)


def _start(programs: Path, sets: Iterable[Mapping[str, str]], threads: int, log: Path) -> None:
    folder = Path(tempfile.mkdtemp(prefix="medfusion-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    variables = dict.fromkeys(THREAD_VARIABLES, str(threads))
    log.parent.mkdir(parents=True, exist_ok=True)
    alive, ours = os.pipe()  # until this process ends nobody closes the second end
    with open(log, "wb") as output:
        for number, stages in enumerate(sets):
            # Here, so that the first jobs wait for it, and do not import the same beside it.
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(str(folder / f"{number}.socket"))
            listener.listen(WAITING)
            for name in set(stages.values()):
                (folder / name).symlink_to(f"{number}.socket")
            process = subprocess.Popen(
                [sys.executable, str(programs / "keep_warm.py"), str(listener.fileno()), str(alive)],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                env={**os.environ, **variables},
                pass_fds=[listener.fileno(), alive],
                start_new_session=True,  # Ctrl-C is for jobs, which pass it on
            )
            assert process.stdin
            process.stdin.write(json.dumps({"stages": sorted(stages), "environment": dict(os.environ)}).encode())
            process.stdin.close()
            listener.close()
    os.close(alive)
    command = shlex.join([sys.executable, "-IS", str((programs / "run_warm.py").absolute())])
    script = folder / "python"
    script.write_text(f'#!/bin/sh\nexec {command} "$@"\n', encoding="utf-8", errors="surrogateescape")
    script.chmod(0o755)
    os.environ[FOLDER_VARIABLE] = str(folder)
    os.environ["PATH"] = os.pathsep.join([str(folder), os.environ["PATH"]])


def serve(listening: int, alive: int, behind: Callable[[str], list[str]]) -> NoReturn:
    """Import what the stages on standard input need, then start a copy for each job that asks, until the run ends.

    Parameters
    ----------
    listening : the socket that they ask at
    alive : the end of a pipe whose other end is closed when the run ends
    behind : of a stage, the modules to import
    """
    wanted, listener = json.load(sys.stdin), socket.socket(fileno=listening)
    folder = Path(listener.getsockname()).parent
    for module in dict.fromkeys(itertools.chain(*map(behind, wanted["stages"]))):
        if select.select([alive], [], [], 0)[0]:  # the run has ended
            break
        importlib.import_module(module)
    sys.stdout.flush()  # or each copy would print it once more
    gc.collect()
    gc.freeze()  # a copy that looks for garbage would copy all of it
    _loop(listener, alive, wanted["environment"])
    shutil.rmtree(folder, ignore_errors=True)  # if the run was killed, and could not
    os._exit(0)  # to take TensorFlow apart takes a second


def _loop(listener: socket.socket, alive: int, environment: Mapping[str, str]) -> None:
    jobs: dict[int, socket.socket] = {}
    ended, wake = os.pipe()
    for end in (ended, wake):
        os.set_blocking(end, False)
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # it ends after its jobs, which would be killed with it
    with selectors.DefaultSelector() as waiting:
        for file in (listener, alive, ended):
            waiting.register(file, selectors.EVENT_READ)
        open_to_jobs = True
        while open_to_jobs or jobs:
            for key, _ in waiting.select():
                if key.fileobj is listener:
                    if not open_to_jobs:  # since this moment
                        continue
                    try:
                        connection = listener.accept()[0]
                    except OSError:  # too many files are open
                        time.sleep(0.1)
                        continue
                    own = [listener.fileno(), waiting.fileno(), alive, ended, wake]
                    own += [connection.fileno(), *(other.fileno() for other in jobs.values())]
                    if (process := _copy(connection, environment, own)) is None:
                        connection.close()
                        continue
                    jobs[process] = connection
                    waiting.register(connection, selectors.EVENT_READ, process)
                elif key.fd == alive:
                    open_to_jobs = False
                    waiting.unregister(alive)
                    waiting.unregister(listener)
                    listener.close()
                elif key.fd == ended:
                    os.read(ended, REQUEST)
                    for process, status in _ended():
                        if process not in jobs:  # nobody was there any more to hear of it
                            continue
                        connection = jobs.pop(process)
                        with contextlib.suppress(KeyError):
                            waiting.unregister(connection)
                        with contextlib.suppress(OSError):  # nobody waits for it any more
                            connection.sendall(f"{status}\n".encode())
                        connection.close()
                elif key.data in jobs:  # who asked has been killed
                    waiting.unregister(key.fileobj)
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(key.data, signal.SIGKILL)


def _ended() -> Iterable[tuple[int, int]]:
    """The processes that have ended, with their status."""
    while True:
        try:
            process, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not process:
            return
        yield process, status


def _copy(connection: socket.socket, environment: Mapping[str, str], own: list[int]) -> int | None:
    """Start a copy of this process for a request; its process id, or None if the request is invalid.

    Parameters
    ----------
    own : descriptors that are not the copy's
    """
    connection.settimeout(PATIENCE)
    descriptors: list[int] = []
    try:
        text, descriptors, _, _ = socket.recv_fds(connection, REQUEST, 16)
        while not text.endswith(b"\n"):
            if not (more := connection.recv(REQUEST)):
                return None
            text += more
        asked = json.loads(text)
        if len(descriptors) != 1 + len(asked["descriptors"]):  # too many files are open
            return None
        (still := select.poll()).register(connection, select.POLLIN)
        if still.poll(0):  # its end: who asked has been killed
            return None
        unblocked = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        try:
            process = os.fork()
            if not process:
                _become(asked, descriptors, environment, own, unblocked)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, unblocked)
        try:
            connection.sendall(f"{process}\n".encode())
        except OSError:  # who asked has been killed
            os.kill(process, signal.SIGKILL)
            return None
        return process
    except (OSError, ValueError):
        return None
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


def _become(
    asked: Mapping[str, Any],
    descriptors: list[int],
    environment: Mapping[str, str],
    own: list[int],
    unblocked: Iterable[int],
) -> NoReturn:
    """Be the job that was asked for: run its program, and end.

    Signals are blocked until here, so that none is lost that came before the copy could take it.
    """
    status = 1
    try:
        system = ctypes.CDLL(None)
        system.prctl(DIE_WITH_PARENT, signal.SIGKILL)
        system.prctl(NAME, Path(asked["arguments"][0]).stem.encode())  # as `top` has it
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, unblocked)
        for descriptor in own:
            os.close(descriptor)
        begin, *passed = descriptors
        if not os.read(begin, 1):  # who asked was killed before it knew this process
            os._exit(status)
        for descriptor, number in zip(passed, asked["descriptors"], strict=True):
            os.dup2(descriptor, number)
        for descriptor in set(descriptors) - set(asked["descriptors"]):
            os.close(descriptor)
        with contextlib.suppress(OSError), open("/proc/self/clear_refs", "w", encoding="ascii") as file:
            file.write("5")  # the peak of memory is this process's own from here
        os.chdir(asked["folder"])
        os.umask(asked["mask"])
        # What the libraries have set stays; what differs for this job from the run is taken over.
        for name in environment.keys() | asked["environment"].keys():
            if (value := asked["environment"].get(name)) != environment.get(name):
                os.environ.pop(name, None) if value is None else os.environ.__setitem__(name, value)
        sys.argv = asked["arguments"]
        sys.path[0] = os.path.dirname(os.path.abspath(sys.argv[0]))
        runpy.run_path(sys.argv[0], run_name="__main__")
        status = 0
    except SystemExit as end:
        status = _status(end)
    except BaseException:
        traceback.print_exc()
    finally:
        try:
            atexit._run_exitfuncs()
            sys.stdout.flush()
            sys.stderr.flush()
        except BaseException:  # a full disk behind the standard output
            status = status or FLUSH_FAILED
        os._exit(status)


def _status(end: SystemExit) -> int:
    """The exit status that Python makes of it."""
    if isinstance(end.code, int):
        return end.code & 0xFF
    if end.code is not None:
        print(end.code, file=sys.stderr)
    return int(end.code is not None)
