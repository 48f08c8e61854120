"""Processes that a user would start in other terminals."""

import json
import operator
import os
import shutil
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tdaflow.pipeline import Engine

SSHD = shutil.which("sshd") or "/usr/sbin/sshd"
CONFIG = """
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/client_key.pub
PidFile none
StrictModes no
PasswordAuthentication no
PermitRootLogin prohibit-password
UsePAM no
"""


@pytest.fixture
def start() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start a command; it is ended with the test."""
    started: list[subprocess.Popen[str]] = []

    def go(*command: object, **options: Any) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [str(part) for part in command],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            **options,
        )
        started.append(process)
        return process

    yield go
    for process in reversed(started):
        process.terminate()
    for process in started:
        try:
            process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


@pytest.fixture
def wait_for() -> Callable[..., None]:
    """Wait until a condition holds."""

    def wait(ready: Callable[[], Any], seconds: float = 60) -> None:
        end = time.monotonic() + seconds
        while not ready():
            assert time.monotonic() < end, "waited too long"
            time.sleep(0.05)

    return wait


@pytest.fixture
def dask_processes(start, tmp_path, wait_for) -> Callable[..., Path]:
    """Start ``dask scheduler`` and ``dask worker`` with the given options; return the scheduler file."""

    def go(*options: object) -> Path:
        scheduler_file = tmp_path / "scheduler.json"
        dask = (sys.executable, "-m", "dask")
        here = ("--host", "127.0.0.1", "--scheduler-file", scheduler_file, *options)
        start(*dask, "scheduler", "--port", 0, "--no-dashboard", *here)
        wait_for(scheduler_file.is_file)
        start(*dask, "worker", "--nworkers", 2, "--nthreads", 1, "--no-dashboard", *here)
        return scheduler_file

    return go


@pytest.fixture
def wait_for_workers() -> Callable[..., None]:
    """Wait until a scheduler that was started by hand has its two workers."""

    def wait(scheduler_file: Path, security: Any = None) -> None:
        from distributed import Client

        more = {} if security is None else {"security": security}
        with Client(scheduler_file=str(scheduler_file), set_as_default=False, **more) as client:
            client.wait_for_workers(2, timeout=120)

    return wait


@pytest.fixture
def squares() -> Callable[[Engine], list[int]]:
    """Send a few tasks of the standard library alone through an engine."""

    def go(engine: Engine) -> list[int]:
        tasks = deque(SimpleNamespace(key=f"{i:08d}", real=i * i) for i in range(6))
        finished = list(engine.completed("squares", operator.attrgetter("real"), tasks))
        assert [done.error for done in finished] == [None] * 6
        return sorted(done.result for done in finished)

    return go


@pytest.fixture
def certificates(tmp_path) -> Iterator[Any]:
    """A certificate of one's own with its key, as files."""
    from tdaflow.cluster import cluster_spec
    from tdaflow.cluster.tls import security_for

    spec = cluster_spec(kind="processes", tls=True, shared_directory=str(tmp_path))
    with security_for(spec, on_disk=True) as security:
        yield security


@pytest.fixture
def sshd(start, tmp_path, wait_for) -> tuple[subprocess.Popen[str], dict[str, Any]]:
    """An SSH server on a port of its own with keys of its own: its process and the table that reaches it.

    Debian's if it is installed.
    """
    pytest.importorskip("asyncssh", reason='needs pip install "tdaflow[cluster]"')
    import asyncssh

    for name in ("host_key", "client_key"):
        key = asyncssh.generate_private_key("ssh-ed25519")
        key.write_private_key(str(tmp_path / name))
        (tmp_path / name).chmod(0o600)
        key.write_public_key(str(tmp_path / f"{name}.pub"))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (tmp_path / "sshd_config").write_text(CONFIG.format(port=port, folder=tmp_path))
    if os.path.exists(SSHD):
        if os.geteuid() == 0:
            os.makedirs("/run/sshd", exist_ok=True)  # where sshd of Debian gives up its rights
        process = start(SSHD, "-D", "-e", "-f", tmp_path / "sshd_config")
    else:
        server = Path(__file__).with_name("ssh_server.py")
        process = start(sys.executable, server, port, tmp_path / "host_key", tmp_path / "client_key.pub")
    public = (tmp_path / "host_key.pub").read_text().split()
    (tmp_path / "known_hosts").write_text(f"[127.0.0.1]:{port} {public[0]} {public[1]}\n")

    def answers():
        assert process.poll() is None, process.stderr.read()
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", port)) == 0

    wait_for(answers)
    table = {
        "hosts": ["127.0.0.1"],
        "port": port,
        "key": str(tmp_path / "client_key"),
        "known_hosts": str(tmp_path / "known_hosts"),
    }
    return process, table


