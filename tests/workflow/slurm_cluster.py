"""A Slurm cluster of three nodes on one machine for tests: daemons in the foreground, all files in a temporary folder.

`python tests/workflow/slurm_cluster.py` says in one line whether this machine can have one; with a command behind it,
it starts one, runs the command in it, and stops it. A process of its own keeps the cluster, and stops it when the one
that asked for it ends, in whatever way.
"""

import contextlib
import json
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

DAEMONS = ("munged", "slurmctld", "slurmd")
COMMANDS = ("sbatch", "srun", "squeue", "scancel", "scontrol", "sinfo")
KEEP = "--keep"
PATIENCE = 60  # seconds that a daemon may take to answer, or to end
NODES = ("node1", "node2", "node3")  # the first has the GPU
# What Slurm is told that each node has, whatever the machine has: enough for one job that trains, or two others.
PROCESSORS, MEMORY_MB = 2, 3000
# Without cgroups: processes are followed by their parents, and memory is looked at every second.
CONFIGURATION = """\
ClusterName=tests
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=5
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool/%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/%n.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
AccountingStorageType=accounting_storage/none
SchedulerParameters=batch_sched_delay=0,sched_interval=2
ReturnToService=2
SlurmdTimeout=30
SlurmdParameters=config_overrides
KillWait=5
MinJobAge=3600
GresTypes=gpu
{nodes}
PartitionName=nodes Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


class CannotStart(Exception):
    """Why there is no cluster, in one line."""


def lacking() -> str | None:
    """What this machine lacks for a cluster, and what to do; None if nothing."""
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])
    if missing := [name for name in (*DAEMONS, *COMMANDS) if not shutil.which(name, path=path)]:
        return f"no Slurm here ({', '.join(missing)} not found); on Debian: apt-get install slurm-wlm munge"
    return None


@contextlib.contextmanager
def cluster() -> Iterator[dict[str, str]]:
    """A cluster on this machine for the block; the environment variables that lead to it.

    When the block ends, or this process is killed, all that was started ends, jobs too, and its folder goes.

    Raises
    ------
    CannotStart
        If a program is missing, or a daemon does not come up; the message ends with what it wrote last.
    """
    if reason := lacking():
        raise CannotStart(reason)
    command = [sys.executable, __file__, KEEP]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as keeper:
        answer = json.loads(keeper.stdout.readline() or '"its keeper ended"')
        if isinstance(answer, str):
            raise CannotStart(answer)
        yield answer


def keep() -> None:
    """Start a cluster, print the variables that lead to it or why there is none, and stop it when stdin ends."""
    folder = Path(tempfile.mkdtemp(prefix="slurm"))
    daemons: list[subprocess.Popen] = []
    try:
        environment = _configure(folder)
        for command in _daemons(folder):
            daemons.append(_start(command, folder, environment))
            _wait_until_up(command, daemons, folder, environment)
        print(json.dumps(environment), flush=True)
        sys.stdin.read()
    except CannotStart as error:
        print(json.dumps(str(error)), flush=True)
    finally:
        _stop(daemons, folder)
        shutil.rmtree(folder)


def _configure(folder: Path) -> dict[str, str]:
    folder.chmod(0o755)  # munged wants its socket to be reachable
    for name in ("state", "bin", *(f"spool/{node}" for node in NODES)):
        (folder / name).mkdir(parents=True)
    key = folder / "munge.key"
    key.touch(0o600)
    key.write_bytes(secrets.token_bytes(1024))
    host = socket.gethostname().split(".")[0]
    values = {
        "folder": folder,
        "host": host,
        "user": pwd.getpwuid(os.geteuid()).pw_name,
        "controller_port": _free_port(),
        "nodes": "\n".join(
            f"NodeName={name} NodeHostname={host} NodeAddr=127.0.0.1 Port={_free_port()} CPUs={PROCESSORS} "
            f"RealMemory={MEMORY_MB} State=UNKNOWN" + " Gres=gpu:1" * (name == NODES[0])
            for name in NODES
        ),
    }
    (folder / "slurm.conf").write_text(CONFIGURATION.format(**values))
    (folder / "gres.conf").write_text(f"NodeName={NODES[0]} Name=gpu File=/dev/null\n")  # one, for Slurm to count
    (folder / "cgroup.conf").write_text("CgroupAutomount=no\n")
    # Inside a job Snakemake starts srun without the variables of Slurm; a cluster has its file where srun looks for it.
    srun = folder / "bin" / "srun"
    srun.write_text(f'#!/bin/sh\nSLURM_CONF={folder}/slurm.conf exec {shutil.which("srun")} "$@"\n')
    srun.chmod(0o755)
    path = os.pathsep.join([str(folder / "bin"), os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])
    return {"SLURM_CONF": str(folder / "slurm.conf"), "PATH": path}


def _start(command: list[str], folder: Path, environment: dict[str, str]) -> subprocess.Popen:
    with open(folder / f"{command[0]}.log", "ab") as log:
        return subprocess.Popen(
            command,
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            env={**os.environ, **environment},
            cwd=folder,
        )


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def _node(name: str) -> list[str]:
    return ["slurmd", "-D", "-N", name]


def _daemons(folder: Path) -> list[list[str]]:
    munge = {
        "key-file": "munge.key",
        "socket": "munge.socket",
        "pid-file": "munged.pid",
        "log-file": "munge.log",
        "seed-file": "munge.seed",
    }
    options = [f"--{option}={folder / name}" for option, name in munge.items()]
    return [
        ["munged", "--foreground", *options],
        ["slurmctld", "-D"],
        *(["slurmd", "-D", "-N", node] for node in NODES),
    ]


def _wait_until_up(
    command: list[str], daemons: list[subprocess.Popen], folder: Path, environment: dict[str, str]
) -> None:
    name, node = command[0], command[-1]
    questions = {
        "munged": lambda: (folder / "munge.socket").exists(),
        "slurmctld": lambda: "UP" in ask("scontrol", "ping", environment=environment),
        "slurmd": lambda: ask("sinfo", "-h", "-n", node, "-o", "%T", environment=environment).strip() == "idle",
    }
    end = time.monotonic() + PATIENCE
    while not questions[name]():
        if time.monotonic() > end or any(daemon.poll() is not None for daemon in daemons):
            logs = [folder / f"{name}.log", folder / "munge.log"]
            said = "\n".join(log.read_text(errors="replace") for log in logs if log.exists()).strip()
            raise CannotStart(f"{name} does not come up; it wrote:\n{said[-1500:]}")
        time.sleep(0.2)


def ask(*command: str, environment: dict[str, str]) -> str:
    """What a command of Slurm prints, with its errors."""
    done = subprocess.run(
        command,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE,
    )
    return done.stdout


def _stop(daemons: list[subprocess.Popen], folder: Path) -> None:
    """End the daemons, the youngest first, and whatever they started."""
    for daemon in reversed(daemons):
        daemon.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            daemon.wait(PATIENCE)
    left = processes(folder)
    for process in left:
        with contextlib.suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(left, PATIENCE)
    for daemon in daemons:  # that did not listen
        daemon.kill()
        daemon.wait()


def processes(folder: Path) -> list[psutil.Process]:
    """The processes that belong to the cluster of a folder: its daemons, its jobs, but not this process.

    Jobs have its variables; what watches over a job has lost them, and works where the daemons do.
    """
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            configuration = process.environ().get("SLURM_CONF")
            if process.pid != os.getpid() and (
                configuration == str(folder / "slurm.conf") or process.cwd().startswith(str(folder))
            ):
                found.append(process)
    return found


def crash(folder: Path, node: str, job: str) -> None:
    """Kill all processes of a node and of the job that it runs, as a power cut does; Slurm has to find out."""
    for process in processes(folder):
        with contextlib.suppress(psutil.Error):
            words = " ".join(process.cmdline())
            daemon = words.startswith("slurmd") and node in words or f"slurmstepd: [{job}." in words
            if daemon or process.environ().get("SLURM_JOB_ID") == job:
                process.kill()


def bring_back(folder: Path, node: str, environment: dict[str, str]) -> None:
    """Start a node again that went down."""
    _wait_until_up(_node(node), [_start(_node(node), folder, environment)], folder, environment)


def main(command: list[str]) -> int:
    """Run a command in a cluster, or say whether there could be one."""
    if not command:
        reason = lacking()
        print(reason or "Slurm is here", file=sys.stderr)
        return int(bool(reason))
    if command == [KEEP]:
        keep()
        return 0
    try:
        with cluster() as environment:
            return subprocess.run(command, env={**os.environ, **environment}).returncode
    except CannotStart as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
