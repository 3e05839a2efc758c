"""Run a program in a copy of a process that has its libraries imported; where there is none, in a process of its own.

`python -IS run_warm.py PROGRAM ARGUMENT …` is what `python` means to the jobs of a run on this machine
(`medfusion.jobs.warm`). It imports next to nothing, and lasts as long as the program: signals reach that, and its end
is this one's.
"""

import contextlib
import json
import os
import signal
import socket
import sys

FOLDER = "MEDFUSION_WARM"  # of the processes' sockets, one by the name of each program that they are for
DESCRIPTORS = (0, 1, 2, 9)  # 9: the terminal (jobs/stage.py)
PASSED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGTSTP)
job = 0  # the number of its process, once it is known


def main() -> None:
    global job
    arguments = sys.argv[1:]
    descriptors = [number for number in DESCRIPTORS if is_open(number)]  # before there is one more
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.connect(os.path.join(os.environ[FOLDER], os.path.splitext(os.path.basename(arguments[0]))[0]))
    except (OSError, KeyError, IndexError):  # no program that one of them is for, or none is left
        os.execv(sys.executable, [sys.executable, *arguments])
    for number in PASSED_ON:
        if signal.getsignal(number) != signal.SIG_IGN:  # nohup
            signal.signal(number, pass_on)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, PASSED_ON)
    begin, told = os.pipe()  # the job begins when this process knows its number
    mask = os.umask(0)
    asked = {"arguments": arguments, "folder": os.getcwd(), "environment": dict(os.environ), "mask": mask}
    text = json.dumps({**asked, "descriptors": descriptors}).encode() + b"\n"
    try:
        sent = socket.send_fds(connection, [text], [begin, *descriptors])
        os.close(begin)
        if sent < len(text):  # to send nothing fails where the job has been killed, and has been told of, already
            connection.sendall(text[sent:])
        answers = connection.makefile("r")
        job = int(answers.readline())
    except (OSError, ValueError):  # it ended before it began
        os.umask(mask)
        os.execv(sys.executable, [sys.executable, *arguments])
    with contextlib.suppress(OSError):  # it has been killed
        os.write(told, b"\n")
    os.close(told)
    try:
        status = int(answers.readline())
    except (OSError, ValueError):
        sys.exit("error: the process that held its libraries was killed, and it with that; run again")
    if os.WIFSIGNALED(status):
        end_by(os.WTERMSIG(status))
    os._exit(os.WEXITSTATUS(status))


def is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def pass_on(number: int, frame: object) -> None:
    """A signal is the job's; one that comes before there is a job ends this process, and with that its request."""
    if number == signal.SIGTSTP:  # the job has no terminal that would stop it
        to_job(signal.SIGSTOP)
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)  # stops here, unless nobody is there who could let it go on
        signal.signal(number, pass_on)
        to_job(signal.SIGCONT)
    elif job:
        to_job(number)
    else:
        end_by(number)


def to_job(number: int) -> None:
    with contextlib.suppress(ProcessLookupError):  # it has ended, and its status is on the way
        if job:
            os.kill(job, number)


def end_by(number: int) -> None:
    """End as what a signal ended."""
    with contextlib.suppress(OSError):  # of SIGKILL there is no other
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [number])
    os.kill(os.getpid(), number)
    os._exit(128 + number)


if __name__ == "__main__":
    main()