# What SLURM's commands do with the folder of this test: `refusal` and `no-nodes` are what the test may put there.
SLURM = {
    "sbatch": r"""
if [ -f $F/refusal ]; then cat $F/refusal >&2; exit 1; fi
if [ "$1" = --test-only ]; then exit 0; fi
cp "$1" $F/job
logs=$(sed -n 's/^#SBATCH --output="\(.*\)job-%j.log"$/\1/p' "$1")
if [ -f $F/no-nodes ]; then setsid sleep 1000 </dev/null >/dev/null 2>&1 &
else setsid sh -c "exec >'$logs'job-\$\$.log 2>&1; exec sh $F/job" </dev/null >/dev/null 2>&1 &
fi
echo $! >> $F/submitted
echo "Submitted batch job $!"
""",
    "squeue": r"""
for id in $(cat $F/submitted); do
  if grep -q '^State:.[RSD]' /proc/$id/status; then
    if [ -f $F/no-nodes ]; then echo "$id|PENDING|Resources"; else echo "$id|RUNNING|None"; fi
  fi
done
""",
    "scancel": r"""
for id in $(if [ "$1" = --quiet ]; then cat $F/submitted; else echo "$1"; fi); do
  echo $id >> $F/cancelled
  kill -- -$id
done
""",
    "scontrol": 'echo "JobId=$4 JobState=FAILED ExitCode=127:0 NodeList=n1"',
}


PBS = {
    "qsub": r"""
if [ -f $F/refusal ]; then cat $F/refusal >&2; exit 1; fi
setsid sh -c "PBS_JOBID=\$\$.server exec bash $1" </dev/null >/dev/null 2>&1 &
echo $! >> $F/submitted
sleep 0.3  # until it was read
echo $!.server
""",
    "qselect": r"""
for id in $(cat $F/submitted); do if grep -q '^State:.[RSD]' /proc/$id/status; then echo $id.server; fi; done
""",
    "qstat": r"""
if [ "$1" = -x ]; then echo "Job Id: $3.server"; echo '    Exit_status = 271'; echo '    exec_host = n1/0'; exit; fi
shift; for id; do echo "Job Id: $id"; echo '    job_state = R'; done
""",
    "qdel": r"for id; do echo ${id%.server} >> $F/cancelled; kill -- -${id%.server}; done",
}


def _commands(folder: Path, texts: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Path:
    folder.mkdir()
    for name, text in texts.items():
        (folder / name).write_text(f"#!/bin/sh\nF={folder}\n{text}\n")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    return folder


@pytest.fixture
def slurm_commands(tmp_path, monkeypatch) -> Path:
    """Commands of a SLURM that runs jobs on this machine; the folder of their notes."""
    return _commands(tmp_path / "slurm-commands", SLURM, monkeypatch)


@pytest.fixture
def pbs_commands(tmp_path, monkeypatch) -> Path:
    """Commands of a PBS that does, as its manual has them."""
    return _commands(tmp_path / "pbs-commands", PBS, monkeypatch)


# Of a run in jobs of a real batch system.
SMALL = """
[data]
kind = "phantoms"
n_volumes = {n}
shape = [28, 28, 28]
kinds = ["ball", "shell"]

[superpixels]
n_superpixels = 400

[images]
resolution = 6

[run]
batch = 1
"""


@pytest.fixture
def command_line() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start ``tdaflow``, which is killed with the test if it has not ended; what it tells is on its standard output."""
    started = []

    def go(*arguments: object) -> subprocess.Popen[str]:
        # The tests may run under nohup, whose children ignore SIGHUP.
        code = "import signal; signal.signal(signal.SIGHUP, signal.SIG_DFL); from tdaflow.cli import main; main()"
        command = [sys.executable, "-c", code, *map(str, arguments)]
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True))
        return started[-1]

    yield go
    for process in started:
        process.kill()


@pytest.fixture
def begin(tmp_path, table, command_line):
    """Begin a run in jobs of the table's batch system; its process and its folder."""

    def go(n: int = 8, **changes: Any) -> tuple[subprocess.Popen[str], Path]:
        jobs = {**table[table["kind"]], **changes}
        lines = [f"{name} = {json.dumps(value)}" for name, value in table.items() if not isinstance(value, dict)]
        lines += [f"[{table['kind']}]", *(f"{key} = {json.dumps(value)}" for key, value in jobs.items())]
        (tmp_path / "cluster.toml").write_text("\n".join(lines))
        (tmp_path / "run.toml").write_text(SMALL.format(n=n))
        out = tmp_path / "run"
        return command_line("run", tmp_path / "run.toml", "--out", out, "--cluster", tmp_path / "cluster.toml"), out

    return go


@pytest.fixture
def n_batches() -> Callable[[Path], int]:
    """How many batches of diagrams a run has."""
    return lambda out: len(list((out / "diagrams.zarr").glob("0*")))


@dataclass(frozen=True)
class Second:
    """A task that takes some."""

    number: int

    @property
    def key(self) -> str:
        return f"{self.number:08d}"


def _three_seconds(task: Second) -> int:
    time.sleep(3)
    return task.number


def _suspicions(dask_scheduler: Any) -> list[str]:
    return [task.key for task in dask_scheduler.tasks.values() if task.suspicious]


@pytest.fixture
def work_across_wall_times(table):
    """Keep the two workers of a job busy for longer than its wall time, and check that no task dies; what was said."""

    def go() -> list[str]:
        from tdaflow.cluster import cluster_spec, connect

        table[table["kind"]]["walltime"] = "00:02:00"
        said: list[str] = []
        with connect(cluster_spec(**table), said.append) as engine:
            began = time.monotonic()
            n = 2 * 150 // 3  # for two and a half minutes
            finished = list(engine.completed("seconds", _three_seconds, deque(map(Second, range(n)))))
            assert time.monotonic() - began > 140
            assert sorted(done.result for done in finished) == list(range(n))
            # The scheduler counts deaths of workers: nobody was blamed.
            assert engine.client.run_on_scheduler(_suspicions) == []
        return said

    return go
